//! The sections `[identity]` and `[tls]` of `weir.toml`: the files that say who is who.

use std::path::PathBuf;

use serde::Deserialize;
use weir_link::ServerFiles;

use crate::units;

/// PEM files of this server. They are read again when they change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsFiles {
    /// Certificate chain, leaf first.
    pub certificates: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
    /// Authorities whose client certificates are taken in place of a token. None: tokens only.
    pub client_authorities: Option<PathBuf>,
    /// Whether the HTTP API speaks TLS too. Default: yes.
    #[serde(default = "yes")]
    pub http: bool,
}

fn yes() -> bool {
    true
}

impl TlsFiles {
    /// The files that connections are served with.
    pub(crate) fn files(&self) -> ServerFiles {
        ServerFiles {
            certificates: self.certificates.clone(),
            key: self.key.clone(),
            client_authorities: self.client_authorities.clone(),
        }
    }
}

/// Who may send and read. Without token keys everybody who reaches the HTTP address may read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IdentityFiles {
    /// File of the fleet keys, made at the first start; gateways of one fleet share its content. Default: `fleet.keys`
    /// in the data folder.
    pub fleet_keys: Option<PathBuf>,
    /// Files and folders of the keys that tokens are checked with. None: tokens are off.
    pub token_keys: Vec<PathBuf>,
    /// File with the ids of agents that are refused, one a line. None: nobody is.
    pub denied_agents: Option<PathBuf>,
    /// Seconds that a session key handed to an agent lives at most; 0 is refused.
    #[serde(alias = "session_lifetime", deserialize_with = "units::seconds")]
    pub session_lifetime_s: u64,
}

impl Default for IdentityFiles {
    fn default() -> Self {
        Self { fleet_keys: None, token_keys: Vec::new(), denied_agents: None, session_lifetime_s: 3_600 }
    }
}

impl IdentityFiles {
    /// Says what is wrong with the settings, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.session_lifetime_s {
            0 => Err("identity.session_lifetime_s: 0 would expire every key at once; 3600 is usual".into()),
            _ => Ok(()),
        }
    }
}
