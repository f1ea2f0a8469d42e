//! Where a server is said to be.

use std::str::FromStr;

/// A gateway, a load balancer, or a name that stands for several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port of batches and sessions.
    pub port: u16,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mend = || format!("{text:?} is not a host and a port, such as gateway.example.net:8640");
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(mend)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match port.parse() {
            Ok(port) if !host.is_empty() => Ok(Self { host: host.to_owned(), port }),
            _ => Err(mend()),
        }
    }
}
