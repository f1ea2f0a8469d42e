//! What the owner of shared series has heard from all sinks of its group.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use weir_queue::Record;
use weir_sample::Timestamp;
use weir_store::Store;
use weir_wire::{AgentId, Epoch, Seen, SeenWindow};

use super::form::{self, Told};
use crate::Error;
use crate::partials::{Partials, write};

/// What was heard from one sink on one way.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) epoch: Epoch,
    pub(crate) seen: SeenWindow,
    /// All of its windows that end by then have come.
    pub(crate) until: Timestamp,
    /// The same in its life before: of these windows nothing is taken from this one.
    pub(crate) before: Timestamp,
}

/// Windows whose parts come from several sinks.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) heard: HashMap<AgentId, Heard>,
    pub(crate) partials: Partials,
    /// Who tells this owner: every sink of its group, for every partition that is owned here.
    expected: HashSet<AgentId>,
    pub(crate) duplicates: u64,
    /// Parts of windows that a sink had told in a life before.
    pub(crate) told_before: u64,
    pub(crate) undecodable: u64,
}

/// How long windows wait for a sink that is away: rules wait with them.
const AWAY: Duration = Duration::from_secs(120);

impl Gathered {
    /// Goes on with what a checkpoint has.
    pub(super) fn expecting(mut self, senders: HashSet<AgentId>) -> Self {
        self.heard.retain(|sender, _| senders.contains(sender));
        self.expected = senders;
        self
    }

    /// Takes one record of parts, once.
    pub(super) fn take(&mut self, record: &Record<'_>) {
        // Another group tells its own owners the same, in the same topic.
        if !self.expected.contains(&record.agent) {
            return;
        }
        let Some(told) = form::read(record.payload) else {
            self.undecodable += 1;
            return;
        };
        let heard = self.heard.entry(record.agent).or_insert_with(|| Heard::begin(record.epoch, Timestamp::default()));
        if record.epoch < heard.epoch {
            // A life that is over: who came after it tells the same.
            self.told_before += 1;
            return;
        }
        if record.epoch > heard.epoch {
            *heard = Heard::begin(record.epoch, heard.until);
        }
        let (window, parts) = match told {
            Told::Parts(window, parts) => (window, parts),
            Told::Until(until) => {
                heard.until = until;
                return;
            }
        };
        if heard.seen.admit(record.seq) != Seen::New {
            self.duplicates += 1;
            return;
        }
        if window.end() <= heard.before {
            self.told_before += 1;
            return;
        }
        for (series, part) in parts {
            self.partials.merge(window, &series, part.value, part.at);
        }
    }

    /// All windows that end by then have come from every sink.
    pub(super) fn complete(&self, now: Timestamp) -> Timestamp {
        let heard =
            self.heard.values().map(|heard| heard.until).min().filter(|_| self.heard.len() >= self.expected.len());
        heard.unwrap_or_default().min(now).max(now.minus(AWAY))
    }

    /// See [`Partials::reopen`].
    pub(super) fn reopen(&mut self, now: Timestamp) {
        self.partials.reopen(now, AWAY);
    }

    /// Writes the windows that have all their parts, or have waited for too long.
    pub(super) fn close(&mut self, now: Timestamp, store: &Store) -> Result<(), Error> {
        let complete = self.complete(now);
        self.partials.close(now, complete, AWAY, |window, parts| write(store, window, parts))
    }
}

impl Heard {
    fn begin(epoch: Epoch, before: Timestamp) -> Self {
        Self { epoch, seen: SeenWindow::new(), until: before, before }
    }
}
