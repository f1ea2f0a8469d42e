//! What is stored and read, whichever program does it.

use std::time::Duration;

use weir_sample::Timestamp;

use super::fleet::{Fleet, PER_HOST};

/// What is stored: rows of hosts, a step of time apart.
pub(super) struct Plan {
    pub hosts: usize,
    pub steps: i64,
    pub interval: Duration,
    pub start_s: i64,
    pub replaced_per_step: f64,
}

/// Series that the reading part asks for, if there are as many.
pub(super) const SELECTED: usize = 100_000;

const DAY_S: i64 = 86_400;

impl Plan {
    /// Samples begin with a day, and end before now: others do not take samples of the future. `churn` is the percentage
    /// of the hosts that others replace every hour.
    pub(super) fn ending(now: Timestamp, series: usize, hours: f64, interval: Duration, churn: f64) -> Self {
        let (hosts, interval_s) = (series / PER_HOST, interval.as_secs_f64());
        let length_s = (hours * 3_600.0) as i64;
        let start_s = now.millis() / 1_000 - length_s;
        Self {
            hosts,
            steps: length_s / interval.as_secs() as i64,
            interval,
            start_s: start_s - start_s.rem_euclid(DAY_S),
            replaced_per_step: churn / 100.0 * hosts as f64 * interval_s / 3_600.0,
        }
    }

    pub(super) fn fleet(&self) -> Fleet {
        Fleet::new(self.hosts, self.replaced_per_step)
    }

    /// The timestamp of a step; the first is 1.
    pub(super) fn time(&self, step: i64) -> Timestamp {
        Timestamp::from_secs(self.start_s + step * self.interval_s())
    }

    pub(super) fn interval_s(&self) -> i64 {
        self.interval.as_secs() as i64
    }

    pub(super) fn hours(&self) -> f64 {
        (self.steps * self.interval_s()) as f64 / 3_600.0
    }
}
