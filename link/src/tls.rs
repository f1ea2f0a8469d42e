//! TLS identities: who a server or client is, whom it trusts, and changing both without a restart.
//!
//! TLS 1.3 only, with the ring provider. The protocol is agreed by ALPN: batches and HTTP share a port.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::SystemTime,
};

use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, ConfigSide, RootCertStore, ServerConfig, StreamOwned, WantsVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
#[cfg(feature = "tokio")]
use tokio::net::TcpStream;
#[cfg(feature = "tokio")]
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::Error;

/// A server's end of a TLS connection.
#[cfg(feature = "tokio")]
pub type ServerStream = tokio_rustls::server::TlsStream<TcpStream>;
/// A client's end of a TLS connection.
#[cfg(feature = "tokio")]
pub type ClientStream = tokio_rustls::client::TlsStream<TcpStream>;

/// A client's end of a TLS connection that blocks.
pub(crate) type BlockingStream = StreamOwned<ClientConnection, std::net::TcpStream>;

/// What a TLS connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// Framed batches and acks, `weir/1`.
    Batches,
    /// The HTTP API, `http/1.1`; also what a client that names no protocol gets.
    Http,
}

impl Alpn {
    /// The name sent in the handshake.
    pub const fn name(self) -> &'static [u8] {
        match self {
            Self::Batches => b"weir/1",
            Self::Http => b"http/1.1",
        }
    }
}

/// The PEM files of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// Certificate chain, leaf first.
    pub certificates: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
    /// Authorities whose client certificates are accepted. `None`: clients show tokens only.
    pub client_authorities: Option<PathBuf>,
}

impl ServerFiles {
    fn written(&self) -> Vec<Option<SystemTime>> {
        let paths = [Some(&self.certificates), Some(&self.key), self.client_authorities.as_ref()];
        paths.into_iter().flatten().map(|path| path.metadata().and_then(|file| file.modified()).ok()).collect()
    }
}

/// A server's identity, reloadable while connections come in.
#[derive(Debug)]
pub struct ServerTls {
    files: ServerFiles,
    config: RwLock<Arc<ServerConfig>>,
    /// When the files in force were written.
    written: Mutex<Vec<Option<SystemTime>>>,
}

impl ServerTls {
    /// Loads the files.
    ///
    /// # Errors
    /// [`Error::Pem`] for a file that cannot be read or holds nothing of its kind, [`Error::Identity`] if they do not
    /// fit each other.
    pub fn load(files: ServerFiles) -> Result<Self, Error> {
        let written = Mutex::new(files.written());
        let config = RwLock::new(server_config(&files)?);
        Ok(Self { files, config, written })
    }

    /// Loads the files again. New connections get the new identity; running ones keep theirs.
    ///
    /// # Errors
    /// As for [`ServerTls::load`]; the old identity then stays.
    pub fn reload(&self) -> Result<(), Error> {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = self.files.written();
        let config = server_config(&self.files)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Whether a file was written since the last load, be that load good or not.
    pub fn has_changed(&self) -> bool {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) != self.files.written()
    }

    /// The files that it was loaded from.
    pub fn files(&self) -> &ServerFiles {
        &self.files
    }

    /// The configuration for the next connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shakes hands with a client. The caller sets the time limit.
    ///
    /// # Errors
    /// [`Error::Handshake`] with what went wrong.
    #[cfg(feature = "tokio")]
    pub async fn accept(&self, stream: TcpStream) -> Result<(ServerStream, Alpn), Error> {
        let stream = TlsAcceptor::from(self.config()).accept(stream).await.map_err(Error::Handshake)?;
        let agreed = stream.get_ref().1.alpn_protocol();
        let alpn = if agreed == Some(Alpn::Batches.name()) { Alpn::Batches } else { Alpn::Http };
        Ok((stream, alpn))
    }

    /// Shakes hands with a client that speaks HTTP/2 and nothing else. The caller sets the time limit.
    ///
    /// # Errors
    /// [`Error::Handshake`] with what went wrong; a client that offers other protocols only is refused here.
    #[cfg(feature = "tokio")]
    pub async fn accept_http2(&self, stream: TcpStream) -> Result<ServerStream, Error> {
        let mut config = ServerConfig::clone(&self.config());
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config)).accept(stream).await.map_err(Error::Handshake)
    }
}

/// The certificate that a client proved to own, in DER; `None` if it showed none.
#[cfg(feature = "tokio")]
pub fn client_certificate(stream: &ServerStream) -> Option<&[u8]> {
    stream.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref)
}

/// The PEM files of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// Authorities that may vouch for a server.
    pub authorities: PathBuf,
    /// Certificate chain and private key to show to a server that asks. `None`: the client shows a token.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A client's trust and identity for one protocol.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

impl ClientTls {
    /// Loads the files.
    ///
    /// # Errors
    /// As for [`ServerTls::load`].
    pub fn load(files: &ClientFiles, alpn: Alpn) -> Result<Self, Error> {
        let builder =
            builder(ClientConfig::builder_with_provider)?.with_root_certificates(authorities(&files.authorities)?);
        let mut config = match &files.identity {
            Some((certificates, key)) => builder
                .with_client_auth_cert(read_certificates(certificates)?, read_key(key)?)
                .map_err(|source| Error::Identity { path: certificates.clone(), source })?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![alpn.name().to_vec()];
        Ok(Self { config: Arc::new(config) })
    }

    /// The configuration, for callers that bring their own stream.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Shakes hands with the server called `name`. The caller sets the time limit.
    ///
    /// # Errors
    /// [`Error::ServerName`] for a name that is none, [`Error::Handshake`] with what went wrong.
    #[cfg(feature = "tokio")]
    pub async fn connect(&self, stream: TcpStream, name: &str) -> Result<ClientStream, Error> {
        TlsConnector::from(self.config()).connect(server_name(name)?, stream).await.map_err(Error::Handshake)
    }

    /// A stream to the server called `name` that blocks; it shakes hands with the first byte.
    ///
    /// # Errors
    /// As for [`ClientTls::connect`].
    pub(crate) fn connect_blocking(&self, stream: std::net::TcpStream, name: &str) -> Result<BlockingStream, Error> {
        let connection = ClientConnection::new(self.config(), server_name(name)?);
        let connection = connection.map_err(|error| Error::Handshake(std::io::Error::other(error)))?;
        Ok(StreamOwned::new(connection, stream))
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(name.to_owned()).map_err(|_| Error::ServerName(name.to_owned()))
}

fn server_config(files: &ServerFiles) -> Result<Arc<ServerConfig>, Error> {
    let builder = builder(ServerConfig::builder_with_provider)?;
    let builder = match &files.client_authorities {
        Some(path) => {
            let roots = Arc::new(authorities(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::new(ring::default_provider()));
            let verifier = verifier
                .allow_unauthenticated()
                .build()
                .map_err(|e| Error::Identity { path: path.clone(), source: rustls::Error::General(e.to_string()) })?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let chain = read_certificates(&files.certificates)?;
    let identity = |source| Error::Identity { path: files.certificates.clone(), source };
    let mut config = builder.with_single_cert(chain, read_key(&files.key)?).map_err(identity)?;
    config.alpn_protocols = vec![Alpn::Batches.name().to_vec(), Alpn::Http.name().to_vec()];
    Ok(Arc::new(config))
}

type Start<S> = fn(Arc<CryptoProvider>) -> ConfigBuilder<S, rustls::WantsVersions>;

fn builder<S: ConfigSide>(start: Start<S>) -> Result<ConfigBuilder<S, WantsVerifier>, Error> {
    start(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Error::Provider)
}

fn authorities(path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots.add(certificate).map_err(|source| Error::Identity { path: path.to_owned(), source })?;
    }
    Ok(roots)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = |source| Error::Pem { path: path.to_owned(), source };
    let found: Vec<_> = CertificateDer::pem_file_iter(path).map_err(pem)?.collect::<Result<_, _>>().map_err(pem)?;
    if found.is_empty() { Err(pem(rustls::pki_types::pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = weir_files::read_secret(path)?;
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|source| Error::Pem { path: path.to_owned(), source })
}
