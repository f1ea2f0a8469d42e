//! What a job must say, and what it may.

use std::path::PathBuf;
use std::time::Duration;

/// How a [`Client`](crate::Client) reaches the fleet's gateways and what it adds to every series.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Host and port of a gateway or load balancer, or several with commas between. The same port takes the session by
    /// TLS and the batches by UDP.
    pub server: String,
    /// What the job shows to be let in.
    pub credentials: Credentials,
    /// PEM file of the authorities that may vouch for the server. Needed with a token.
    pub ca: Option<PathBuf>,
    /// Length of a window; jobs that share series should have the same. Default: 10 s.
    pub interval: Duration,
    /// Labels for every series; a tag of the same name wins. `host` becomes `exported_host`. Default: none.
    pub labels: Vec<(String, String)>,
    /// How long one step of getting a session may take. Default: 10 s.
    pub patience: Duration,
}

/// What a job shows to be let in.
#[derive(Clone)]
pub enum Credentials {
    /// A token with the scope `ingest`.
    Token(String),
    /// A file that holds one; it is read anew whenever a session is renewed.
    TokenFile(PathBuf),
    /// The fleet keys themselves, which only hosts that run a server have.
    FleetKeys(PathBuf),
}

impl ClientConfig {
    /// The usual settings.
    pub fn new(server: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            server: server.into(),
            credentials,
            ca: None,
            interval: Duration::from_secs(10),
            labels: Vec::new(),
            patience: Duration::from_secs(10),
        }
    }
}

impl std::fmt::Debug for Credentials {
    /// A token is not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token"),
            Self::TokenFile(path) => write!(f, "TokenFile({})", path.display()),
            Self::FleetKeys(path) => write!(f, "FleetKeys({})", path.display()),
        }
    }
}
