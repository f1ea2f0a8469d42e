//! The tables `[[scrape]]`: endpoints in Prometheus' text format to be read once per window.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::value::Interval;
use crate::relabel::Rule;

/// One job, as in the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scrape {
    pub job: String,
    #[serde(default)]
    pub targets: Vec<Endpoint>,
    #[serde(default)]
    pub files: Vec<PathBuf>,
    #[serde(default)]
    pub dns: Vec<Endpoint>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub honor_labels: bool,
    #[serde(default = "timeout")]
    timeout: Interval,
    #[serde(default = "max_samples")]
    pub max_samples: usize,
    #[serde(default)]
    pub relabel: Vec<Rule>,
}

impl Scrape {
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.0
    }
}

fn timeout() -> Interval {
    Interval(Duration::from_secs(5))
}

fn max_samples() -> usize {
    10_000
}

/// `http://host:port/path`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Endpoint {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
    pub path: String,
}

impl Endpoint {
    /// The same at one of the addresses that its name stands for.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), ..self.clone() }
    }

    /// Host and port, as in the label `instance`.
    pub(crate) fn instance(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let (authority, path) = rest.find('/').map_or((rest, "/metrics"), |at| rest.split_at(at));
        if path.chars().any(|c| c.is_ascii_whitespace() || c.is_control()) {
            return Err(format!("{text:?}: a blank in the path; write it as %20"));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        let endpoint = authority.rsplit_once(':').filter(|(host, _)| !host.is_empty() && host.chars().all(legal));
        match endpoint.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => {
                Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, path: path.to_owned() })
            }
            None => Err(format!(
                "{text:?} is not an endpoint such as \"http://127.0.0.1:9121/metrics\": a host and a port, without TLS"
            )),
        }
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_hosts_and_ports() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let endpoint = text.parse::<Endpoint>().ok().map(|endpoint| (endpoint.instance(), endpoint.path));
            let expected = expected.map(|(instance, path)| (instance.to_owned(), path.to_owned()));
            assert_eq!(endpoint, expected, "{text}");
        };
        check("http://127.0.0.1:9121/m?x=1", Some(("127.0.0.1:9121", "/m?x=1")));
        check("localhost:80", Some(("localhost:80", "/metrics")));
        check("http://[::1]:80/", Some(("[::1]:80", "/")));
        check("https://127.0.0.1:1/", None);
        check("http://127.0.0.1/", None);
        check("http://db:99999/", None);
        check(":80", None);
        check("http://127.0.0.1:1/a b", None);
    }
}
