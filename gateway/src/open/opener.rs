//! Authenticates datagrams and decrypts them in place.

use std::sync::Arc;

use weir_sample::Timestamp;
use weir_wire::{DatagramKind, HEADER_BYTES, Header, Refusal, SessionKeys, TAG_BYTES};

use super::access::Access;
use super::session_cache::{SessionCache, SessionId};

/// Opens the datagrams of one receiver.
pub(crate) struct Opener {
    access: Access,
    sessions: SessionCache,
    /// Of the fleet keys that the cached sessions derive from.
    generation: u64,
    derived: usize,
}

/// A datagram that authenticated.
pub(crate) struct Opened {
    pub(crate) header: Header,
    pub(crate) keys: Arc<SessionKeys>,
}

/// Where the payload of an opened datagram is.
pub(crate) fn payload(datagram: &[u8]) -> &[u8] {
    &datagram[HEADER_BYTES..datagram.len() - TAG_BYTES]
}

impl Opener {
    pub(crate) fn new(access: Access, cached_sessions: usize) -> Self {
        let generation = access.keys.generation();
        Self { access, sessions: SessionCache::new(cached_sessions), generation, derived: 0 }
    }

    /// Authenticates a datagram of any length and decrypts it in place.
    pub(crate) fn open(&mut self, datagram: &mut [u8], now: Timestamp) -> Result<Opened, Refusal> {
        let header = Header::decode_any_length(datagram)?;
        if header.kind != DatagramKind::Batch {
            return Err(Refusal::Direction);
        }
        if i64::from(header.expires) <= now.millis() / 1_000 {
            return Err(Refusal::Expired);
        }
        if self.access.denied.denies(&header.agent) {
            return Err(Refusal::Denied);
        }
        self.follow_keys();
        let id = SessionId::from(&header);
        if let Some(keys) = self.sessions.find(&id) {
            weir_wire::open(datagram, &keys)?;
            return Ok(Opened { header, keys });
        }
        let keys = self.derive(&header)?;
        weir_wire::open(datagram, &keys)?;
        self.sessions.insert(id, Arc::clone(&keys));
        Ok(Opened { header, keys })
    }

    /// A key that was revoked must not live on in the cache.
    fn follow_keys(&mut self) {
        let generation = self.access.keys.generation();
        if generation != self.generation {
            self.sessions.clear();
            self.generation = generation;
        }
    }

    fn derive(&mut self, header: &Header) -> Result<Arc<SessionKeys>, Refusal> {
        let key = self.access.keys.key(header.key_id).ok_or(Refusal::UnknownKey)?;
        self.derived += 1;
        Ok(Arc::new(SessionKeys::new(&key.session(header.tenant, header.agent, header.expires))))
    }

    /// Sessions derived since the last call.
    pub(crate) fn drain_derived(&mut self) -> usize {
        std::mem::take(&mut self.derived)
    }
}
