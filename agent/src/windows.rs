//! The windows that the loop opens and closes, whatever happens to the time.

use std::time::Duration;

use weir_sample::{Timestamp, Window};

/// The open window.
pub(crate) struct Windows {
    open: Window,
    /// From when on it gathers: its start, or when time was set back.
    since: Timestamp,
    interval: Duration,
}

/// What the time means for the open window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Stays,
    /// This one has ended, and the next is open.
    Ends(Window),
    /// Time was set back to before the window: what it has gathered so far goes into one of the new time, whose ends come
    /// before those of windows that are sealed.
    SetBack,
}

/// A clock that has moved less is no reason to lose order.
const SET_BACK: Duration = Duration::from_secs(1);

impl Windows {
    pub(crate) fn new(interval: Duration, now: Timestamp) -> Self {
        let open = Window::containing(now, interval);
        Self { open, since: open.start(), interval }
    }

    /// The window that is open.
    pub(crate) fn open(&self) -> Window {
        self.open
    }

    /// How long the open window lasts at most.
    pub(crate) fn left(&self, now: Timestamp) -> Duration {
        self.open.end().since(now)
    }

    /// Looks at the time.
    pub(crate) fn turn(&mut self, now: Timestamp) -> Turn {
        let turn = if self.since.since(now) > SET_BACK {
            Turn::SetBack
        } else if now >= self.open.end() {
            Turn::Ends(self.open)
        } else {
            return Turn::Stays;
        };
        // The sink has moved windows of a clock ahead to at most one interval after they came: none of the new ones may lie there.
        let shift = if turn == Turn::SetBack { self.interval } else { Duration::ZERO };
        self.open = Window::containing(now.plus(shift), self.interval);
        self.since = self.open.start().min(now);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);
    const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_003);

    /// Windows that end within a minute before and two minutes after the clock was set by so many seconds, and turns back.
    fn ends(step: i64) -> (Vec<Timestamp>, Vec<Timestamp>, u64) {
        let mut windows = Windows::new(INTERVAL, BEGIN);
        let (mut before, mut after, mut set_back) = (Vec::new(), Vec::new(), 0);
        for tenth in 0..1_800 {
            let passed = Duration::from_millis(100 * tenth);
            let set = tenth >= 600;
            let wall = Timestamp(BEGIN.plus(passed).0 + if set { step * 1_000 } else { 0 });
            match windows.turn(wall) {
                Turn::Stays => {}
                Turn::Ends(window) => if set { &mut after } else { &mut before }.push(window.end()),
                Turn::SetBack => set_back += 1,
            }
            assert!(windows.left(wall) <= 2 * INTERVAL, "the next window ends in {:?}", windows.left(wall));
        }
        (before, after, set_back)
    }

    #[test]
    fn windows_go_on_at_once_when_the_clock_is_set() {
        for (step, backs) in [(0, 0), (-60, 1), (-3_600, 1), (-4, 0), (-11, 1), (7, 0), (3_600, 0)] {
            let (before, after, set_back) = ends(step);
            assert_eq!(set_back, backs, "by {step}");
            assert!(before.len() >= 5 && after.len() >= 11, "by {step}: {} and {}", before.len(), after.len());
            let all = if backs == 0 { [before, after].concat() } else { after };
            assert!(all.windows(2).all(|two| two[0] < two[1]), "by {step}: {all:?}");
        }
    }
}
