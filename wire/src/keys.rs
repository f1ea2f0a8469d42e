//! Keys: a fleet key derives a session key per agent, so that any gateway can open any agent's first datagram.

use std::fmt;

use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hkdf;

use crate::AgentId;

/// A secret that all gateways of a fleet share, under its id.
#[derive(Clone)]
pub struct FleetKey {
    /// What datagrams name it by.
    pub id: u16,
    /// 32 random bytes.
    pub secret: [u8; 32],
}

/// What an agent needs to seal: handed out by a server, good until it expires.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The fleet key it was derived from.
    pub key_id: u16,
    /// Whom the samples belong to.
    pub tenant: u32,
    /// Who seals.
    pub agent: AgentId,
    /// Unix seconds after which gateways refuse it.
    pub expires: u32,
    /// The derived key.
    pub key: [u8; 32],
}

impl FleetKey {
    /// HKDF-SHA256 of the fleet key over tenant ‖ agent ‖ expires.
    pub fn session(&self, tenant: u32, agent: AgentId, expires: u32) -> Session {
        let info = [b"weir/1 session".as_slice(), &tenant.to_be_bytes(), &agent.0, &expires.to_be_bytes()];
        Session { key_id: self.id, tenant, agent, expires, key: derive(&self.secret, &info) }
    }
}

/// Secrets are never shown.
impl fmt::Debug for FleetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Session");
        shown.field("key_id", &self.key_id).field("tenant", &self.tenant).field("agent", &self.agent);
        shown.field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// A session ready for use: one key for batches, another for acks, so neither can pass for the other.
#[derive(Clone, Debug)]
pub struct SessionKeys {
    pub(crate) batch: LessSafeKey,
    pub(crate) ack: LessSafeKey,
}

impl SessionKeys {
    /// Prepares both keys.
    pub fn new(session: &Session) -> Self {
        Self { batch: aead(&session.key), ack: aead(&derive(&session.key, &[b"weir/1 ack"])) }
    }
}

fn derive(secret: &[u8; 32], info: &[&[u8]]) -> [u8; 32] {
    let mut key = [0; 32];
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"weir").extract(secret);
    let okm = secret.expand(info, hkdf::HKDF_SHA256).expect("32 bytes is HKDF-SHA256's own length");
    okm.fill(&mut key).expect("the buffer has the length asked for");
    key
}

fn aead(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes"))
}
