//! The session keys of agents heard lately, bounded.
//!
//! Only a datagram that opened puts its keys here, so forged headers cannot push out the keys of real agents.

use std::{collections::HashMap, sync::Arc};

use weir_wire::{AgentId, Header, SessionKeys};

/// What a session key is derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionId {
    pub(crate) key_id: u16,
    pub(crate) tenant: u32,
    pub(crate) agent: AgentId,
    pub(crate) expires: u32,
}

impl From<&Header> for SessionId {
    fn from(header: &Header) -> Self {
        Self { key_id: header.key_id, tenant: header.tenant, agent: header.agent, expires: header.expires }
    }
}

/// Two generations: when the young one is full it becomes the old one, and what was not heard since is dropped.
#[derive(Debug)]
pub(crate) struct SessionCache {
    young: HashMap<SessionId, Arc<SessionKeys>>,
    old: HashMap<SessionId, Arc<SessionKeys>>,
    per_generation: usize,
}

/// Memory of a derived session key with its place in the cache.
pub(crate) const SESSION_BYTES: u64 = 1_200;

impl SessionCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), per_generation: (capacity / 2).max(1) }
    }

    pub(crate) fn find(&mut self, id: &SessionId) -> Option<Arc<SessionKeys>> {
        if let Some(keys) = self.young.get(id) {
            return Some(Arc::clone(keys));
        }
        let keys = self.old.remove(id)?;
        self.insert(*id, Arc::clone(&keys));
        Some(keys)
    }

    pub(crate) fn insert(&mut self, id: SessionId, keys: Arc<SessionKeys>) {
        if self.young.len() >= self.per_generation {
            self.old = std::mem::take(&mut self.young);
            self.young.reserve(self.old.len());
        }
        self.young.insert(id, keys);
    }

    /// Forgets everything: the fleet keys have changed.
    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_bounded() {
        let id = |key_id| SessionId { key_id, tenant: 0, agent: AgentId([0; 16]), expires: 0 };
        let key = weir_wire::FleetKey { id: 0, secret: [0; 32] };
        let keys = Arc::new(SessionKeys::new(&key.session(0, AgentId([0; 16]), 0)));
        let mut cache = SessionCache::new(20);
        for key_id in 0..1_000 {
            cache.insert(id(key_id), Arc::clone(&keys));
            assert!(cache.find(&id(0)).is_some(), "in use");
            assert!(cache.young.len() + cache.old.len() <= 20);
        }
        assert!(cache.find(&id(500)).is_none());
    }
}
