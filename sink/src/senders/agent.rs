//! What the sink remembers of each agent: which batches were counted, and how its layouts map to the store.

use std::sync::Arc;
use std::time::Duration;

use weir_sample::{Timestamp, Window};
use weir_wire::{Epoch, Layout, Seen, SeenWindow, SenderId, Totals};

use super::account::{self, Account};
use super::clock::Clock;
use super::pace::Pace;
use super::progress::Progress;
use crate::plan::Plan;
use crate::series::{Grant, Limit};

/// Epochs remembered per agent, however old they are.
const MAX_EPOCHS: usize = 16;
/// Epochs remembered of those that began shortly before the newest: an agent that crashed again and again while no
/// gateway answered has batches of all of them in its spool, and they may come in any order. Beyond this the oldest are
/// refused, as duplicates: they could not be told from what was counted.
const MAX_RECENT_EPOCHS: usize = 200;
const RECENT: Duration = Duration::from_secs(6 * 3_600);

/// Layouts kept per agent. Host metrics keep one; StatsD series that come and go make a few.
const MAX_LAYOUTS: usize = 4;

/// The least time that a plan serves; less than twice this is less than a generation of a limit.
const RENEWAL: Duration = Duration::from_secs(45 * 60);

/// One agent, as seen by the sink.
pub(crate) struct Agent {
    pub tenant: u32,
    /// When its newest batch was received.
    pub last_seen: Timestamp,
    /// The newest of all times that it has to do with: of receipt, and of windows' ends by its own clock.
    pub newest: Timestamp,
    /// Windows that ended by then may have been counted before it was forgotten the last time.
    pub doubtful_until: Timestamp,
    /// The agent's own account in its newest batch, per epoch, oldest first.
    pub epochs: Vec<EpochSeen>,
    /// What its token says, if it came by one.
    pub grant: Option<Arc<Grant>>,
    /// The labels that its account is written under; empty until a layout has told them.
    pub host: Arc<str>,
    pub pool: Arc<str>,
    /// What it runs, once a layout since the sink was opened has told it.
    pub version: Arc<str>,
    /// The sink's own view of it; of a job the tenant's account has it.
    pub account: Account,
    pub pace: Pace,
    /// How far its data have been applied.
    pub progress: Progress,
    /// When it last sent parts of shared series.
    pub parts_at: Timestamp,
    /// The series it was let in with, while there is a limit.
    pub limit: Limit,
    layouts: Vec<(u64, Arc<Plan>)>,
    /// When its plans are to be made again.
    renewal: Timestamp,
    pub clock: Clock,
}

/// One run of an agent.
pub(crate) struct EpochSeen {
    pub epoch: Epoch,
    pub window: SeenWindow,
    pub totals: Totals,
}

impl EpochSeen {
    /// Takes over the account that a batch brings, unless a newer one was there before it. Returns by what it has grown.
    pub(crate) fn grow(&mut self, totals: &Totals) -> Totals {
        let growth = account::growth(&self.totals, totals);
        if totals.sealed_batches >= self.totals.sealed_batches {
            self.totals = *totals;
        }
        growth
    }
}

impl Agent {
    /// With the labels of what the sink itself tells of a sender. Empty ones are left out of a series.
    pub(crate) fn with_labels<T>(&self, id: SenderId, then: impl FnOnce([(&'static str, &str); 4]) -> T) -> T {
        let (name, tenant) = (id.agent.to_string(), account::tenant_label(id.tenant));
        then([("agent", &name), ("host", &self.host), ("pool", &self.pool), ("tenant", &tenant)])
    }

    /// Silence after which an agent's plans are not worth their memory: the next batch makes them again.
    pub(crate) const REST: Duration = Duration::from_secs(600);

    /// One that is met, for the first time or again.
    pub(crate) fn new(tenant: u32, doubtful_until: Timestamp) -> Self {
        Self {
            tenant,
            last_seen: Timestamp::default(),
            newest: Timestamp::default(),
            doubtful_until,
            epochs: Vec::new(),
            grant: None,
            host: "".into(),
            pool: "".into(),
            version: "".into(),
            account: Account::default(),
            pace: Pace::default(),
            progress: Progress::default(),
            parts_at: Timestamp::default(),
            limit: Limit::default(),
            layouts: Vec::new(),
            renewal: Timestamp::default(),
            clock: Clock::default(),
        }
    }

    /// The agent's own account, over the epochs that are remembered.
    pub(crate) fn totals(&self) -> Totals {
        self.epochs.iter().fold(Totals::default(), |totals, epoch| account::sum(&totals, &epoch.totals))
    }

    /// Samples sealed, as it says itself, and received.
    pub(crate) fn samples(&self) -> [u64; 2] {
        [self.totals().sealed_samples, self.account.seen.samples]
    }

    /// With whom completeness counts it.
    pub(crate) fn group(&self) -> (u32, Arc<str>) {
        (self.tenant, self.pool.clone())
    }

    /// Notes a record of it, and the end of the window that the record is about.
    pub(crate) fn hear(&mut self, received: Timestamp, end: Timestamp) {
        self.newest = self.newest.max(received).max(end);
    }

    /// Whether a batch of this window cannot have been counted before the agent was forgotten the last time.
    pub(crate) fn is_surely_new(&self, window: Window) -> bool {
        window.end() > self.doubtful_until
    }

    /// Takes the labels of its account, and its version, from what its series carry.
    pub(crate) fn learn(&mut self, layout: &Layout) {
        let find = |label| layout.series.iter().find_map(|series| series.label(label)).unwrap_or_default();
        let (host, pool) = (find("host"), find("pool"));
        if (&*self.host, &*self.pool) != (host, pool) {
            (self.host, self.pool, self.account.rows) = (host.into(), pool.into(), None);
            self.progress.group = None;
        }
        let info = layout.series.iter().find(|series| series.name() == "weir_agent_info");
        if let Some(version) = info.and_then(|info| info.label("version")).filter(|version| *version != &*self.version)
        {
            self.version = version.into();
        }
    }

    /// Whether this batch is to be counted. `None` means it was, or might have been, counted before.
    pub(crate) fn admit(&mut self, epoch: Epoch, seq: u64) -> Option<&mut EpochSeen> {
        let at = match self.epochs.binary_search_by_key(&epoch, |seen| seen.epoch) {
            Ok(at) => at,
            Err(at) => {
                let seen = EpochSeen { epoch, window: SeenWindow::new(), totals: Totals::default() };
                // Most have one for ever.
                self.epochs.reserve_exact(1);
                self.epochs.insert(at, seen);
                if at + 1 == self.epochs.len() {
                    self.progress.begin_epoch();
                }
                let excess = self.excess_epochs();
                self.epochs.drain(..excess);
                at.checked_sub(excess)?
            }
        };
        let seen = &mut self.epochs[at];
        (seen.window.admit(seq) == Seen::New).then_some(seen)
    }

    /// Notes how far a batch that was counted brings it. Those of earlier epochs come before, but for what is in flight.
    pub(crate) fn get_on(&mut self, epoch: Epoch, window: Window, attended: Duration) {
        if let Some(newest) = self.epochs.last().filter(|newest| newest.epoch == epoch) {
            self.progress.observe(window, newest.totals.sealed_batches, newest.window.contiguous(), attended);
        }
    }

    /// How many of the oldest epochs are to be forgotten.
    fn excess_epochs(&self) -> usize {
        let newest = self.epochs.last().map_or(Timestamp::default(), |seen| seen.epoch.began());
        let old = self.epochs.partition_point(|seen| newest.since(seen.epoch.began()) > RECENT);
        let count = self.epochs.len();
        count.saturating_sub(MAX_EPOCHS).min(old).max(count.saturating_sub(MAX_RECENT_EPOCHS))
    }

    /// Forgets its plans if they are old, so that what is counted per series stays true. `spread` keeps the agents of a
    /// fleet that started as one from doing so as one.
    pub(crate) fn renew(&mut self, now: Timestamp, spread: u8) {
        if now >= self.renewal {
            self.layouts.clear();
            self.renewal = now.plus(RENEWAL.mul_f64(1.0 + f64::from(spread) / 256.0));
        }
    }

    /// Forgets its plans: what they were made by has changed.
    pub(crate) fn forget_plans(&mut self) {
        self.layouts = Vec::new();
    }

    /// The plan of a layout seen before.
    pub(crate) fn plan(&mut self, layout_id: u64) -> Option<Arc<Plan>> {
        let at = self.layouts.iter().position(|(id, _)| *id == layout_id)?;
        self.layouts[..=at].rotate_right(1);
        Some(self.layouts[0].1.clone())
    }

    /// Remembers a layout in place of the one unused for longest, or of itself.
    pub(crate) fn remember(&mut self, layout_id: u64, plan: Arc<Plan>) {
        self.layouts.retain(|(id, _)| *id != layout_id);
        self.layouts.truncate(MAX_LAYOUTS - 1);
        self.layouts.insert(0, (layout_id, plan));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(seconds: u64) -> Epoch {
        Epoch(seconds << 16)
    }

    #[test]
    fn each_epoch_of_a_crash_loop_is_counted_once_in_any_order() {
        let mut agent = Agent::new(0, Timestamp::default());
        for turn in [true, false] {
            for run in (0..MAX_RECENT_EPOCHS as u64).rev() {
                assert_eq!(agent.admit(epoch(1_000_000 + run), 7).is_some(), turn, "run {run}");
            }
        }
    }

    #[test]
    fn what_was_counted_is_never_taken_for_new_when_its_epoch_was_forgotten() {
        let mut agent = Agent::new(0, Timestamp::default());
        let day = RECENT.as_secs() * 4;
        for run in 0..300 {
            assert!(agent.admit(epoch(1_000_000 + run * day), 0).is_some());
            assert!(agent.epochs.len() <= MAX_EPOCHS);
        }
        for run in 300..900 {
            assert!(agent.admit(epoch(1_000_000 + 300 * day + run), 0).is_some());
            assert!(agent.epochs.len() <= MAX_RECENT_EPOCHS);
        }
        let again = (0..300).map(|run| epoch(1_000_000 + run * day));
        for epoch in again.chain((300..900).map(|run| epoch(1_000_000 + 300 * day + run))) {
            assert!(agent.admit(epoch, 0).is_none(), "{epoch:?}");
        }
    }
}
