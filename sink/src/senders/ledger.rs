//! The ledger: each sender's own account beside what arrived of it, as ordinary series.
//!
//! An account is written about a minute after something of it has changed. All figures are cumulative; those of an agent
//! start anew with its epochs, of which the sink sums up the ones that it remembers. Short-lived jobs share an account per
//! tenant: series of their own would outlive them by days.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use weir_sample::{Kind, Series, Timestamp};
use weir_store::{Error, Store};
use weir_wire::{AgentId, SenderId, Totals};

use super::account::{Account, Received, Sums, sum, tenant_label};
use super::agent::Agent;

/// Who is to be written when, and the accounts of jobs.
#[derive(Default)]
pub(crate) struct Ledger {
    due: VecDeque<(Timestamp, Owner)>,
    /// By tenant.
    pub jobs: BTreeMap<u32, Jobs>,
}

/// Whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Agent(SenderId),
    /// All jobs of this tenant.
    Jobs(u32),
}

/// All jobs of a tenant.
#[derive(Default)]
pub(crate) struct Jobs {
    /// What they say of themselves, added up.
    pub totals: Totals,
    pub account: Account,
}

/// From the first change to the entry.
const EVERY: Duration = Duration::from_secs(60);

/// The store keeps an account apart from its sender's samples, whose timestamps are others: under the sender's id with
/// these bits turned, which no other id is likely to be.
const APART: u128 = 0x6c65_6467_6572_0000_0000_0000_0000_0001;

impl Ledger {
    /// After a restart all accounts are due: what was noted of them before is not known.
    pub(crate) fn resume<'a>(
        agents: impl Iterator<Item = (&'a SenderId, &'a mut Agent)>,
        jobs: BTreeMap<u32, Jobs>,
        newest: Timestamp,
    ) -> Self {
        let mut ledger = Self { due: VecDeque::new(), jobs };
        for (id, agent) in agents.filter(|(id, _)| !id.is_job()) {
            agent.account.is_due = true;
            ledger.due.push_back((newest.plus(EVERY), Owner::Agent(*id)));
        }
        for (tenant, jobs) in &mut ledger.jobs {
            jobs.account.is_due = true;
            ledger.due.push_back((newest.plus(EVERY), Owner::Jobs(*tenant)));
        }
        ledger
    }

    /// Changes what was seen of a sender.
    pub(crate) fn record(
        &mut self,
        id: SenderId,
        agent: &mut Agent,
        received: Timestamp,
        change: impl FnOnce(&mut Received),
    ) {
        let (owner, account) = match id.is_job() {
            true => (Owner::Jobs(id.tenant), &mut self.jobs.entry(id.tenant).or_default().account),
            false => (Owner::Agent(id), &mut agent.account),
        };
        change(&mut account.seen);
        if !std::mem::replace(&mut account.is_due, true) {
            self.due.push_back((received.plus(EVERY), owner));
        }
    }

    /// Takes in what a sender's own account has grown by. Agents keep theirs, by epoch.
    pub(crate) fn grow(&mut self, id: SenderId, growth: &Totals) {
        if id.is_job() {
            let totals = &mut self.jobs.entry(id.tenant).or_default().totals;
            *totals = sum(totals, growth);
        }
    }

    /// The accounts that are due at `now`, with the time of their entry.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Owner)> {
        let (due, _) = self.due.front()?;
        let noted = due.minus(EVERY);
        // One that was noted in a time yet to come is of a clock that was set back.
        if *due <= now || noted > now { self.due.pop_front().map(|(due, owner)| (due.min(now), owner)) } else { None }
    }

    /// Samples sealed and received.
    pub(crate) fn sums<'a>(&self, agents: impl Iterator<Item = (&'a SenderId, &'a Agent)>) -> Sums {
        let mut sums = Sums::new();
        let jobs = self.jobs.iter().map(|(tenant, jobs)| ((*tenant, "".into()), jobs.samples()));
        let agents = agents.filter(|(id, _)| !id.is_job()).map(|(_, agent)| (agent.group(), agent.samples()));
        for (group, [sealed, received]) in jobs.chain(agents) {
            let sum = sums.entry(group).or_default();
            *sum = [sum[0] + sealed, sum[1] + received];
        }
        sums
    }

    /// Writes the account of a tenant's jobs.
    pub(crate) fn write_jobs(&mut self, store: &Store, tenant: u32, at: Timestamp) -> Result<(), Error> {
        let Some(Jobs { totals, account }) = self.jobs.get_mut(&tenant) else { return Ok(()) };
        let group = u128::from_be_bytes(AgentId::of_job([0; 10]).0) ^ u128::from(tenant) << 32;
        let labels = [("agent", "jobs"), ("tenant", &tenant_label(tenant))];
        write(store, group, &labels, totals, account, at)
    }
}

impl Jobs {
    fn samples(&self) -> [u64; 2] {
        [self.totals.sealed_samples, self.account.seen.samples]
    }
}

/// Writes an agent's account.
pub(crate) fn write_agent(store: &Store, id: SenderId, agent: &mut Agent, at: Timestamp) -> Result<(), Error> {
    let (totals, mut account) = (agent.totals(), std::mem::take(&mut agent.account));
    let written = agent.with_labels(id, |labels| write(store, id.number(), &labels, &totals, &mut account, at));
    agent.account = account;
    written
}

fn write(
    store: &Store,
    group: u128,
    labels: &[(&str, &str)],
    totals: &Totals,
    account: &mut Account,
    at: Timestamp,
) -> Result<(), Error> {
    account.is_due = false;
    let row = figures(totals, &account.seen);
    loop {
        let rows = match account.rows.take().filter(|rows| store.is_current(rows)) {
            Some(rows) => rows,
            None => store.rows(group ^ APART, &columns(labels)),
        };
        match store.append(&rows, at, EVERY, &row.map(|(_, value)| value)) {
            Err(Error::StaleRows) => {}
            outcome => {
                account.rows = Some(rows);
                return outcome.map(drop);
            }
        }
    }
}

fn columns(labels: &[(&str, &str)]) -> Vec<(Series, Kind)> {
    let series = |name| (Series::new(name, labels.iter().copied()), Kind::Gauge);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_due_once_a_minute_after_a_change() {
        let at = Timestamp::from_secs;
        let sender = |agent| SenderId { tenant: 3, agent };
        let job = |random| sender(AgentId::of_job([random; 10]));
        let agent = sender(AgentId([1; 16]));
        for (first, second, owner) in [(agent, agent, Owner::Agent(agent)), (job(1), job(2), Owner::Jobs(3))] {
            let (mut ledger, mut agent) = (Ledger::default(), Agent::new(3, Timestamp::default()));
            ledger.record(first, &mut agent, at(10), |seen| seen.batches += 1);
            ledger.record(second, &mut agent, at(20), |seen| seen.batches += 1);
            assert_eq!(ledger.pop_due(at(69)), None);
            assert_eq!(ledger.pop_due(at(70)), Some((at(70), owner)));
            assert_eq!(ledger.pop_due(at(700)), None);
        }
    }
}
