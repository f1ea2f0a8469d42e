//! TLS identities on real sockets: who is trusted, what is agreed, and reload.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::AsyncReadExt,
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use weir_link::{Alpn, ClientFiles, ClientTls, Error, ServerFiles, ServerTls, client_certificate};

/// An authority that writes PEM files.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes `<name>.pem` and `<name>.key`; returns the certificate's DER.
    fn issue(&self, folder: &Path, name: &str) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        weir_files::replace(&folder.join(format!("{name}.key")), key.serialize_pem().as_bytes(), 0o600).unwrap();
        certificate.der().to_vec()
    }
}

fn folder() -> (tempfile::TempDir, Authority, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let server = authority.issue(folder.path(), "localhost");
    (folder, authority, server)
}

fn server(folder: &Path) -> ServerTls {
    let client_authorities = Some(folder.join("ca.pem"));
    let (certificates, key) = (folder.join("localhost.pem"), folder.join("localhost.key"));
    ServerTls::load(ServerFiles { certificates, key, client_authorities }).unwrap()
}

fn client(folder: &Path, alpn: Alpn, name: Option<&str>) -> ClientTls {
    let identity = name.map(|name| (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key"))));
    ClientTls::load(&ClientFiles { authorities: folder.join("ca.pem"), identity }, alpn).unwrap()
}

/// Connects once: what the server agreed to and the client certificate it saw; what the client saw of the server.
async fn meet(server: &ServerTls, client: &ClientTls) -> Result<(Alpn, Option<Vec<u8>>, Vec<u8>), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = async {
        let (mut stream, alpn) = server.accept(listener.accept().await.unwrap().0).await?;
        stream.write_all(b"!").await.map_err(Error::Handshake)?;
        stream.flush().await.map_err(Error::Handshake)?;
        Ok((alpn, client_certificate(&stream).map(<[u8]>::to_vec)))
    };
    let connected = async {
        let mut stream = client.connect(TcpStream::connect(address).await.unwrap(), "localhost").await?;
        stream.read_u8().await.map_err(Error::Handshake)?;
        Ok(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec())
    };
    let (accepted, connected): (Result<_, Error>, Result<_, Error>) = tokio::join!(accepted, connected);
    let (alpn, certificate) = accepted?;
    Ok((alpn, certificate, connected?))
}

#[tokio::test]
async fn protocol_and_certificates_are_agreed() {
    let (folder, authority, certificate) = folder();
    let folder = folder.path();
    let server = server(folder);
    let agent = authority.issue(folder, "agent");
    let met = meet(&server, &client(folder, Alpn::Batches, None)).await.unwrap();
    assert_eq!(met, (Alpn::Batches, None, certificate.clone()));
    let met = meet(&server, &client(folder, Alpn::Http, Some("agent"))).await.unwrap();
    assert_eq!(met, (Alpn::Http, Some(agent), certificate));
}

#[tokio::test]
async fn strangers_are_refused() {
    let (folder, _, _) = folder();
    let (other, stranger, _) = self::folder();
    stranger.issue(other.path(), "agent");
    let foreign_server = meet(&server(other.path()), &client(folder.path(), Alpn::Batches, None)).await;
    assert!(matches!(foreign_server, Err(Error::Handshake(_))));
    for file in ["agent.pem", "agent.key"] {
        fs::copy(other.path().join(file), folder.path().join(file)).unwrap();
    }
    let foreign_client = meet(&server(folder.path()), &client(folder.path(), Alpn::Batches, Some("agent"))).await;
    assert!(matches!(foreign_client, Err(Error::Handshake(_))));
}

#[tokio::test]
async fn a_reload_changes_the_identity_and_a_bad_one_does_not() {
    let (folder, authority, first) = folder();
    let folder = folder.path();
    let (server, client) = (server(folder), client(folder, Alpn::Batches, None));
    assert_eq!(meet(&server, &client).await.unwrap().2, first);
    let second = authority.issue(folder, "localhost");
    assert_eq!(meet(&server, &client).await.unwrap().2, first);
    server.reload().unwrap();
    assert_eq!(meet(&server, &client).await.unwrap().2, second);
    fs::write(folder.join("localhost.key"), "not a key").unwrap();
    let error = server.reload().unwrap_err();
    assert!(matches!(&error, Error::Pem { path, .. } if path.ends_with("localhost.key")), "{error}");
    assert_eq!(meet(&server, &client).await.unwrap().2, second);
}

#[test]
fn files_that_do_not_fit_are_named() {
    let (folder, authority, _) = folder();
    let folder = folder.path();
    authority.issue(folder, "other");
    let check = |certificates: &str, key: &str, expected: &str| {
        let files =
            ServerFiles { certificates: folder.join(certificates), key: folder.join(key), client_authorities: None };
        let error = ServerTls::load(files).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("missing.pem", "localhost.key", "missing.pem");
    check("localhost.pem", "localhost.pem", "localhost.pem");
    check("localhost.key", "localhost.key", "localhost.key");
    check("localhost.pem", "other.key", "localhost.pem");
}
