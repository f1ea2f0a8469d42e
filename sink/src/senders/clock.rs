//! What the sink holds of one agent's clock: ahead, so that windows are moved back, or behind, which is only said.

use std::time::Duration;

use weir_sample::{Timestamp, Window};
use weir_wire::Epoch;

/// An agent's clock beside those of the gateways.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// How far windows are moved back, whole intervals.
    ahead: Duration,
    /// The epoch of which that holds: an agent that has set itself right begins another.
    epoch: Epoch,
    /// When a window last said that the clock is ahead.
    ahead_at: Timestamp,
    /// The least time that windows came late by of late, if that is more than an interval.
    behind: Duration,
    late: Late,
}

/// Windows in a row that came late although nothing else waited.
#[derive(Debug, Default)]
struct Late {
    windows: u32,
    since: Timestamp,
    newest: Timestamp,
    least: Duration,
}

/// A change in what is held of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Ahead(Duration),
    Behind(Duration),
    BehindNoMore,
}

/// How long after its last window from the future an agent's clock is still taken to be ahead.
const AHEAD_MEMORY: Duration = Duration::from_secs(5 * 60);
/// So many windows in a row, over so long, come late by chance only where the way is slow for all that time.
const LATE_WINDOWS: u32 = 3;
const LATE_FOR: Duration = Duration::from_secs(30);
/// The way up may take this long, however short the interval is.
const LEAST_BEHIND: Duration = Duration::from_secs(5);

impl Clock {
    pub(crate) fn is_ahead(&self) -> bool {
        !self.ahead.is_zero()
    }

    pub(crate) fn is_behind(&self) -> bool {
        !self.behind.is_zero()
    }

    /// Milliseconds by which it is ahead, or below zero behind; zero within an interval.
    pub(crate) fn off_ms(&self) -> i64 {
        self.ahead.as_millis() as i64 - self.behind.as_millis() as i64
    }

    /// The window as it should have been, where the clock is ahead: moved back by whole intervals, and by as many for all
    /// windows of an epoch, so that none comes to lie on another. A last window, sent before its end, stays.
    pub(crate) fn correct(&mut self, epoch: Epoch, window: Window, received: Timestamp) -> (Window, Option<Told>) {
        let (interval, before) = (window.interval(), self.ahead);
        let moved = |window: Window, by| Window::ending(window.end().minus(by), interval.as_millis() as u32);
        if epoch > self.epoch {
            (self.epoch, self.ahead) = (epoch, Duration::ZERO);
        }
        // An earlier epoch's, left over: what holds of the newest says nothing of it.
        if epoch < self.epoch {
            let ahead = window.end().since(received);
            return (moved(window, if ahead > interval { whole(ahead, interval) } else { Duration::ZERO }), None);
        }
        if window.end() > received.plus(interval) {
            self.ahead_at = received;
            if moved(window, self.ahead).end() > received.plus(interval) {
                self.ahead = whole(window.end().since(received), interval);
            }
        } else if received.since(self.ahead_at) > AHEAD_MEMORY {
            self.ahead = Duration::ZERO;
        }
        (moved(window, self.ahead), (self.ahead > before).then_some(Told::Ahead(self.ahead)))
    }

    /// Notes when a window came. Late it may come for other reasons: only one of a sender with nothing else to send tells of its
    /// clock, and only if all of them for a while are late.
    pub(crate) fn watch(&mut self, window: Window, received: Timestamp, waiting: u64) -> Option<Told> {
        if waiting > 0 || window.end() <= self.late.newest {
            return None;
        }
        let (by, before) = (received.since(window.end()), self.is_behind());
        let run = if by <= window.interval().max(LEAST_BEHIND) {
            Late { newest: window.end(), ..Late::default() }
        } else if self.late.windows == 0 {
            Late { windows: 1, since: received, newest: window.end(), least: by }
        } else {
            let Late { windows, since, least, .. } = self.late;
            Late { windows: windows + 1, since, newest: window.end(), least: least.min(by) }
        };
        self.late = run;
        if self.late.windows == 0 {
            self.behind = Duration::ZERO;
            return before.then_some(Told::BehindNoMore);
        }
        if self.late.windows < LATE_WINDOWS || received.since(self.late.since) < LATE_FOR {
            return None;
        }
        self.behind = self.late.least;
        (!before).then_some(Told::Behind(self.behind))
    }
}

fn whole(time: Duration, interval: Duration) -> Duration {
    interval * u32::try_from(time.as_millis() / interval.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(end: i64) -> Window {
        Window::ending(Timestamp::from_secs(end), 10_000)
    }

    #[test]
    fn windows_of_a_clock_ahead_move_back_alike() {
        let mut clock = Clock::default();
        let mut check = |end: i64, received: i64, expected: i64| {
            let (found, _) = clock.correct(Epoch(1), window(end), Timestamp::from_secs(received));
            assert_eq!(found, window(expected), "{end} received at {received}");
        };
        check(1_000, 1_001, 1_000);
        check(1_010, 1_002, 1_010);
        check(1_050, 1_021, 1_030);
        check(1_060, 1_034, 1_040);
        check(1_070, 1_049, 1_050);
        check(1_020, 1_060, 1_000);
        check(1_360, 1_361, 1_360);
    }

    #[test]
    fn an_agent_that_has_set_itself_right_is_not_corrected_again() {
        let mut clock = Clock::default();
        let mut check = |epoch, end: i64, received: i64, expected: i64, told| {
            let found = clock.correct(Epoch(epoch), window(end), Timestamp::from_secs(received));
            assert_eq!(found, (window(expected), told), "{end} received at {received}");
        };
        let told = Some(Told::Ahead(Duration::from_secs(50)));
        check(1, 1_060, 1_001, 1_010, told);
        check(1, 1_070, 1_011, 1_020, None);
        check(2, 1_040, 1_041, 1_040, None);
        // What the wrong clock has left over.
        check(1, 1_080, 1_042, 1_050, None);
        check(1, 1_030, 1_043, 1_030, None);
        check(2, 1_050, 1_051, 1_050, None);
    }

    #[test]
    fn a_clock_behind_is_told_and_a_backlog_is_not() {
        let check = |windows: &[(i64, i64, u64)], expected: &[Option<Told>], behind| {
            let mut clock = Clock::default();
            let told: Vec<_> = windows
                .iter()
                .map(|(end, received, waiting)| clock.watch(window(*end), Timestamp::from_secs(*received), *waiting))
                .collect();
            assert_eq!((&told[..], clock.is_behind()), (expected, behind), "{windows:?}");
        };
        let behind = Some(Told::Behind(Duration::from_secs(100)));
        check(&[(10, 111, 0), (20, 121, 0), (30, 130, 0), (40, 141, 0)], &[None, None, None, behind], true);
        let mended = Some(Told::BehindNoMore);
        check(
            &[(10, 111, 0), (20, 121, 0), (30, 130, 0), (40, 141, 0), (150, 151, 0)],
            &[None, None, None, behind, mended],
            false,
        );
        // Parts of one window, windows that waited, and one that was held up.
        check(&[(10, 111, 0), (10, 131, 0), (10, 151, 0), (10, 171, 0)], &[None; 4], false);
        check(&[(10, 111, 0), (20, 131, 1), (30, 151, 2), (40, 171, 3)], &[None; 4], false);
        check(&[(10, 111, 0), (110, 112, 0), (20, 151, 0), (120, 221, 0)], &[None; 4], false);
    }
}
