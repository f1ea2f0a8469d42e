//! The ledger: each agent's own account beside what arrived of it, as ordinary series, and how complete the data is.
//!
//! An agent's account is written about a minute after something of it has changed. All figures are cumulative; those of
//! the agent start anew with its epochs, of which the sink sums up the ones that it remembers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use weir_sample::{Kind, Series, Timestamp, Window};
use weir_store::{Error, Store};
use weir_wire::{AgentId, Totals};

use crate::agents::Agent;

/// Who is to be written when, and the sums by which completeness is judged.
#[derive(Default)]
pub(crate) struct Ledger {
    due: VecDeque<(Timestamp, AgentId)>,
    /// Sums of sealed and received samples by tenant and pool, one for each of the last minutes.
    minutes: VecDeque<(Timestamp, Sums)>,
}

type Sums = BTreeMap<(u32, Arc<str>), [u64; 2]>;

/// What the sink itself saw of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    pub samples: u64,
    pub batches: u64,
    pub duplicates: u64,
    /// Batches that came after the allowed lateness.
    pub late: u64,
}

/// From the first change to the entry.
const EVERY: Duration = Duration::from_secs(60);
/// Completeness is that of the samples sealed in this time.
const SPAN: Duration = Duration::from_secs(600);

/// The store keeps an agent's account apart from its samples, whose timestamps are others: under its id with these bits
/// turned, which no other id is likely to be.
const APART: u128 = 0x6c65_6467_6572_0000_0000_0000_0000_0001;

impl Ledger {
    /// After a restart all agents are due: what was noted of them before is not known.
    pub(crate) fn resume<'a>(agents: impl Iterator<Item = &'a AgentId>, newest: Timestamp) -> Self {
        let due = agents.map(|agent| (newest.plus(EVERY), *agent)).collect();
        Self { due, minutes: VecDeque::new() }
    }

    /// Notes that an agent's account changes.
    pub(crate) fn touch(&mut self, id: AgentId, agent: &mut Agent, received: Timestamp) {
        if !agent.is_due {
            agent.is_due = true;
            self.due.push_back((received.plus(EVERY), id));
        }
    }

    /// The agents that are due at `now`, with the time of their entry.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, AgentId)> {
        let (due, _) = self.due.front()?;
        if *due <= now { self.due.pop_front() } else { None }
    }

    /// Once a minute, the share of the samples sealed lately that arrived, by tenant and pool.
    pub(crate) fn completeness<'a>(
        &mut self,
        now: Timestamp,
        agents: impl Iterator<Item = &'a Agent>,
    ) -> Vec<(Series, f64)> {
        if self.minutes.back().is_some_and(|(last, _)| now.since(*last) < EVERY) {
            return Vec::new();
        }
        let mut sums = Sums::new();
        for agent in agents {
            let [sealed, received] = sums.entry((agent.tenant, agent.pool.clone())).or_default();
            *sealed += agent.totals().sealed_samples;
            *received += agent.seen.samples;
        }
        while self.minutes.front().is_some_and(|(first, _)| now.since(*first) > SPAN) {
            self.minutes.pop_front();
        }
        let before = self.minutes.front().map(|(_, sums)| sums);
        let ratios = sums.iter().filter_map(|(group, [sealed, received])| {
            let [sealed_before, received_before] = before.and_then(|sums| sums.get(group)).copied().unwrap_or_default();
            let (sealed, received) = (sealed.checked_sub(sealed_before)?, received.checked_sub(received_before)?);
            (sealed > 0).then(|| (completeness_series(group), (received as f64 / sealed as f64).min(1.0)))
        });
        let ratios = ratios.collect();
        self.minutes.push_back((now, sums));
        ratios
    }
}

/// Writes an agent's account into the store.
pub(crate) fn write(store: &Store, id: AgentId, agent: &mut Agent, at: Timestamp) -> Result<(), Error> {
    agent.is_due = false;
    let row = figures(&agent.totals(), &agent.seen);
    loop {
        let rows = match agent.ledger_rows.take().filter(|rows| store.is_current(rows)) {
            Some(rows) => rows,
            None => store.rows(u128::from_be_bytes(id.0) ^ APART, &columns(id, agent)),
        };
        match store.append(&rows, at, EVERY, &row.map(|(_, value)| value)) {
            Err(Error::StaleRows) => {}
            outcome => {
                agent.ledger_rows = Some(rows);
                return outcome.map(drop);
            }
        }
    }
}

/// Writes figures about many agents.
pub(crate) fn write_completeness(store: &Store, at: Timestamp, ratios: Vec<(Series, f64)>) -> Result<(), Error> {
    let at = Window::containing(at, EVERY).start();
    for (series, ratio) in ratios {
        store.append_sample(&series, Kind::Gauge, at, ratio)?;
    }
    Ok(())
}

fn columns(id: AgentId, agent: &Agent) -> Vec<(Series, Kind)> {
    let (id, tenant) = (id.to_string(), tenant_label(agent.tenant));
    let labels = [("agent", id.as_str()), ("host", &agent.host), ("pool", &agent.pool), ("tenant", &tenant)];
    // Empty labels are left out of a series.
    let series = |name| (Series::new(name, labels), Kind::Gauge);
    figures(&Totals::default(), &Received::default()).iter().map(|(name, _)| series(name)).collect()
}

fn figures(totals: &Totals, seen: &Received) -> [(&'static str, f64); 12] {
    let missing = totals.sealed_batches.saturating_sub(seen.batches);
    [
        ("weir_ledger_sealed_batches_total", totals.sealed_batches),
        ("weir_ledger_sealed_samples_total", totals.sealed_samples),
        ("weir_ledger_acked_batches_total", totals.acked_batches),
        ("weir_ledger_acked_samples_total", totals.acked_samples),
        ("weir_ledger_resent_batches_total", totals.resent_batches),
        ("weir_ledger_dropped_batches_total", totals.dropped_batches),
        ("weir_ledger_spooled_batches", totals.spooled_batches),
        ("weir_ledger_received_batches_total", seen.batches),
        ("weir_ledger_received_samples_total", seen.samples),
        ("weir_ledger_duplicate_batches_total", seen.duplicates),
        ("weir_ledger_late_batches_total", seen.late),
        ("weir_ledger_missing_batches", missing),
    ]
    .map(|(name, value)| (name, value as f64))
}

fn completeness_series((tenant, pool): &(u32, Arc<str>)) -> Series {
    let tenant = tenant_label(*tenant);
    Series::new("weir_completeness_ratio", [("tenant", tenant.as_str()), ("pool", pool)])
}

/// The default tenant goes without a label, as everywhere.
fn tenant_label(tenant: u32) -> String {
    if tenant == 0 { String::new() } else { tenant.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(sealed: u64, received: u64) -> Agent {
        let mut agent = Agent::new(3);
        agent.pool = "web".into();
        let epoch = weir_wire::Epoch(1);
        agent.admit(epoch, 0).unwrap().totals.sealed_samples = sealed;
        agent.seen.samples = received;
        agent
    }

    #[test]
    fn completeness_is_that_of_the_last_minutes() {
        let mut ledger = Ledger::default();
        let mut check = |at: i64, sealed, received, expected: &[f64]| {
            let found = ledger.completeness(Timestamp::from_secs(at), [agent(sealed, received)].iter());
            assert_eq!(found.iter().map(|(_, ratio)| *ratio).collect::<Vec<_>>(), expected, "at {at}");
            for (series, _) in found {
                assert_eq!(series.to_string(), "weir_completeness_ratio{pool=\"web\",tenant=\"3\"}");
            }
        };
        check(0, 100, 90, &[0.9]);
        check(30, 150, 90, &[]);
        check(60, 200, 190, &[1.0]);
        check(120, 200, 190, &[1.0]);
        check(700, 300, 240, &[0.5]);
    }

    #[test]
    fn an_agent_is_due_once_a_minute_after_a_change() {
        let (mut ledger, mut agent, id) = (Ledger::default(), agent(1, 1), AgentId([1; 16]));
        let at = Timestamp::from_secs;
        ledger.touch(id, &mut agent, at(10));
        ledger.touch(id, &mut agent, at(20));
        assert_eq!(ledger.take_due(at(69)), None);
        assert_eq!(ledger.take_due(at(70)), Some((at(70), id)));
        assert_eq!(ledger.take_due(at(700)), None);
    }
}
