//! How far one sender's data have been applied: the end of the newest window of which every batch, and every batch of an
//! earlier window, was counted.
//!
//! A batch says in its totals how many its sender has made with the whole of its window, so a window is whole once so many
//! numbers from the first on were seen. Numbers that went with a full spool never come: what is missing for as long as a
//! sender is waited for is passed over.

use std::time::Duration;

use weir_sample::{Timestamp, Window};

/// What a watermark knows of a sender.
#[derive(Default)]
pub(crate) struct Progress {
    /// All windows that end by then are applied. Zero: none was so far.
    applied: Timestamp,
    /// Windows that are not whole yet, oldest first: how many batches make them so, and their end.
    pending: Vec<(u64, Timestamp)>,
    interval: Duration,
    /// Attended time, see [`crate::watermark`], at which it last got on.
    advanced: Duration,
    /// The end of the window that it said goodbye with.
    goodbye: Option<Timestamp>,
    pub standing: Standing,
    /// Which pool's watermark it belongs to, until its labels change.
    pub group: Option<usize>,
    /// What `weir_agent_up` last said, and when.
    pub told: (Standing, Timestamp),
}

/// Whether a sender is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing was applied of it yet.
    #[default]
    Unknown,
    /// It is waited for.
    Live,
    /// It was waited for long enough.
    LeftOut,
    /// It has said goodbye.
    Gone,
}

/// Windows noted while an earlier one lacks a batch. A sender with more outstanding has its oldest forgotten, which makes
/// its progress coarser.
const MAX_PENDING: usize = 64;

impl Progress {
    /// Takes up where a checkpoint left off.
    pub(crate) fn resume(applied: Timestamp) -> Self {
        let standing = if applied == Timestamp::default() { Standing::Unknown } else { Standing::Live };
        Self { applied, standing, ..Self::default() }
    }

    /// Notes a batch: its window, how many batches its sender had made with it, and how many were seen from the first on.
    pub(crate) fn observe(&mut self, window: Window, made: u64, seen: u64, attended: Duration) {
        self.interval = window.interval();
        if window.end() > self.applied {
            match self.pending.iter_mut().find(|(_, end)| *end == window.end()) {
                Some((most, _)) => *most = made.max(*most),
                None => self.pending.push((made, window.end())),
            }
            if self.pending.len() > MAX_PENDING {
                self.pending.remove(0);
            }
        }
        self.apply(|made| made <= seen, attended);
    }

    /// What is missing is not waited for any longer.
    pub(crate) fn pass_over(&mut self, attended: Duration) {
        self.apply(|_| true, attended);
    }

    fn apply(&mut self, is_whole: impl Fn(u64) -> bool, attended: Duration) {
        let before = self.applied;
        let whole = self.pending.iter().filter(|(made, _)| is_whole(*made)).map(|(_, end)| *end).max();
        self.applied = self.applied.max(whole.unwrap_or_default());
        self.pending.retain(|(_, end)| *end > self.applied);
        if self.pending.is_empty() && self.pending.capacity() > 2 {
            self.pending = Vec::new();
        }
        if self.applied > before {
            self.advanced = attended;
        }
        self.goodbye = self.goodbye.filter(|last| *last >= self.applied);
    }

    /// A new run of the sender numbers its batches anew.
    pub(crate) fn begin_epoch(&mut self) {
        self.pending.clear();
    }

    /// It will send nothing after this window.
    pub(crate) fn say_goodbye(&mut self, last: Timestamp) {
        self.goodbye = Some(last);
    }

    /// Whether anything was applied of it.
    pub(crate) fn has_begun(&self) -> bool {
        self.applied != Timestamp::default()
    }

    /// All windows that end by then are applied.
    pub(crate) fn applied(&self) -> Timestamp {
        self.applied
    }

    /// The time between its windows.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether its last window was applied.
    pub(crate) fn is_gone(&self) -> bool {
        self.goodbye.is_some_and(|last| last <= self.applied)
    }

    /// For how long it has not got on.
    pub(crate) fn stuck(&self, attended: Duration) -> Duration {
        attended.saturating_sub(self.advanced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(end: i64) -> Window {
        Window::ending(Timestamp::from_secs(end), 10_000)
    }

    /// Batches as (window's end, made with it, seen from the first on); then the end of what is applied.
    fn check(batches: &[(i64, u64, u64)], expected: i64) {
        let mut progress = Progress::default();
        for &(end, made, seen) in batches {
            progress.observe(window(end), made, seen, Duration::ZERO);
        }
        assert_eq!(progress.applied(), Timestamp::from_secs(expected), "{batches:?}");
    }

    #[test]
    fn a_window_is_applied_when_all_its_batches_and_all_before_were_seen() {
        check(&[(10, 1, 1)], 10);
        check(&[(10, 3, 1)], 0);
        check(&[(10, 3, 1), (10, 3, 2), (10, 3, 3)], 10);
        check(&[(10, 1, 1), (30, 3, 1)], 10);
        check(&[(10, 1, 1), (30, 3, 1), (20, 2, 3)], 30);
        check(&[(20, 2, 0), (10, 1, 2)], 20);
    }

    #[test]
    fn what_never_comes_is_passed_over_and_a_sender_that_gets_on_is_not_stuck() {
        let (mut progress, at) = (Progress::default(), Duration::from_secs);
        progress.observe(window(10), 1, 1, at(1));
        progress.observe(window(20), 4, 1, at(11));
        assert_eq!((progress.applied(), progress.stuck(at(31))), (Timestamp::from_secs(10), at(30)));
        progress.pass_over(at(31));
        assert_eq!((progress.applied(), progress.stuck(at(31))), (Timestamp::from_secs(20), at(0)));
    }

    #[test]
    fn a_goodbye_holds_once_its_window_is_applied_and_until_the_next_one() {
        let mut progress = Progress::default();
        progress.say_goodbye(Timestamp::from_secs(20));
        progress.observe(window(10), 1, 1, Duration::ZERO);
        assert!(!progress.is_gone());
        progress.observe(window(20), 2, 2, Duration::ZERO);
        assert!(progress.is_gone());
        progress.observe(window(40), 1, 1, Duration::ZERO);
        assert!(!progress.is_gone());
    }
}
