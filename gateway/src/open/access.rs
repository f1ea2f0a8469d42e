//! What decides over senders.

use std::fmt;
use std::sync::Arc;

use weir_identity::{DenyList, FleetKeys, Identity, TokenKeys};

/// Keys and lists that say who may send. Every part reloads while the gateway runs.
#[derive(Clone)]
pub struct Access {
    /// The keys that sessions derive from.
    pub keys: Arc<FleetKeys>,
    /// Agents that are refused.
    pub denied: Arc<DenyList>,
    /// Checks the tokens of streams. `None`: a stream needs none, the seals of its batches are enough.
    pub tokens: Option<Arc<TokenKeys>>,
}

impl From<&Identity> for Access {
    fn from(identity: &Identity) -> Self {
        let Identity { fleet, denied, tokens, .. } = identity;
        Self { keys: Arc::clone(fleet), denied: Arc::clone(denied), tokens: tokens.clone() }
    }
}

impl fmt::Debug for Access {
    /// Keys are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

/// Whose batches a peer may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenant {
    /// Nobody's: it has yet to show a token.
    Unknown,
    /// Those of the token's tenant.
    Token(u32),
    /// Those that the seals say.
    Sealed,
}

impl Tenant {
    /// Whether a batch of this tenant is none that the peer may bring.
    pub(crate) fn excludes(self, sealed: u32) -> bool {
        match self {
            Self::Unknown => true,
            Self::Token(tenant) => tenant != sealed,
            Self::Sealed => false,
        }
    }
}
