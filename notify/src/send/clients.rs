//! HTTP clients by their settings, kept so that connections are used again.

use std::fs::read;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Identity, Proxy};
use weir_alert::routing::channel::{Client, Tls};
use weir_files::read_secret;

use super::causes::without_address;

#[derive(Debug, Default)]
pub(super) struct Clients {
    made: Mutex<Vec<(Client, reqwest::Client)>>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No more different settings are kept; a configuration has a handful.
const MOST_CLIENTS: usize = 64;

impl Clients {
    pub(super) fn by(&self, settings: &Client) -> Result<reqwest::Client, String> {
        let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, client)) = made.iter().find(|(known, _)| known == settings) {
            return Ok(client.clone());
        }
        let client = make(settings)?;
        if made.len() == MOST_CLIENTS {
            made.remove(0);
        }
        made.push((settings.clone(), client.clone()));
        Ok(client)
    }
}

fn make(settings: &Client) -> Result<reqwest::Client, String> {
    // One provider for the process; whoever was first chose the same.
    _ = rustls::crypto::ring::default_provider().install_default();
    let redirects = if settings.follow_redirects { Policy::limited(10) } else { Policy::none() };
    let mut builder = reqwest::Client::builder().redirect(redirects).connect_timeout(CONNECT_TIMEOUT);
    builder = match &settings.proxy_url {
        Some(proxy) => builder.proxy(Proxy::all(proxy).map_err(|error| format!("proxy_url: {error}"))?),
        None => builder.no_proxy(),
    };
    with_tls(builder, &settings.tls_config)?
        .build()
        .map_err(|error| format!("cannot make an HTTP client: {}", without_address(error)))
}

fn with_tls(mut builder: reqwest::ClientBuilder, tls: &Tls) -> Result<reqwest::ClientBuilder, String> {
    let file = |path: &String| read(path).map_err(|error| format!("cannot read {path}: {error}"));
    if let Some(path) = &tls.ca_file {
        let certificates = Certificate::from_pem_bundle(&file(path)?).map_err(|error| format!("{path}: {error}"))?;
        builder = builder.tls_certs_only(certificates);
    }
    if let (Some(certificate), Some(key)) = (&tls.cert_file, &tls.key_file) {
        let key = read_secret(Path::new(key)).map_err(|error| error.to_string())?;
        let both = [file(certificate)?, b"\n".to_vec(), key.into_bytes()].concat();
        builder = builder.identity(Identity::from_pem(&both).map_err(|error| format!("{certificate}: {error}"))?);
    }
    Ok(builder.tls_danger_accept_invalid_certs(tls.insecure_skip_verify))
}
