//! The notifier's state, and its clockwork.

use std::collections::HashMap;
use std::time::Duration;

use weir_alert::routing::{Config, Guard};
use weir_alert::states::StateFile;
use weir_alert::template::Templates;
use weir_sample::Timestamp;

use super::book::Book;
use super::groups::Groups;
use super::lanes::Lanes;
use crate::keep::{Error, LogEntry, Store};
use crate::quiet::{Inhibitor, Silences};

/// What the notifier is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file that holds its state.
    pub state: StateFile,
    /// Where people find this Weir; stands in notifications.
    pub external_url: String,
    /// How long history and dead letters are kept. 90 days by default.
    pub keep: Duration,
    /// What a silence may mute without being forced.
    pub guard: Guard,
}

impl Settings {
    /// The usual ones.
    pub fn new(state: impl Into<StateFile>, external_url: &str) -> Self {
        let keep = Duration::from_secs(90 * 86_400);
        Self { state: state.into(), external_url: external_url.to_owned(), keep, guard: Guard::default() }
    }
}

/// Takes events, groups them, decides what is to be sent, and remembers what was.
pub struct Notifier {
    pub(super) store: Store,
    pub(super) settings: Settings,
    pub(super) config: Config,
    pub(super) templates: Templates,
    pub(super) book: Book,
    pub(super) groups: Groups,
    pub(super) inhibitor: Inhibitor,
    pub(super) silences: Silences,
    pub(super) log: HashMap<String, LogEntry>,
    pub(super) lanes: Lanes,
    /// Bytes of requests that are in flight.
    pub(super) in_flight: HashMap<u64, usize>,
    /// Stands before each key, so that a new file's keys are not those of an old one.
    pub(super) store_id: String,
    pub(super) next_id: u64,
    pub(super) next_care: Timestamp,
    /// The time at the last tick.
    pub(super) ticked: Timestamp,
}

/// How often what is old is cleared away.
const CARE_INTERVAL: Duration = Duration::from_secs(3600);
/// By less a clock that was set back is waited for.
const SET_BACK: Duration = Duration::from_secs(1);
/// Expired silences are kept for so long.
const KEEP_SILENCES: Duration = Duration::from_secs(5 * 86_400);

impl Notifier {
    /// When [`Notifier::tick`] or [`Notifier::jobs`] has something to do next.
    pub fn next_due(&self) -> Option<Timestamp> {
        [self.groups.next_due(), self.lanes.next_due(), Some(self.next_care)].into_iter().flatten().min()
    }

    /// Does what is due: groups are flushed into notifications, what is old goes.
    ///
    /// # Errors
    /// The file; open it anew.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), Error> {
        let set_back = std::mem::replace(&mut self.ticked, now).since(now);
        if set_back > SET_BACK {
            self.groups.set_back(set_back);
            self.lanes.set_back(set_back);
            self.next_care = self.next_care.minus(set_back);
        }
        while self.flush_some(now)? {}
        if now >= self.next_care {
            self.next_care = now.plus(CARE_INTERVAL);
            self.care(now)?;
        }
        Ok(())
    }

    fn care(&mut self, now: Timestamp) -> Result<(), Error> {
        let silences_until = now.minus(KEEP_SILENCES).millis();
        let over: Vec<String> = self
            .silences
            .iter()
            .filter(|silence| silence.ends_at_ms < silences_until)
            .map(|silence| silence.id.clone())
            .collect();
        let write = self.store.write()?;
        write.cut_history(now.minus(self.settings.keep).millis())?;
        for id in &over {
            write.forget_silence(id)?;
        }
        write.commit()?;
        over.iter().for_each(|id| self.silences.forget(id));
        Ok(())
    }
}
