//! The clock that a server goes by: the one on the wall, unless that was just set.
//!
//! Time daemons set clocks, and now and then wrongly for some seconds. A server whose windows, watermarks and rules went along
//! would close what is open, evaluate what has not happened and then stand still until the time comes again. So a step
//! counts once it has lasted for a minute; until then time goes on as it passes. What is slewed is followed at once.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use weir_sample::{Reading, Timestamp};

/// A larger difference from one look to the next is a step.
const SLEW_MS: i64 = 1_000;
/// How long a step has to last.
const LASTING: Duration = Duration::from_secs(60);

/// A wall clock beside one that only runs.
#[derive(Debug, Default)]
struct Steady {
    /// What time it was when the running clock began.
    zero: i64,
    /// The step that is waited for: since when, and how far it has taken the wall clock ahead.
    step: Option<(Duration, i64)>,
    followed: u64,
}

impl Steady {
    /// The time to go by.
    fn tell(&mut self, wall: Timestamp, running: Duration) -> Timestamp {
        let expected = self.zero + running.as_millis() as i64;
        let ahead = wall.millis() - expected;
        let lasts = match self.step {
            _ if ahead.abs() <= SLEW_MS => true,
            Some((since, before)) if (ahead - before).abs() <= SLEW_MS => {
                let lasts = running.saturating_sub(since) >= LASTING;
                self.followed += u64::from(lasts);
                lasts
            }
            _ => {
                self.step = Some((running, ahead));
                false
            }
        };
        if lasts {
            (self.zero, self.step) = (self.zero + ahead, None);
            return wall;
        }
        Timestamp(expected)
    }
}

/// What runs since the first look, and what goes by it.
fn clock() -> &'static (Instant, Mutex<Steady>) {
    static CLOCK: OnceLock<(Instant, Mutex<Steady>)> = OnceLock::new();
    CLOCK.get_or_init(|| (Instant::now(), Mutex::new(Steady { zero: wall().millis(), ..Steady::default() })))
}

/// The wall clock as it stands.
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The time that this server goes by.
pub fn now() -> Timestamp {
    let (began, steady) = clock();
    steady.lock().unwrap_or_else(PoisonError::into_inner).tell(wall(), began.elapsed())
}

/// What a server's own telemetry says of its clock.
pub fn readings() -> Vec<Reading> {
    now();
    let steady = clock().1.lock().unwrap_or_else(PoisonError::into_inner);
    let ahead = steady.step.map_or(0.0, |(_, ahead)| ahead as f64 / 1e3);
    vec![
        Reading::gauge(
            "weir_clock_step_seconds",
            &[],
            ahead,
            "How far the host's clock was set ahead (negative: back) within the last minute; not followed until it has lasted. Look \
             at its time daemon.",
        ),
        Reading::counter(
            "weir_clock_steps_total",
            &[],
            steady.followed,
            "Steps of the host's clock that lasted for a minute and were followed.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At each second that runs, what the wall clock is ahead by and what is told is ahead by.
    fn check(course: &[(u64, i64, i64)]) {
        let mut steady = Steady { zero: 1_700_000_000_000, ..Steady::default() };
        for (running, ahead, expected) in course {
            let at = |ahead: i64| Timestamp(1_700_000_000_000 + *running as i64 * 1_000 + ahead);
            let told = steady.tell(at(*ahead), Duration::from_secs(*running));
            assert_eq!(told, at(*expected), "after {running} s, {ahead} ms ahead");
        }
    }

    #[test]
    fn a_step_that_is_taken_back_within_a_minute_changes_nothing() {
        check(&[
            (0, 0, 0),
            (1, 600_000, 0),
            (30, 600_000, 0),
            (59, 600_000, 0),
            (60, 0, 0),
            (120, 600_000, 0),
            (179, 600_000, 0),
        ]);
        check(&[(0, 0, 0), (1, -600_000, 0), (59, -600_000, 0), (60, 0, 0)]);
    }

    #[test]
    fn a_step_that_lasts_is_followed_after_a_minute_both_ways() {
        check(&[(1, 600_000, 0), (60, 600_000, 0), (61, 600_000, 600_000), (62, 600_010, 600_010)]);
        check(&[(1, -3_000, 0), (61, -3_000, -3_000), (62, 0, -3_000), (122, 0, 0)]);
        // Another step begins its own minute.
        check(&[(1, 600_000, 0), (50, 900_000, 0), (61, 900_000, 0), (110, 900_000, 900_000)]);
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed_at_once() {
        check(&[(1, 500, 500), (2, 1_400, 1_400), (3, 900, 900), (4, -50, -50)]);
    }

    #[test]
    fn this_process_goes_by_the_wall() {
        let (before, told, after) = (wall(), now(), wall());
        assert!(before <= told && told <= after);
        assert_eq!(readings()[0].value, 0.0);
    }
}
