//! How rules are evaluated, the same for all groups.

use std::time::Duration;

use crate::event::Pairs;

/// Settings of an evaluator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose rules these are.
    pub tenant: u32,
    /// How far behind the data evaluations may be and still be made up for; what is older is left out and recorded.
    pub catch_up: Duration,
    /// How often a firing alert is said again.
    pub resend: Duration,
    /// Of groups that have none of their own: how far before its own time a group asks for data.
    pub query_offset: Duration,
    /// `$externalLabels`, which are also added to every event.
    pub external_labels: Pairs,
    /// Where people find this Weir.
    pub external_url: String,
    /// Groups that are evaluated at once.
    pub workers: usize,
    /// Evaluations at instants that differ by group, so that they do not all come at once. A test has them all at multiples
    /// of the interval.
    pub spread: bool,
    /// Groups whose evaluations take long rest between them and leave out instants that they cannot keep up with. Over the past
    /// nobody waits for the others, and each instant counts.
    pub rests: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tenant: 0,
            catch_up: Duration::from_secs(3_600),
            resend: Duration::from_secs(60),
            query_offset: Duration::ZERO,
            external_labels: Pairs::new(),
            external_url: String::new(),
            workers: 1,
            spread: true,
            rests: true,
        }
    }
}

impl Settings {
    /// Until when a firing alert counts as firing if nothing more is heard: longer than any stall that is caught up, so that a
    /// stall resolves nothing.
    pub(crate) fn ends_at(&self, at: i64, interval_ms: i64) -> i64 {
        let millis = |duration: Duration| duration.as_millis() as i64;
        at + (4 * interval_ms.max(millis(self.resend))).max(millis(self.catch_up))
    }
}
