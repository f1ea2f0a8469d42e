//! Watermarks as others see them.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_sample::{Reading, Timestamp};

use super::account::tenant_label;

/// What is known of all watermarks at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watermarks {
    /// By tenant and pool, those that have senders.
    pub marks: BTreeMap<(u32, Arc<str>), Mark>,
    /// Until when there is nothing to wait for where nobody sends.
    pub idle: Timestamp,
    /// The instant up to which all samples of live senders are there, over all tenants: 1 ms before the end of the earliest
    /// window that somebody is still at, for a window's samples stand at its end. Zero: not known yet.
    pub complete_to: Timestamp,
    /// Hosts of senders that are left out, by tenant, a hundred thousand at most.
    pub left_out: BTreeMap<u32, Vec<Arc<str>>>,
}

/// One pool's watermark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The data of all live senders are applied until then. It never goes back.
    pub until: Timestamp,
    /// Senders that are waited for.
    pub live: u64,
    /// Senders that are not, until they are back.
    pub left_out: u64,
}

/// Hosts named of each tenant's senders that are left out.
pub(crate) const MOST_NAMED: usize = 100_000;

impl Watermarks {
    /// A tenant's watermark: the earliest of its pools'.
    pub fn of(&self, tenant: u32) -> Timestamp {
        let pools = self.marks.range((tenant, "".into())..).take_while(|((of, _), _)| *of == tenant);
        pools.map(|(_, mark)| mark.until).min().unwrap_or(self.idle)
    }

    /// How many of a tenant's senders are left out.
    pub fn left_out_of(&self, tenant: u32) -> u64 {
        self.marks.iter().filter(|((of, _), _)| *of == tenant).map(|(_, mark)| mark.left_out).sum()
    }

    /// As telemetry, all of one name together.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let of_pools = |name, help, value: fn(&Mark) -> f64| {
            self.marks.iter().map(move |((tenant, pool), mark)| {
                let labels = [("tenant", &*tenant_label(*tenant)), ("pool", &**pool)];
                Reading::gauge(name, &labels, value(mark), help)
            })
        };
        let until = of_pools("weir_sink_watermark_timestamp_seconds", UNTIL_HELP, |mark| mark.until.as_secs_f64());
        let live = of_pools("weir_sink_waited_senders", LIVE_HELP, |mark| mark.live as f64);
        let left_out = of_pools("weir_sink_left_out_senders", LEFT_OUT_HELP, |mark| mark.left_out as f64);
        until.chain(live).chain(left_out).collect()
    }
}

const UNTIL_HELP: &str =
    "The data of all live senders of this pool have been applied until then. Rules are evaluated up to it.";
const LIVE_HELP: &str = "Senders that the watermark waits for.";
const LEFT_OUT_HELP: &str = "Senders that were silent or behind for longer than the watermark waits (alerting.wait), until \
    they are back. weir_agent_up == 0 says which.";
