//! The client: one server, and how it is asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::tls::{RootCerts, TlsConfig};

use super::trust::roots;

/// A server and how it is asked. Connections are used again.
pub(crate) struct Server {
    address: String,
    token: Token,
    /// The file of authorities, if one is named, for the sentence that says whom it trusts.
    authorities: Option<PathBuf>,
    agent: ureq::Agent,
}

enum Token {
    None,
    Text(String),
    /// Read for each question, so that another may take its place.
    File(PathBuf),
}

/// What is done with something of Alertmanager's API.
#[derive(Clone, Copy)]
pub(crate) enum Ask<'b> {
    Get,
    Post(&'b Value),
    Delete,
}

impl Server {
    /// One at an address, asked with a token if there is one.
    pub(crate) fn new(address: &str, token: Option<&str>) -> Self {
        let token = token.map_or(Token::None, |token| Token::Text(token.to_owned()));
        Self { address: address.trim_end_matches('/').to_owned(), token, authorities: None, agent: agent() }
    }

    /// One that is vouched for by the authorities of a file, if one is named, asked with the token of a file, if one is.
    pub(super) fn trusting(address: &str, authorities: Option<&Path>, token: Option<PathBuf>) -> Result<Self> {
        let agent = agent_of(TIMEOUT, roots(authorities)?);
        let authorities = authorities.map(Path::to_owned);
        Ok(Self { authorities, agent, ..Self::with_token_file(address, token) })
    }

    /// The same with this token.
    pub(super) fn with_token(mut self, token: &str) -> Result<Self> {
        self.token = Token::Text(token.to_owned());
        Ok(self)
    }

    /// The same with the token of a file.
    pub(crate) fn with_token_file(address: &str, token: Option<PathBuf>) -> Self {
        Self { token: token.map_or(Token::None, Token::File), ..Self::new(address, None) }
    }

    /// The whole answer of `/api/v1/query`; an error answer is an error here. Asked by a form, which may be long.
    pub(crate) fn instant(&self, promql: &str, time: Option<f64>) -> Result<Value> {
        let time = time.map(|time| time.to_string());
        let time = time.as_deref().map(|time| ("time", time));
        let form = std::iter::once(("query", promql)).chain(time);
        let mut request = self.agent.post(format!("{}/api/v1/query", self.address));
        if let Some(token) = self.authorization()? {
            request = request.header("authorization", token);
        }
        self.answer(request.send_form(form))
    }

    /// The whole answer of `/api/v1/query_range`, by a form as well.
    pub(crate) fn range(&self, promql: &str, [start, end, step]: [f64; 3]) -> Result<Value> {
        let [start, end, step] = [start, end, step].map(|number| number.to_string());
        let form = [("query", promql), ("start", &start), ("end", &end), ("step", &step)];
        let mut request = self.agent.post(format!("{}/api/v1/query_range", self.address));
        if let Some(token) = self.authorization()? {
            request = request.header("authorization", token);
        }
        self.answer(request.send_form(form))
    }

    /// The whole answer of a route that answers in JSON; an error answer is an error here.
    pub(crate) fn json(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let url = format!("{}{path}", self.address);
        let mut request = self.agent.get(url).query_pairs(parameters.iter().copied());
        if let Some(token) = self.authorization()? {
            request = request.header("authorization", token);
        }
        self.answer(request.call())
    }

    /// Asks Alertmanager's API, which answers as it is or with a sentence; with a body it is a POST, `ends` something by DELETE.
    pub(crate) fn alertmanager(&self, path: &str, parameters: &[(&str, &str)], how: Ask<'_>) -> Result<Value> {
        let mut request =
            ureq::http::Request::builder().uri(format!("{}/api/v2/{path}{}", self.address, query(parameters)));
        if let Some(token) = self.authorization()? {
            request = request.header("authorization", token);
        }
        let (method, body) = match how {
            Ask::Get => ("GET", String::new()),
            Ask::Post(body) => ("POST", body.to_string()),
            Ask::Delete => ("DELETE", String::new()),
        };
        let request = request.method(method).header("content-type", "application/json").body(body)?;
        let server = &self.address;
        let mut response = self.agent.run(request).map_err(|error| self.unreachable(error))?;
        let text = response.body_mut().with_config().limit(MOST_ANSWER_BYTES).read_to_string()?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()));
        if response.status().is_success() {
            return Ok(answer);
        }
        let told = answer.as_str().or(answer["error"].as_str()).unwrap_or(&text).trim();
        bail!("{server} answered {}: {told}", response.status())
    }

    /// Sends samples by remote write to this very address: status and text of the answer.
    pub(crate) fn write(&self, body: &[u8]) -> Result<(u16, String)> {
        let mut request = self.agent.post(&self.address);
        for (name, value) in WRITE_HEADERS {
            request = request.header(name, value);
        }
        if let Some(token) = self.authorization()? {
            request = request.header("authorization", token);
        }
        let mut response = request.send(body).with_context(|| format!("writing to {}", self.address))?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string().unwrap_or_default()))
    }

    fn authorization(&self) -> Result<Option<String>> {
        Ok(match &self.token {
            Token::None => None,
            Token::Text(token) => Some(format!("Bearer {token}")),
            Token::File(path) => Some(format!("Bearer {}", weir_files::read_secret(path)?.trim())),
        })
    }

    /// What went wrong on the way, and what to look at.
    fn unreachable(&self, error: ureq::Error) -> anyhow::Error {
        let server = &self.address;
        let told = error.to_string();
        let is_tls =
            told.contains("certificate") || told.contains("InvalidCertificate") || told.contains("UnknownIssuer");
        let mend = match &self.authorities {
            _ if told.contains("http parse") => "does it speak TLS? Write https://, or give --ca FILE".to_owned(),
            _ if !is_tls && server.starts_with("https") => "does a server speak TLS there?".to_owned(),
            _ if !is_tls => {
                "is a server running there? (--server ADDRESS, WEIR_SERVER or weir context name another)".to_owned()
            }
            Some(path) => format!("no authority of {} vouches for it; --ca names another file", path.display()),
            None => "nobody whom this host trusts vouches for it; --ca FILE names the authority that does".to_owned(),
        };
        anyhow::anyhow!("asking {server}: {told}: {mend}")
    }

    fn answer(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value> {
        let server = &self.address;
        let answer = answer.and_then(|mut response| {
            let text = response.body_mut().with_config().limit(MOST_ANSWER_BYTES).read_to_string();
            Ok((response.status(), text?))
        });
        let (status, text) = answer.map_err(|error| self.unreachable(error))?;
        let answer: Value = serde_json::from_str(&text).map_err(|_| {
            let told = text.lines().next().unwrap_or_default();
            anyhow::anyhow!("{server} answered {status} {told:?}, which is no answer of the API: is it the address of a server's HTTP?")
        })?;
        if answer["status"] != "success" {
            bail!("{}: {}", answer["errorType"].as_str().unwrap_or("error"), answer["error"].as_str().unwrap_or(&text));
        }
        Ok(answer)
    }
}

/// Parameters as the end of an address.
fn query(parameters: &[(&str, &str)]) -> String {
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

const WRITE_HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];

/// An answer of a million elements has about so many.
const MOST_ANSWER_BYTES: u64 = 256 << 20;

/// Time for a question and its answer.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The whole answer of `/api/v1/query` of a server.
pub(crate) fn instant(server: &str, promql: &str, time: Option<f64>, token: Option<&str>) -> Result<Value> {
    Server::new(server, token).instant(promql, time)
}

/// An HTTP client that hands error answers over as answers, and trusts what this host trusts.
pub(crate) fn agent() -> ureq::Agent {
    agent_with(TIMEOUT)
}

/// The same with so much time for a question.
pub(crate) fn agent_with(timeout: Duration) -> ureq::Agent {
    agent_of(timeout, RootCerts::PlatformVerifier)
}

fn agent_of(timeout: Duration, roots: RootCerts) -> ureq::Agent {
    // One provider for the process; whoever was first chose the same.
    _ = rustls::crypto::ring::default_provider().install_default();
    let tls = TlsConfig::builder().root_certs(roots).build();
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(timeout));
    config.tls_config(tls).build().into()
}
