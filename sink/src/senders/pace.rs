//! How fast a sender's samples come: over a minute, or what has passed of the first one.

use std::time::Duration;

use weir_sample::Timestamp;

#[derive(Debug, Default)]
pub(crate) struct Pace {
    since: Timestamp,
    samples: u64,
    per_second: Option<f32>,
}

/// Windows come every ten seconds or so: over less than a minute it would jump.
const OVER: Duration = Duration::from_secs(60);

impl Pace {
    /// Notes how many samples there have been until now.
    pub(crate) fn observe(&mut self, now: Timestamp, samples: u64) {
        let passed = now.since(self.since);
        let has_begun = self.since != Timestamp::default() && self.since <= now;
        let is_over = !has_begun || passed >= OVER;
        if has_begun && !passed.is_zero() && (is_over || self.per_second.is_none()) {
            self.per_second = Some((samples.saturating_sub(self.samples) as f64 / passed.as_secs_f64()) as f32);
        }
        if is_over {
            (self.since, self.samples) = (now, samples);
        }
    }

    pub(crate) fn per_second(&self) -> Option<f64> {
        self.per_second.map(f64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_that_of_a_minute_and_at_first_of_what_there_is() {
        let mut pace = Pace::default();
        let mut check = |seconds: i64, samples, expected| {
            pace.observe(Timestamp::from_secs(1_000 + seconds), samples);
            assert_eq!(pace.per_second(), expected, "at {seconds}");
        };
        check(0, 5_000, None);
        check(10, 5_100, Some(10.0));
        check(20, 5_100, Some(10.0));
        check(60, 5_300, Some(5.0));
        check(90, 5_300, Some(5.0));
        check(120, 5_300, Some(0.0));
    }
}
