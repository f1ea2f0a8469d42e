//! All agents in one list, for whoever shows them. The sink's thread alone knows them, so it makes the list, and only while somebody
//! asks: a hundred thousand agents are 20 MB.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use weir_sample::Timestamp;
use weir_wire::{AgentId, SenderId};

use super::Senders;
use super::agent::Agent;
use super::progress::Standing;

/// Silence after which an agent no longer counts as alive.
pub(crate) const ALIVE: Duration = Duration::from_secs(60);

/// An agent with long windows is silent after so many of them.
const SILENT_WINDOWS: u32 = 3;

/// Age from which a list is made anew for who asks.
const EVERY: Duration = Duration::from_secs(5);

/// Time since the last question after which the list is let go.
const KEPT: Duration = Duration::from_secs(60);

/// How an agent stands with the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentState {
    /// It has sent before, and does not now.
    Silent,
    /// It sends.
    Live,
    /// It has said goodbye.
    Gone,
}

/// One agent, as its own account and the sink have it.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentStatus {
    /// Whose it is.
    pub tenant: u32,
    /// Its id.
    pub agent: AgentId,
    /// Empty until a batch has told it.
    pub host: Arc<str>,
    /// The pool that it is of.
    pub pool: Arc<str>,
    /// Empty until it has sent a batch since the server started.
    pub version: Arc<str>,
    /// Whether it sends.
    pub state: AgentState,
    /// When its newest batch was received, and so acknowledged.
    pub last_batch: Timestamp,
    /// Batches that it knows to be durable.
    pub acked_batches: u64,
    /// Batches that it sent more than once.
    pub resent_batches: u64,
    /// Batches that it had to drop before any gateway took them.
    pub lost_batches: u64,
    /// Batches that wait for their ack on its disk.
    pub spooled_batches: u64,
    /// Of the samples that it has sealed and no longer holds, the share that arrived.
    pub completeness: Option<f64>,
    /// Over about the last minute.
    pub samples_per_second: Option<f64>,
    /// How far its clock is ahead, in milliseconds; below zero it is behind. Zero is within an interval.
    pub clock_ms: i64,
}

/// All agents at one time.
#[derive(Debug, Default)]
pub struct Listing {
    /// When it was made.
    pub at: Timestamp,
    /// In no order.
    pub agents: Vec<AgentStatus>,
}

/// The newest list, and until when lists are wanted.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    wanted_until: AtomicI64,
    newest: Mutex<Option<Arc<Listing>>>,
    made: Condvar,
}

impl Roster {
    /// The list, at most some seconds old; waits for one for as long as `patience`.
    pub(crate) fn ask(&self, now: Timestamp, patience: Duration) -> Option<Arc<Listing>> {
        self.wanted_until.store(now.plus(KEPT).millis(), Relaxed);
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |newest: &Option<Arc<Listing>>| newest.as_ref().is_none_or(|list| now.since(list.at) > EVERY * 2);
        let waited = self.made.wait_timeout_while(newest, patience, |newest| is_old(newest));
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Makes a list if one is wanted and due; lets it go if none is.
    pub(crate) fn make(&self, now: Timestamp, senders: &Senders) {
        let wanted_until = self.wanted_until.load(Relaxed);
        if wanted_until == 0 {
            return;
        }
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if Timestamp(wanted_until) < now {
            self.wanted_until.store(0, Relaxed);
            *newest = None;
        } else if newest.as_ref().is_none_or(|list| now.is_due(list.at, EVERY)) {
            let agents = senders.iter().filter(|(id, _)| !id.is_job()).map(|(id, agent)| status(now, id, agent));
            *newest = Some(Arc::new(Listing { at: now, agents: agents.collect() }));
            self.made.notify_all();
        }
    }
}

fn status(now: Timestamp, id: &SenderId, agent: &Agent) -> AgentStatus {
    let totals = agent.totals();
    // What waits on its disk is not missing yet: it is left out by the mean size of a batch.
    let settled = totals.sealed_batches.saturating_sub(totals.spooled_batches) as f64;
    let expected = totals.sealed_samples as f64 * settled / totals.sealed_batches.max(1) as f64;
    AgentStatus {
        tenant: id.tenant,
        agent: id.agent,
        host: agent.host.clone(),
        pool: agent.pool.clone(),
        version: agent.version.clone(),
        state: state(now, agent),
        last_batch: agent.last_seen,
        acked_batches: totals.acked_batches,
        resent_batches: totals.resent_batches,
        lost_batches: totals.dropped_batches,
        spooled_batches: totals.spooled_batches,
        completeness: (expected > 0.0).then(|| (agent.account.seen.samples as f64 / expected).min(1.0)),
        samples_per_second: agent.pace.per_second(),
        clock_ms: agent.clock.off_ms(),
    }
}

fn state(now: Timestamp, agent: &Agent) -> AgentState {
    let silence = ALIVE.max(agent.progress.interval() * SILENT_WINDOWS);
    match agent.progress.standing {
        Standing::Gone => AgentState::Gone,
        _ if now.since(agent.last_seen) >= silence => AgentState::Silent,
        Standing::LeftOut => AgentState::Silent,
        Standing::Live | Standing::Unknown => AgentState::Live,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + seconds)
    }

    fn senders(last_seen: i64) -> Senders {
        let mut senders = Senders::default();
        let id = SenderId { tenant: 3, agent: AgentId([7; 16]) };
        senders.entry(id).last_seen = at(last_seen);
        senders.entry(SenderId { tenant: 3, agent: AgentId::of_job([1; 10]) });
        senders
    }

    #[test]
    fn a_list_is_made_for_who_asks_and_let_go_after_a_minute() {
        let (roster, senders) = (Roster::default(), senders(0));
        let listed = |seconds| roster.ask(at(seconds), Duration::ZERO).map(|list| (list.at, list.agents.len()));
        roster.make(at(0), &senders);
        assert_eq!(listed(0), None, "nobody had asked");
        roster.make(at(1), &senders);
        assert_eq!(listed(2), Some((at(1), 1)), "jobs are no hosts");
        roster.make(at(4), &senders);
        assert_eq!(listed(5), Some((at(1), 1)));
        roster.make(at(6), &senders);
        assert_eq!(listed(7), Some((at(6), 1)));
        roster.make(at(68), &senders);
        assert_eq!(listed(69), None);
    }

    #[test]
    fn who_waits_is_given_a_list_as_soon_as_there_is_one() {
        let roster = Roster::default();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| roster.ask(at(0), Duration::from_secs(30)));
            while !asked.is_finished() {
                roster.make(at(0), &senders(0));
                std::thread::yield_now();
            }
            assert!(asked.join().unwrap().is_some());
        });
    }

    #[test]
    fn an_agent_is_silent_after_a_minute_or_three_of_its_windows() {
        let check = |silence: i64, interval_s: u32, standing, expected| {
            let mut agent = Agent::new(0, Timestamp::default());
            let window = weir_sample::Window::ending(at(0), interval_s * 1_000);
            agent.progress.observe(window, 1, 1, Duration::ZERO);
            (agent.last_seen, agent.progress.standing) = (at(0), standing);
            assert_eq!(state(at(silence), &agent), expected, "{silence} s of {interval_s} s, {standing:?}");
        };
        check(59, 10, Standing::Live, AgentState::Live);
        check(60, 10, Standing::Live, AgentState::Silent);
        check(60, 60, Standing::Live, AgentState::Live);
        check(180, 60, Standing::Live, AgentState::Silent);
        check(30, 10, Standing::LeftOut, AgentState::Silent);
        check(9_000, 10, Standing::Gone, AgentState::Gone);
        check(1, 10, Standing::Unknown, AgentState::Live);
    }

    #[test]
    fn what_waits_in_the_spool_is_not_missing() {
        let check = |spooled, received, expected| {
            let (mut senders, id) = (senders(0), SenderId { tenant: 3, agent: AgentId([7; 16]) });
            let agent = senders.entry(id);
            let seen = agent.admit(weir_wire::Epoch(1 << 16), 0).unwrap();
            let totals = weir_wire::Totals { sealed_batches: 10, sealed_samples: 1_000, ..Default::default() };
            seen.totals = weir_wire::Totals { spooled_batches: spooled, ..totals };
            agent.account.seen.samples = received;
            assert_eq!(status(at(0), &id, agent).completeness, expected, "{spooled} {received}");
        };
        check(0, 1_000, Some(1.0));
        check(0, 900, Some(0.9));
        check(5, 500, Some(1.0));
        check(10, 0, None);
    }
}
