//! An endpoint that is read by HTTP.

use std::net::SocketAddr;
use std::str::FromStr;

use serde::Deserialize;

/// `http://host:port/path`, or with `https`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint {
    /// Whether TLS is spoken there.
    pub tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// Path and query of the request.
    pub path: String,
}

impl Endpoint {
    /// The same at one of the addresses that its name stands for.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), ..self.clone() }
    }

    /// The whole of it.
    pub fn url(&self) -> String {
        format!("{}://{}{}", if self.tls { "https" } else { "http" }, self.instance(), self.path)
    }

    /// Host and port, as in the label `instance`.
    pub fn instance(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tls, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://").unwrap_or(text)),
        };
        let (authority, path) = rest.find('/').map_or((rest, "/metrics"), |at| rest.split_at(at));
        if path.chars().any(|c| c.is_ascii_whitespace() || c.is_control()) {
            return Err(format!("{text:?}: a blank in the path; write it as %20"));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        let endpoint = authority.rsplit_once(':').filter(|(host, _)| !host.is_empty() && host.chars().all(legal));
        match endpoint.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => {
                Ok(Self { tls, host: host.trim_matches(['[', ']']).to_owned(), port, path: path.to_owned() })
            }
            None => Err(format!(
                "{text:?} is not an endpoint such as \"http://127.0.0.1:9121/metrics\": http or https, a host and a port"
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
        check("https://127.0.0.1:1/", Some(("127.0.0.1:1", "/")));
        check("ftp://127.0.0.1:1/", None);
        check("http://127.0.0.1/", None);
        check("http://db:99999/", None);
        check(":80", None);
        check("http://127.0.0.1:1/a b", None);
    }
}
