//! Every sender that the sink remembers, and for how long.
//!
//! Who has been silent for long is forgotten, or senders that live for minutes would fill the memory. Counting stays
//! exactly-once by a rule on windows. A sender is silent since the newest of two times: when its last batch came, and the
//! end of the newest window it sent. Whatever was counted of it is of a window that ended by then. So, of a sender that
//! is not remembered, a batch whose window ended after everyone forgotten so far had gone silent is surely new. One of
//! an older window may have been counted before, and is left out; that is kept for the sender's whole second life, since
//! its numbers of before come as new ones. How long the sink remembers is therefore how old a batch may be and still be
//! counted for sure: it must be longer than any sender keeps trying. Jobs give up after an hour, agents have a spool.

mod account;
mod agent;
mod clock;
pub(crate) mod completeness;
pub(crate) mod fleet;
pub(crate) mod ledger;
pub(crate) mod marks;
mod pace;
pub(crate) mod progress;
pub(crate) mod roster;
pub(crate) mod up;

use std::collections::HashMap;
use std::time::Duration;

use weir_sample::Timestamp;
use weir_wire::SenderId;

pub(crate) use account::{Account, Received};
pub(crate) use agent::{Agent, EpochSeen};
pub(crate) use clock::Told;

/// How long silent senders are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Agents: what one brings back from its spool after a longer outage may be left out.
    pub agents: Duration,
    /// Short-lived jobs.
    pub jobs: Duration,
}

impl Default for Memory {
    fn default() -> Self {
        Self { agents: Duration::from_secs(7 * 86_400), jobs: Duration::from_secs(2 * 3_600) }
    }
}

/// Senders by tenant and id.
#[derive(Default)]
pub(crate) struct Senders {
    agents: HashMap<SenderId, Agent>,
    /// Until when those forgotten had been heard.
    forgotten: Forgotten,
    swept: Timestamp,
}

/// The latest time at which anyone forgotten was heard, agents and jobs apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub agents: Timestamp,
    pub jobs: Timestamp,
}

/// Time between two looks at everyone.
const SWEEP: Duration = Duration::from_secs(60);

impl Senders {
    /// Takes up where a checkpoint left off.
    pub(crate) fn resume(agents: HashMap<SenderId, Agent>, forgotten: Forgotten) -> Self {
        Self { agents, forgotten, swept: Timestamp::default() }
    }

    pub(crate) fn forgotten(&self) -> Forgotten {
        self.forgotten
    }

    pub(crate) fn len(&self) -> usize {
        self.agents.len()
    }

    pub(crate) fn get_mut(&mut self, id: &SenderId) -> Option<&mut Agent> {
        self.agents.get_mut(id)
    }

    /// The sender, which is remembered from now on.
    pub(crate) fn entry(&mut self, id: SenderId) -> &mut Agent {
        let heard = if id.is_job() { self.forgotten.jobs } else { self.forgotten.agents };
        self.agents.entry(id).or_insert_with(|| Agent::new(id.tenant, heard))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SenderId, &Agent)> {
        self.agents.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Agent> {
        self.agents.values_mut()
    }

    /// Those that are no jobs.
    pub(crate) fn agents_mut(&mut self) -> impl Iterator<Item = (&SenderId, &mut Agent)> {
        self.agents.iter_mut().filter(|(id, _)| !id.is_job())
    }

    /// Once a minute, lets `rest` see to those who fell silent a while ago and forgets those silent for too long, who
    /// are returned.
    pub(crate) fn sweep(
        &mut self,
        now: Timestamp,
        memory: &Memory,
        rest: impl FnMut(&mut Agent),
    ) -> Vec<(SenderId, Agent)> {
        if !now.is_due(self.swept, SWEEP) {
            return Vec::new();
        }
        self.swept = now;
        let silent_for = |agent: &Agent, most: Duration| now.since(agent.newest) > most;
        let rests = |id: &SenderId, agent: &Agent| silent_for(agent, if id.is_job() { SWEEP } else { Agent::REST });
        let resting = self.agents.iter_mut().filter(|(id, agent)| rests(id, agent));
        resting.map(|(_, agent)| agent).for_each(rest);
        let forgotten = &mut self.forgotten;
        let gone = self.agents.extract_if(|id, agent| {
            let (most, until) = match id.is_job() {
                true => (memory.jobs, &mut forgotten.jobs),
                false => (memory.agents, &mut forgotten.agents),
            };
            let goes = silent_for(agent, most);
            if goes {
                *until = (*until).max(agent.newest);
            }
            goes
        });
        gone.collect()
    }
}
