//! Groups whose evaluations take long: a turn ends with its slowest group, so these are kept from having every turn.

use std::time::{Duration, Instant};

use super::Next;
use crate::evaluate::group::GroupRun;

/// A turn that is shorter than this holds nobody up.
const SLOW: Duration = Duration::from_millis(250);

/// How many of its intervals a group that cannot keep up may be behind.
const MOST_BEHIND: u32 = 4;

/// When the next slow group may be evaluated.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::evaluate) struct Slow {
    until: Option<Instant>,
}

impl Slow {
    /// How far behind a group may be and be made up for. One that takes longer than half of its interval would fall behind more
    /// and more, so it leaves out instants rather than tell of what was long ago.
    pub(in crate::evaluate) fn catch_up(run: &GroupRun, usual: Duration) -> i64 {
        let keeps_up = run.took() < SLOW || 2 * run.took() < run.group.interval;
        let most = if keeps_up { usual } else { usual.min(MOST_BEHIND * run.group.interval) };
        most.as_millis() as i64
    }

    /// Leaves one slow group at most of those that are due, the one that is behind most; none while the others are to have their
    /// turns.
    #[expect(clippy::disallowed_methods, reason = "groups rest by the machine's time, not the data's")]
    pub(in crate::evaluate) fn hold_back(self, due: &mut Vec<(i64, usize, Next)>, took: impl Fn(&usize) -> Duration) {
        let is_slow = |number: &usize| took(number) >= SLOW;
        let rests = self.until.is_some_and(|until| Instant::now() < until);
        let slow = due.iter().filter(|(_, number, _)| is_slow(number)).map(|&(at, number, _)| (at, number));
        let next = slow.min().filter(|_| !rests).map(|(_, number)| number);
        due.retain(|(_, number, _)| !is_slow(number) || Some(*number) == next);
    }

    /// Notes what the groups of a turn took: as long as the slowest, slow ones rest.
    #[expect(clippy::disallowed_methods, reason = "groups rest by the machine's time, not the data's")]
    pub(in crate::evaluate) fn note(&mut self, took: impl Iterator<Item = Duration>) {
        if let Some(longest) = took.max().filter(|longest| *longest >= SLOW) {
            self.until = Some(Instant::now() + longest);
        }
    }
}
