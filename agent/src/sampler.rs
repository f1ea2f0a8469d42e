//! Which of many like events are worth a log line: the first, then one now and again with the number left out.

use std::time::{Duration, Instant};

/// Lets one event through per period.
#[derive(Debug)]
pub(crate) struct Sampler {
    period: Duration,
    quiet_until: Option<Instant>,
    left_out: u64,
}

impl Sampler {
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, quiet_until: None, left_out: 0 }
    }

    /// Whether to log an event of `now`; if so, how many were left out since the last one logged.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.quiet_until.is_some_and(|until| now < until) {
            self.left_out += 1;
            return None;
        }
        self.quiet_until = Some(now + self.period);
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_per_period_and_the_rest_is_counted() {
        let (mut sampler, start) = (Sampler::new(Duration::from_secs(10)), Instant::now());
        let mut check = |seconds: u64, expected| {
            assert_eq!(sampler.admit(start + Duration::from_secs(seconds)), expected, "{seconds}");
        };
        check(0, Some(0));
        check(1, None);
        check(9, None);
        check(10, Some(2));
        check(11, None);
        check(30, Some(1));
    }
}
