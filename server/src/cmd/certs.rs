//! `weir certs dev`: an authority and certificates for trying TLS out. Nothing here is for production.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use weir_files::say;
use weir_identity::replace_secret_file;
use weir_sample::Timestamp;

use crate::clock::now;

/// What to do with certificates.
#[derive(Subcommand)]
pub(crate) enum CertsCommand {
    /// Make an authority, a server's and a client's certificate for development
    Dev(DevArgs),
}

#[derive(Args)]
pub(crate) struct DevArgs {
    /// Folder for ca, server and client, each .pem and .key. An authority that is there is used again
    dir: PathBuf,
    /// Name or address of the server besides localhost, 127.0.0.1 and ::1; repeat for more
    #[arg(long)]
    host: Vec<String>,
    /// Name of the client
    #[arg(long, default_value = "weir-agent")]
    client: String,
    /// Days that the server's and client's certificates are valid; the authority's is valid for ten years
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..))]
    days: u16,
}

pub(crate) fn main(command: CertsCommand) -> Result<()> {
    let CertsCommand::Dev(args) = command;
    make(&args, now())?;
    say!(
        "{}: ca.pem for those who trust; server.pem, server.key and client.pem, client.key to use",
        args.dir.display()
    );
    Ok(())
}

fn make(args: &DevArgs, now: Timestamp) -> Result<()> {
    weir_files::create_folder(&args.dir)?;
    let authority = authority(&args.dir, now)?;

    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    hosts.extend(args.host.iter().cloned());
    let server = CertificateParams::new(hosts).context("a host's name cannot stand in a certificate")?;
    sign(args, "server", "weir server", server, ExtendedKeyUsagePurpose::ServerAuth, &authority, now)?;
    let client = CertificateParams::default();
    sign(args, "client", &args.client, client, ExtendedKeyUsagePurpose::ClientAuth, &authority, now)
}

/// The authority of the folder; made if there is none, so that certificates can be renewed under the same one.
fn authority(dir: &Path, now: Timestamp) -> Result<Issuer<'static, KeyPair>> {
    let (certificate, key) = (dir.join("ca.pem"), dir.join("ca.key"));
    if key.exists() {
        let pem = weir_files::read_secret(&key)?;
        let pair = KeyPair::from_pem(&pem).with_context(|| format!("{} holds no key", key.display()))?;
        return Ok(Issuer::new(authority_params(now), pair));
    }
    if certificate.exists() {
        bail!("{} is there without ca.key: its key is kept elsewhere; give another folder", certificate.display());
    }
    let pair = KeyPair::generate()?;
    let params = authority_params(now);
    let signed = params.self_signed(&pair)?;
    replace_secret_file(&key, &pair.serialize_pem())?;
    weir_files::replace(&certificate, signed.pem().as_bytes(), FOR_ALL)?;
    Ok(Issuer::new(params, pair))
}

fn authority_params(now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "weir development authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now, 3_650);
    params
}

fn sign(
    args: &DevArgs,
    file: &str,
    name: &str,
    mut params: CertificateParams,
    usage: ExtendedKeyUsagePurpose,
    authority: &Issuer<'_, KeyPair>,
    now: Timestamp,
) -> Result<()> {
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now, args.days);
    let pair = KeyPair::generate()?;
    let certificate = params.signed_by(&pair, authority).with_context(|| format!("signing {file}.pem"))?;
    replace_secret_file(&args.dir.join(format!("{file}.key")), &pair.serialize_pem())?;
    let path = args.dir.join(format!("{file}.pem"));
    Ok(weir_files::replace(&path, certificate.pem().as_bytes(), FOR_ALL)?)
}

/// Certificates are no secret.
const FOR_ALL: u32 = 0o644;

/// From an hour ago, for clocks that are behind.
fn set_validity(params: &mut CertificateParams, now: Timestamp, days: u16) {
    let epoch = date_time_ymd(1970, 1, 1);
    let now = Duration::from_secs(u64::try_from(now.millis() / 1_000).unwrap_or(0));
    params.not_before = epoch + now.saturating_sub(Duration::from_secs(3_600));
    params.not_after = epoch + now + Duration::from_secs(u64::from(days) * 86_400);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use tokio::net::{TcpListener, TcpStream};
    use weir_link::{Alpn, ClientFiles, ClientTls, ServerFiles, ServerTls, client_certificate};

    use super::*;

    fn dev(dir: &Path) -> DevArgs {
        DevArgs { dir: dir.to_owned(), host: vec!["weir.internal".into()], client: "web-1".into(), days: 30 }
    }

    /// Whether a client shakes hands with a server as `name`, and whether the server saw its certificate.
    fn handshake(dir: &Path, trusts: &Path, name: &str) -> Result<bool> {
        let server = ServerTls::load(ServerFiles {
            certificates: dir.join("server.pem"),
            key: dir.join("server.key"),
            client_authorities: Some(dir.join("ca.pem")),
        })?;
        let identity = Some((dir.join("client.pem"), dir.join("client.key")));
        let client = ClientTls::load(&ClientFiles { authorities: trusts.join("ca.pem"), identity }, Alpn::Batches)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let stream = TcpStream::connect(listener.local_addr()?).await?;
            let (accepted, _) = listener.accept().await?;
            let (accepted, connected) = tokio::join!(server.accept(accepted), client.connect(stream, name));
            connected?;
            Ok(client_certificate(&accepted?.0).is_some())
        })
    }

    #[test]
    fn server_and_client_trust_each_other_through_the_authority() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        make(&dev(dir), now()).unwrap();
        for name in ["localhost", "127.0.0.1", "::1", "weir.internal"] {
            assert!(handshake(dir, dir, name).unwrap(), "{name}");
        }
        assert!(handshake(dir, dir, "elsewhere.internal").is_err());
        for key in ["ca.key", "server.key", "client.key"] {
            assert_eq!(fs::metadata(dir.join(key)).unwrap().permissions().mode() & 0o777, 0o600, "{key}");
        }
    }

    #[test]
    fn a_second_run_renews_under_the_same_authority() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        make(&dev(dir), now()).unwrap();
        let before = ["ca.pem", "server.pem"].map(|name| fs::read(dir.join(name)).unwrap());
        make(&dev(dir), now()).unwrap();
        let after = ["ca.pem", "server.pem"].map(|name| fs::read(dir.join(name)).unwrap());
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
        assert!(handshake(dir, dir, "localhost").unwrap());

        fs::remove_file(dir.join("ca.key")).unwrap();
        assert!(make(&dev(dir), now()).unwrap_err().to_string().contains("without ca.key"));
    }

    #[test]
    fn another_authority_and_an_old_certificate_are_not_trusted() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        make(&dev(one.path()), now()).unwrap();
        make(&dev(two.path()), now()).unwrap();
        assert!(handshake(one.path(), two.path(), "localhost").is_err());
        let long_ago = now().minus(Duration::from_secs(31 * 86_400));
        make(&dev(one.path()), long_ago).unwrap();
        assert!(handshake(one.path(), one.path(), "localhost").is_err());
    }
}
