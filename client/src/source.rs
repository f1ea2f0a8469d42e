//! Where gateways are, and sessions from them.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use weir_discovery::Server;
use weir_link::{Alpn, ClientFiles, ClientTls, Granted, SessionRequest};
use weir_wire::{AgentId, Session, newest_active_key, parse_fleet_keys};

use crate::{ClientConfig, Credentials, Error};

/// A job's way to its sessions.
pub(crate) struct Source {
    servers: Vec<Server>,
    credentials: Credentials,
    /// For tokens.
    tls: Option<ClientTls>,
    patience: Duration,
}

/// A session, how long it lives if that is not for ever, and how far the server's clock is ahead in milliseconds.
pub(crate) struct Fresh {
    pub session: Session,
    pub lives: Option<Duration>,
    pub ahead_ms: i64,
}

impl Source {
    pub(crate) fn open(config: &ClientConfig) -> Result<Self, Error> {
        let unknown = |reason| Error::Server { server: config.server.clone(), reason };
        let servers: Result<Vec<Server>, String> = config.server.split(',').map(str::parse).collect();
        let load = |authorities| {
            ClientTls::load(&ClientFiles { authorities, identity: None }, Alpn::Http).map(Some).map_err(Error::from)
        };
        let tls = match (&config.credentials, config.ca.clone()) {
            (Credentials::FleetKeys(_), _) => None,
            (_, Some(authorities)) => load(authorities)?,
            (_, None) => return Err(Error::NoAuthority),
        };
        let (credentials, patience) = (config.credentials.clone(), config.patience);
        Ok(Self { servers: servers.map_err(unknown)?, credentials, tls, patience })
    }

    /// The gateways' addresses and names. `turn`, any number, decides which is first.
    pub(crate) fn addresses(&self, turn: usize) -> Result<Vec<(SocketAddr, String)>, Error> {
        let (mut found, mut failed) = (Vec::new(), None);
        for Server { host, port } in &self.servers {
            match (host.as_str(), *port).to_socket_addrs() {
                Ok(addresses) => found.extend(addresses.map(|address| (address, host.clone()))),
                Err(error) => failed = Some(Error::Server { server: host.clone(), reason: error.to_string() }),
            }
        }
        let nothing = || Error::Server { server: String::new(), reason: "no address".into() };
        let first = turn.checked_rem(found.len()).ok_or_else(|| failed.unwrap_or_else(nothing))?;
        found.rotate_left(first);
        Ok(found)
    }

    /// A session for this job, from the first gateway that gives one. With a token it is for what that makes of its own id.
    pub(crate) fn session(&self, own: AgentId, turn: usize, wall_ms: impl Fn() -> i64) -> Result<Fresh, Error> {
        let token = match &self.credentials {
            Credentials::FleetKeys(path) => {
                let text = weir_files::read_secret(path)?;
                let unusable = |reason: String| Error::FleetKeys { path: path.clone(), reason };
                let keys = parse_fleet_keys(&text).map_err(|error| unusable(error.to_string()))?;
                let key = newest_active_key(keys).ok_or_else(|| unusable("it holds no active key".into()))?;
                return Ok(Fresh { session: key.session(0, own, u32::MAX), lives: None, ahead_ms: 0 });
            }
            Credentials::TokenFile(path) => weir_files::read_secret(path)?,
            Credentials::Token(token) => token.clone(),
        };
        let (token, tls) = (SessionRequest::token(&token)?, self.tls.as_ref().ok_or(Error::NoAuthority)?);
        let mut failed = None;
        for (address, server) in self.addresses(turn)? {
            match (SessionRequest { server: &server, token, own }).ask(address, tls, self.patience) {
                Ok(Granted { session, lives, server_time_ms }) => {
                    return Ok(Fresh { session, lives: Some(lives), ahead_ms: server_time_ms - wall_ms() });
                }
                Err(refused @ weir_link::SessionError::Refused { .. }) => return Err(refused.into()),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.map_or(Error::NoAuthority, Error::from))
    }
}
