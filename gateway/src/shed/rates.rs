//! Samples a second, per agent and per tenant.

use std::{collections::HashMap, hash::Hash, time::Duration};

use weir_sample::Timestamp;
use weir_wire::{Header, SenderId};

use super::config::ShedConfig;
use super::overload::Shed;

/// What agents and tenants have sent lately.
#[derive(Debug, Default)]
pub(super) struct Rates {
    agents: Buckets<SenderId>,
    tenants: Buckets<u32>,
}

/// A rate may be exceeded for so long at a stretch: agents send a window at once, and a spool after an outage.
const BURST: Duration = Duration::from_secs(60);

impl Rates {
    /// Takes the samples of a batch into account, or says whose rate they exceed.
    pub(super) fn admit(
        &mut self,
        config: &ShedConfig,
        header: &Header,
        samples: f64,
        now: Timestamp,
    ) -> Result<(), Shed> {
        let (agent, tenant) = (config.agent_samples_per_second, config.tenant_samples_per_second);
        let sender = SenderId { tenant: header.tenant, agent: header.agent };
        if !self.agents.has_room(sender, agent, now) {
            return Err(Shed::AgentRate);
        }
        if !self.tenants.has_room(header.tenant, tenant, now) {
            return Err(Shed::TenantRate);
        }
        self.agents.fill(sender, agent, samples);
        self.tenants.fill(header.tenant, tenant, samples);
        Ok(())
    }
}

/// Leaking buckets by whom they are for. Empty ones are forgotten.
#[derive(Debug)]
struct Buckets<K> {
    levels: HashMap<K, Bucket>,
    /// How many there may be before the next look for empty ones.
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: f64,
    at: Timestamp,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { levels: HashMap::new(), sweep_at: MIN_SWEEP }
    }
}

const MIN_SWEEP: usize = 1_024;

impl<K: Eq + Hash> Buckets<K> {
    /// Whether the bucket is not full; a batch larger than it still finds room when it is empty.
    fn has_room(&mut self, of: K, rate: f64, now: Timestamp) -> bool {
        if rate <= 0.0 {
            return true;
        }
        let leaked = |bucket: &Bucket| (bucket.level - rate * now.since(bucket.at).as_secs_f64()).max(0.0);
        if self.levels.len() >= self.sweep_at {
            self.levels.retain(|_, bucket| leaked(bucket) > 0.0);
            self.sweep_at = (2 * self.levels.len()).max(MIN_SWEEP);
        }
        let bucket = self.levels.entry(of).or_insert(Bucket { level: 0.0, at: now });
        *bucket = Bucket { level: leaked(bucket), at: bucket.at.max(now) };
        bucket.level < rate * BURST.as_secs_f64()
    }

    fn fill(&mut self, of: K, rate: f64, samples: f64) {
        if rate > 0.0
            && let Some(bucket) = self.levels.get_mut(&of)
        {
            bucket.level += samples;
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_wire::{AgentId, DatagramKind, Epoch};

    use super::*;

    #[test]
    fn what_is_sent_beyond_a_rate_is_turned_away() {
        let config =
            ShedConfig { agent_samples_per_second: 10.0, tenant_samples_per_second: 15.0, ..ShedConfig::default() };
        let mut rates = Rates::default();
        let mut check = |agent: u8, tenant, second, samples, expected: Result<(), Shed>| {
            let header = Header {
                kind: DatagramKind::Batch,
                ack_wanted: true,
                dictionary: 0,
                key_id: 0,
                tenant,
                expires: 0,
                agent: AgentId([agent; 16]),
                epoch: Epoch(0),
                seq: 0,
            };
            assert_eq!(rates.admit(&config, &header, samples, Timestamp::from_secs(second)), expected);
        };
        check(1, 1, 0, 599.0, Ok(()));
        check(1, 1, 0, 300.0, Ok(()));
        check(1, 1, 0, 1.0, Err(Shed::AgentRate));
        // One of another tenant with the same id.
        check(1, 3, 0, 1.0, Ok(()));
        check(2, 1, 0, 1.0, Ok(()));
        check(2, 1, 0, 1.0, Err(Shed::TenantRate));
        check(2, 2, 0, 1.0, Ok(()));
        check(1, 1, 29, 1.0, Err(Shed::AgentRate));
        check(1, 1, 30, 1.0, Ok(()));
    }

    #[test]
    fn the_idle_are_forgotten() {
        let mut buckets = Buckets::default();
        for id in 0..100_000 {
            let now = Timestamp::from_secs(id);
            assert!(buckets.has_room(id, 10.0, now));
            buckets.fill(id, 10.0, 100.0);
        }
        assert!(buckets.levels.len() <= MIN_SWEEP, "{}", buckets.levels.len());
    }
}
