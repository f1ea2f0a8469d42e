//! The exchange of a token for a session key, and its JSON: `POST /v1/session`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_sample::{Reading, Timestamp};
use weir_wire::{AgentId, Session, key_to_hex};

use crate::{Claims, DenyList, FleetKeys, Scope, TokenError};

/// How long a session lives unless told otherwise: short enough for a denied agent, long enough for a server's outage.
pub const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_secs(3_600);

/// Why no session is given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The token does not allow sending.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token's subject is an agent id, and this is another agent.
    #[error("the token was given to another agent: its sub is an agent id, and not this one")]
    OtherAgent,
    /// The agent's id does not follow from the token's tenant and subject.
    #[error(
        "this agent's id does not follow from the token's tenant and sub: the token is another agent's, or this agent is \
         of an older version; upgrade it"
    )]
    NotDerived,
    /// The agent is on the deny-list.
    #[error("this agent is denied; see the server's deny-list")]
    Denied,
    /// There is no key to sign with.
    #[error("the server has no fleet key")]
    NoKey,
}

impl SessionError {
    /// A word for a `reason` label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(error) => error.reason(),
            Self::OtherAgent | Self::NotDerived => "other_agent",
            Self::Denied => "denied",
            Self::NoKey => "no_key",
        }
    }
}

/// Gives sessions to agents that hold a token.
pub struct Sessions {
    fleet: Arc<FleetKeys>,
    denied: Arc<DenyList>,
    lifetime: Duration,
    granted: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
}

impl Sessions {
    /// Sessions end after `lifetime`, or earlier with their token.
    pub fn new(fleet: Arc<FleetKeys>, denied: Arc<DenyList>, lifetime: Duration) -> Self {
        Self { fleet, denied, lifetime, granted: AtomicU64::new(0), refused: Default::default() }
    }

    /// The longest that a session lives; a fleet key must outlive its rotation by this.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A session for this agent, in the token's tenant.
    pub fn grant(&self, claims: &Claims, agent: AgentId, now: Timestamp) -> Result<Session, SessionError> {
        let outcome = self.check(claims, &agent, now).and_then(|expires| {
            let key = self.fleet.signing(now).ok_or(SessionError::NoKey)?;
            Ok(key.session(claims.tenant, agent, expires))
        });
        let count = outcome.as_ref().map_or_else(|error| &self.refused[place(error)], |_| &self.granted);
        count.fetch_add(1, Relaxed);
        outcome
    }

    /// When the session ends: never after its token.
    fn check(&self, claims: &Claims, agent: &AgentId, now: Timestamp) -> Result<u32, SessionError> {
        claims.require(Scope::Ingest)?;
        if self.denied.denies(agent) {
            return Err(SessionError::Denied);
        }
        if !agent.is_for_token(claims.tenant, &claims.subject) {
            let bound = claims.subject.parse::<AgentId>().is_ok();
            return Err(if bound { SessionError::OtherAgent } else { SessionError::NotDerived });
        }
        let now_s = u64::try_from(now.millis() / 1_000).unwrap_or(0);
        let expires = claims.expires.min(now_s.saturating_add(self.lifetime.as_secs()));
        if expires <= now_s {
            return Err(TokenError::Expired { ago_s: now_s - expires }.into());
        }
        Ok(u32::try_from(expires).unwrap_or(u32::MAX))
    }

    /// Telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let granted = self.granted.load(Relaxed);
        let mut readings =
            vec![Reading::counter("weir_sessions_granted_total", &[], granted, "Session keys given to agents.")];
        let refused = |(reason, count): (&'static str, &AtomicU64)| {
            let labels = [("reason", reason)];
            Reading::counter("weir_sessions_refused_total", &labels, count.load(Relaxed), REFUSED_HELP)
        };
        readings.extend(REASONS.into_iter().zip(&self.refused).map(refused));
        readings
    }
}

/// Refusals by the token itself are told apart where tokens are counted.
fn place(error: &SessionError) -> usize {
    match error {
        SessionError::Token(_) => 0,
        SessionError::OtherAgent | SessionError::NotDerived => 1,
        SessionError::Denied => 2,
        SessionError::NoKey => 3,
    }
}

const REASONS: [&str; 4] = ["token", "other_agent", "denied", "no_key"];
const REFUSED_HELP: &str = "Sessions refused to a valid token. token: it lacks the scope ingest or ends now. other_agent: \
    one agent's token is used by another, or an agent is too old to take its id from the token. denied: take the agent off the deny-list if it should send.";

/// The body of `POST /v1/session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The agent's id, a UUID.
    pub agent: String,
}

/// The answer to `POST /v1/session`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAnswer {
    /// Id of the fleet key behind the session key; goes into every header.
    pub key_id: u16,
    /// The session key, 64 hex digits.
    pub key: String,
    /// Unix second at which the key ends; goes into every header.
    pub expires: u32,
    /// The token's tenant; goes into every header.
    pub tenant: u32,
    /// The agent that the key is for.
    pub agent: String,
    /// The server's clock, in milliseconds since the Unix epoch.
    pub server_time_ms: i64,
    /// The most series that the agent may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_series: Option<u64>,
    /// Labels that every series of the agent must carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl SessionAnswer {
    /// The answer that hands this session to its agent.
    pub fn new(session: &Session, claims: &Claims, now: Timestamp) -> Self {
        Self {
            key_id: session.key_id,
            key: key_to_hex(&session.key),
            expires: session.expires,
            tenant: session.tenant,
            agent: session.agent.to_string(),
            server_time_ms: now.millis(),
            max_series: claims.max_series,
            labels: claims.labels.clone(),
        }
    }
}
