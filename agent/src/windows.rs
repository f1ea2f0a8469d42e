//! The windows that the loop opens and closes, whatever happens to the clock.

use std::time::{Duration, Instant};

use weir_sample::{Timestamp, Window};

/// The open window, and what the clock has done.
pub(crate) struct Windows {
    open: Window,
    interval: Duration,
    /// The clock's last word, and when that was by the monotonic clock.
    heard: (Timestamp, Instant),
    /// Times that the clock was set by more than a second.
    pub(crate) steps: u64,
}

/// What a look at the clock means for the open window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Stays,
    /// This one has ended, and the next is open.
    Ends(Window),
    /// The clock was set back to before the window: what it has gathered so far goes into one of the new time, whose ends
    /// come before those of windows that are sealed.
    SetBack,
}

/// What the network time daemon does to a clock in one go is no step.
const STEP: Duration = Duration::from_secs(1);

impl Windows {
    pub(crate) fn new(interval: Duration, wall: Timestamp, now: Instant) -> Self {
        Self { open: Window::containing(wall, interval), interval, heard: (wall, now), steps: 0 }
    }

    /// The window that is open.
    pub(crate) fn open(&self) -> Window {
        self.open
    }

    /// How long the open window lasts at most.
    pub(crate) fn left(&self, wall: Timestamp) -> Duration {
        self.open.end().since(wall)
    }

    /// Looks at the clock.
    pub(crate) fn turn(&mut self, wall: Timestamp, now: Instant) -> Turn {
        self.hear(wall, now);
        let turn = if self.open.start().since(wall) > STEP {
            Turn::SetBack
        } else if wall >= self.open.end() {
            Turn::Ends(self.open)
        } else {
            return Turn::Stays;
        };
        self.open = Window::containing(wall, self.interval);
        turn
    }

    /// Between its steps the clock goes as the monotonic one does.
    fn hear(&mut self, wall: Timestamp, now: Instant) {
        let (last, at) = std::mem::replace(&mut self.heard, (wall, now));
        let passed = now.saturating_duration_since(at);
        let due = last.plus(passed);
        let (ahead, back) = (wall.since(due), due.since(wall));
        if ahead.max(back) > STEP {
            self.steps += 1;
            let seconds = ahead.as_secs_f64() - back.as_secs_f64();
            tracing::warn!(seconds, "the clock was set: windows go on by its new time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);
    const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_003);

    /// Windows that end within a minute before and two minutes after the clock was set by so many seconds, and turns back.
    fn ends(step: i64) -> (Vec<Timestamp>, Vec<Timestamp>, u64, u64) {
        let start = Instant::now();
        let mut windows = Windows::new(INTERVAL, BEGIN, start);
        let (mut before, mut after, mut set_back) = (Vec::new(), Vec::new(), 0);
        for tenth in 0..1_800 {
            let passed = Duration::from_millis(100 * tenth);
            let set = tenth >= 600;
            let wall = Timestamp(BEGIN.plus(passed).0 + if set { step * 1_000 } else { 0 });
            match windows.turn(wall, start + passed) {
                Turn::Stays => {}
                Turn::Ends(window) => if set { &mut after } else { &mut before }.push(window.end()),
                Turn::SetBack => set_back += 1,
            }
            assert!(windows.left(wall) <= 2 * INTERVAL, "the next window ends in {:?}", windows.left(wall));
        }
        (before, after, set_back, windows.steps)
    }

    #[test]
    fn windows_go_on_at_once_when_the_clock_is_set() {
        for (step, backs, steps) in
            [(0, 0, 0), (-60, 1, 1), (-3_600, 1, 1), (-4, 0, 1), (-11, 1, 1), (7, 0, 1), (3_600, 0, 1)]
        {
            let (before, after, set_back, seen) = ends(step);
            assert_eq!((set_back, seen), (backs, steps), "by {step}");
            assert!(before.len() >= 5 && after.len() >= 11, "by {step}: {} and {}", before.len(), after.len());
            let all = if backs == 0 { [before, after].concat() } else { after };
            assert!(all.windows(2).all(|two| two[0] < two[1]), "by {step}: {all:?}");
        }
    }
}
