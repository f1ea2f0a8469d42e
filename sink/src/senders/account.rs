//! One sender's account: what it says of itself, and what the sink saw of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_store::Rows;
use weir_wire::Totals;

/// Samples sealed and received, by tenant and pool.
pub(crate) type Sums = BTreeMap<(u32, Arc<str>), [u64; 2]>;

/// What the sink itself saw of a sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    pub samples: u64,
    pub batches: u64,
    pub duplicates: u64,
    /// Batches that came after the allowed lateness.
    pub late: u64,
}

/// The sink's side of an account, and where it is written.
#[derive(Default)]
pub(crate) struct Account {
    pub seen: Received,
    /// Whether an entry is to come.
    pub is_due: bool,
    pub rows: Option<Rows>,
}

/// Two accounts as one. What waits is told whole by the second.
pub(crate) fn sum(first: &Totals, second: &Totals) -> Totals {
    Totals {
        sealed_batches: first.sealed_batches + second.sealed_batches,
        sealed_samples: first.sealed_samples + second.sealed_samples,
        acked_batches: first.acked_batches + second.acked_batches,
        acked_samples: first.acked_samples + second.acked_samples,
        resent_batches: first.resent_batches + second.resent_batches,
        dropped_batches: first.dropped_batches + second.dropped_batches,
        dropped_samples: first.dropped_samples + second.dropped_samples,
        spooled_batches: second.spooled_batches,
    }
}

/// What an account has grown by. Nothing is waiting of a difference.
pub(crate) fn growth(before: &Totals, now: &Totals) -> Totals {
    Totals {
        sealed_batches: now.sealed_batches.saturating_sub(before.sealed_batches),
        sealed_samples: now.sealed_samples.saturating_sub(before.sealed_samples),
        acked_batches: now.acked_batches.saturating_sub(before.acked_batches),
        acked_samples: now.acked_samples.saturating_sub(before.acked_samples),
        resent_batches: now.resent_batches.saturating_sub(before.resent_batches),
        dropped_batches: now.dropped_batches.saturating_sub(before.dropped_batches),
        dropped_samples: now.dropped_samples.saturating_sub(before.dropped_samples),
        spooled_batches: 0,
    }
}

/// The default tenant goes without a label, as everywhere.
pub(crate) fn tenant_label(tenant: u32) -> String {
    if tenant == 0 { String::new() } else { tenant.to_string() }
}
