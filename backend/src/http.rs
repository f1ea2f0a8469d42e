//! One request, tried once, and what its answer means.

use std::path::Path;
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use weir_formats::base64;
use weir_formats::otlp::rejected;

use crate::config::{Auth, BackendConfig};
use crate::formats::{Body, Spoken};
use crate::request::Request;

/// What an answer means for a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// All of it was taken.
    Taken,
    /// All but so many samples, which never will be; the answer does not say which.
    Partly(u64, String),
    /// Something in it never will be; the answer says what.
    Bad(String),
    /// It may be taken later.
    Later { reason: String, after: Option<Duration> },
    /// This version of the protocol is not understood.
    NotSpoken,
}

/// Sends requests to one backend.
pub(crate) struct Client {
    agent: ureq::Agent,
    config: BackendConfig,
}

impl Client {
    pub(crate) fn new(config: &BackendConfig) -> Result<Self, String> {
        // One provider for the process; whoever was first chose the same.
        _ = rustls::crypto::ring::default_provider().install_default();
        let roots = match &config.tls.ca {
            None => RootCerts::PlatformVerifier,
            Some(path) => RootCerts::new_with_certs(&certificates(path)?),
        };
        let tls = TlsConfig::builder().root_certs(roots).build();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(config.timeout));
        Ok(Self { agent: agent.tls_config(tls).build().into(), config: config.clone() })
    }

    /// Sends a request once, as this body.
    pub(crate) fn send(&self, request: &Request, body: &Body, spoken: Spoken) -> Outcome {
        let later = |reason: String| Outcome::Later { reason, after: None };
        let authorization = match self.authorization() {
            Ok(authorization) => authorization,
            Err(reason) => return later(reason),
        };
        let mut url = self.config.url_of(&request.tenant);
        if !body.query.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&body.query);
        }
        let mut post = self.agent.post(&url);
        let own = self.config.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in body.headers.iter().copied().chain(own) {
            post = post.header(name, value);
        }
        if let Some(name) = &self.config.tenants.header {
            post = post.header(name, &request.tenant);
        }
        if let Some(authorization) = authorization {
            post = post.header(header::AUTHORIZATION, authorization);
        }
        match post.send(&body.bytes[..]) {
            Ok(mut answer) => {
                let (status, headers) = (answer.status(), answer.headers().clone());
                let told = answer.body_mut().with_config().limit(MOST_TEXT).read_to_vec().unwrap_or_default();
                if status.is_success()
                    && spoken == Spoken::Otlp
                    && let Some((count, reason)) = rejected(&told)
                {
                    return Outcome::Partly(count, reason);
                }
                judge(status, &headers, &String::from_utf8_lossy(&told), spoken, body)
            }
            Err(error) => later(error.to_string()),
        }
    }

    fn authorization(&self) -> Result<Option<String>, String> {
        let secret = |path: &Path| {
            let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok::<_, String>(text.lines().next().unwrap_or_default().trim().to_owned())
        };
        Ok(match &self.config.auth {
            Auth::None => None,
            Auth::Bearer(path) => Some(format!("Bearer {}", secret(path)?)),
            Auth::Token(path) => Some(format!("Token {}", secret(path)?)),
            Auth::Basic(name, path) => {
                Some(format!("Basic {}", base64::encode(format!("{name}:{}", secret(path)?).as_bytes())))
            }
        })
    }
}

/// The most of an answer that is read.
const MOST_TEXT: u64 = 64 << 10;

/// How many samples a receiver of 2.0 says that it has written.
const WRITTEN: &str = "x-prometheus-remote-write-samples-written";

fn judge(status: StatusCode, headers: &HeaderMap, text: &str, spoken: Spoken, body: &Body) -> Outcome {
    let said = |text: &str| text.trim().chars().take(500).collect::<String>();
    let reason = format!("{} {}", status.as_u16(), said(text));
    match status.as_u16() {
        // A receiver of 1.0 alone may take a request of 2.0 for one without series.
        200..300 if spoken == Spoken::RemoteWrite2 && !headers.contains_key(WRITTEN) && !body.bytes.is_empty() => {
            Outcome::NotSpoken
        }
        200..300 => Outcome::Taken,
        415 if spoken == Spoken::RemoteWrite2 => Outcome::NotSpoken,
        400 if spoken == Spoken::RemoteWrite2 && !headers.contains_key(WRITTEN) => Outcome::NotSpoken,
        400 | 409 | 413 | 422 => Outcome::Bad(said(text)),
        429 | 503 => {
            let after = headers.get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse().ok());
            Outcome::Later { reason, after: after.map(Duration::from_secs) }
        }
        // Addresses and passwords are mended, and then all of it is taken.
        _ => Outcome::Later { reason, after: None },
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let items = ureq::tls::parse_pem(&pem);
    let certificates: Vec<_> = items
        .filter_map(|item| if let Ok(PemItem::Certificate(certificate)) = item { Some(certificate) } else { None })
        .collect();
    if certificates.is_empty() { Err(format!("{}: no certificate in it", path.display())) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, headers: &[(&'static str, &str)], spoken: Spoken) -> Outcome {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| _ = map.insert(*name, value.parse().unwrap()));
        let body = Body { bytes: vec![1], headers: &[], query: String::new() };
        judge(StatusCode::from_u16(status).unwrap(), &map, " why\n", spoken, &body)
    }

    #[test]
    fn an_answer_says_what_to_do_next() {
        use Spoken::{Influx, RemoteWrite1, RemoteWrite2};
        let later = |status: u16, after: Option<u64>| Outcome::Later {
            reason: format!("{status} why"),
            after: after.map(Duration::from_secs),
        };
        assert_eq!(outcome(204, &[], RemoteWrite1), Outcome::Taken);
        assert_eq!(outcome(204, &[(WRITTEN, "5")], RemoteWrite2), Outcome::Taken);
        assert_eq!(outcome(204, &[], RemoteWrite2), Outcome::NotSpoken, "an old Prometheus has taken nothing");
        assert_eq!(outcome(415, &[], RemoteWrite2), Outcome::NotSpoken);
        assert_eq!(outcome(400, &[], RemoteWrite2), Outcome::NotSpoken, "it may not be able to read it");
        assert_eq!(outcome(400, &[(WRITTEN, "1")], RemoteWrite2), Outcome::Bad("why".into()));
        assert_eq!(outcome(400, &[], Influx), Outcome::Bad("why".into()));
        assert_eq!(outcome(429, &[("retry-after", "7")], Influx), later(429, Some(7)));
        for status in [401, 403, 404, 500, 502, 504] {
            assert_eq!(outcome(status, &[], RemoteWrite1), later(status, None), "nothing is given up for it");
        }
    }
}
