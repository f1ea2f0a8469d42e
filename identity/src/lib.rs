//! Who may send, read and administer: fleet keys, denied agents, tokens and sessions.
//!
//! Files of keys enter; session keys and checked claims leave. A changed file comes into force without a restart, a bad
//! one never does, and no secret is ever shown in an error or a log line.

mod deny_list;
mod error;
mod fleet_keys;
mod keys;
mod secret_file;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod watched;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weir_sample::{Reading, Timestamp};

use watched::{DENIED_AGENTS, FLEET_KEYS, TOKEN_KEYS};

pub use deny_list::DenyList;
pub use error::Error;
pub use fleet_keys::{FleetKeyFile, FleetKeys, OldKeys, Rotated, SETTLE, retires, signing};
pub use keys::SigningKey;
pub use secret_file::{create_secret_file, replace_secret_file};
pub use session::{DEFAULT_SESSION_LIFETIME, SessionAnswer, SessionError, SessionRequest, Sessions};
pub use token::{AUDIENCE, Claims, Scope, TokenError, TokenKeys, issue};

/// Where identity comes from.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// File of fleet keys; made with a first key if it is not there.
    pub fleet_keys: PathBuf,
    /// File of agent ids that are refused. It may come into being later.
    pub denied_agents: Option<PathBuf>,
    /// Files and folders of keys that tokens are checked with. None: no tokens, and nothing asks for one.
    pub token_keys: Vec<PathBuf>,
    /// The longest that a session lives.
    pub session_lifetime: Duration,
}

impl IdentityConfig {
    /// What is wrong with the files, one sentence for each. Files that may come into being later are not missed.
    pub fn wrong_files(self) -> Vec<String> {
        let fleet = FleetKeyFile::open(self.fleet_keys)
            .map(drop)
            .or_else(|error| if error.is_absent() { Ok(()) } else { Err(error) });
        let denied = self.denied_agents.map_or(Ok(()), |path| DenyList::watch(path).map(drop));
        let tokens = if self.token_keys.is_empty() { Ok(()) } else { TokenKeys::watch(self.token_keys).map(drop) };
        [fleet, denied, tokens].into_iter().filter_map(Result::err).map(|error| error.to_string()).collect()
    }
}

/// Everything that a server knows about who may do what.
pub struct Identity {
    /// Keys that sealed datagrams are opened with.
    pub fleet: Arc<FleetKeys>,
    /// Agents that are refused.
    pub denied: Arc<DenyList>,
    /// Checks tokens; without it, authentication is off.
    pub tokens: Option<Arc<TokenKeys>>,
    /// Gives sessions for tokens.
    pub sessions: Sessions,
}

/// A set of files that was loaded again, and how it went.
pub type Reloaded = (&'static str, Result<(), Error>);

impl Identity {
    /// Loads every file.
    pub fn open(config: IdentityConfig, now: Timestamp) -> Result<Self, Error> {
        let file = FleetKeyFile::open_or_create(config.fleet_keys, now)?;
        let fleet = Arc::new(FleetKeys::watch(file)?);
        let denied = Arc::new(config.denied_agents.map_or_else(|| Ok(DenyList::none()), DenyList::watch)?);
        let keys = Some(config.token_keys).filter(|paths| !paths.is_empty());
        let tokens = keys.map(TokenKeys::watch).transpose()?.map(Arc::new);
        let sessions = Sessions::new(Arc::clone(&fleet), Arc::clone(&denied), config.session_lifetime);
        Ok(Self { fleet, denied, tokens, sessions })
    }

    /// Loads every file again, as SIGHUP asks; what is bad keeps its old state and says why.
    pub fn reload(&self) -> Vec<Reloaded> {
        let mut outcomes = vec![(FLEET_KEYS, self.fleet.reload()), (DENIED_AGENTS, self.denied.reload())];
        outcomes.extend(self.tokens.iter().map(|tokens| (TOKEN_KEYS, tokens.reload())));
        outcomes
    }

    /// Loads again what has changed on disk; call it every second or two.
    pub fn reload_changed(&self) -> Vec<Reloaded> {
        let tokens = self.tokens.iter().map(|tokens| (TOKEN_KEYS, tokens.reload_if_changed()));
        let looked = [(FLEET_KEYS, self.fleet.reload_if_changed()), (DENIED_AGENTS, self.denied.reload_if_changed())];
        let happened = |(set, outcome)| match outcome {
            Ok(false) => None,
            Ok(true) => Some((set, Ok(()))),
            Err(error) => Some((set, Err(error))),
        };
        looked.into_iter().chain(tokens).filter_map(happened).collect()
    }

    /// Telemetry of all its parts.
    pub fn readings(&self) -> Vec<Reading> {
        let mut readings = self.fleet.readings();
        readings.extend(self.denied.readings());
        readings.extend(self.tokens.iter().flat_map(|tokens| tokens.readings()));
        readings.extend(self.sessions.readings());
        readings
    }
}
