//! Points in time and the windows that samples are aggregated in.

use std::time::Duration;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The timestamp of a whole Unix second.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, with the fraction that Prometheus' API shows.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// This instant moved forward.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.as_millis() as i64))
    }

    /// This instant moved back.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by.as_millis() as i64))
    }

    /// Whether what was done at `last` is to be done again, as it is `every` so often. A clock that was set back far behind
    /// that does not put it off until it has come there again.
    pub fn is_due(self, last: Timestamp, every: Duration) -> bool {
        self.since(last) >= every || last.since(self) >= every
    }

    /// Time passed since `earlier`; zero if `earlier` is in the future.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

/// `[start, start + interval)`, aligned to the interval on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    start: Timestamp,
    interval_ms: u32,
}

impl Window {
    /// The window of length `interval` that holds `at`. An interval under 1 ms counts as 1 ms.
    pub fn containing(at: Timestamp, interval: Duration) -> Self {
        let interval_ms = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX).max(1);
        let start = at.0 - at.0.rem_euclid(i64::from(interval_ms));
        Self { start: Timestamp(start), interval_ms }
    }

    /// The window that ends at `end`, for decoders that carry only the end and the interval.
    pub fn ending(end: Timestamp, interval_ms: u32) -> Self {
        let interval_ms = interval_ms.max(1);
        Self { start: Timestamp(end.0.saturating_sub(i64::from(interval_ms))), interval_ms }
    }

    /// First instant inside the window.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// First instant after the window; the timestamp of its points.
    pub fn end(self) -> Timestamp {
        Timestamp(self.start.0.saturating_add(i64::from(self.interval_ms)))
    }

    /// Length of the window.
    pub fn interval(self) -> Duration {
        Duration::from_millis(u64::from(self.interval_ms))
    }

    /// The window right after this one.
    pub fn next(self) -> Self {
        Self { start: self.end(), interval_ms: self.interval_ms }
    }

    /// Whether `at` falls inside.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_in_a_time_that_is_yet_to_come_is_due() {
        let minute = Duration::from_secs(60);
        let check = |last: i64, now: i64, due: bool| {
            assert_eq!(Timestamp::from_secs(now).is_due(Timestamp::from_secs(last), minute), due, "{last} {now}");
        };
        check(100, 159, false);
        check(100, 160, true);
        check(100, 41, false);
        check(100, 40, true);
        check(100_000, 0, true);
    }

    #[test]
    fn windows_are_aligned_even_before_the_epoch() {
        let ten = Duration::from_secs(10);
        let check = |at: i64, start: i64| {
            let window = Window::containing(Timestamp(at), ten);
            assert_eq!(window.start(), Timestamp(start), "window of {at}");
            assert!(window.contains(Timestamp(at)) && !window.contains(window.end()));
        };
        check(0, 0);
        check(9_999, 0);
        check(10_000, 10_000);
        check(-1, -10_000);
    }

    #[test]
    fn a_window_rebuilt_from_its_end_is_the_same() {
        let window = Window::containing(Timestamp(123_456), Duration::from_secs(10));
        assert_eq!(Window::ending(window.end(), 10_000), window);
        assert_eq!(window.next().start(), window.end());
    }
}
