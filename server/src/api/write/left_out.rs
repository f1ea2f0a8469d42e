//! What of a request is not stored, and how that is told.

use super::counters::Counters;
use super::reason::Reason;

/// What a request has that is not stored, by reason.
#[derive(Default)]
pub(crate) struct LeftOut([u64; Reason::COUNT]);

impl LeftOut {
    /// Takes out samples from before and after the times that are stored.
    pub(super) fn outside(&mut self, samples: &mut Vec<(i64, f64)>, oldest: i64, newest: i64) {
        samples.retain(|&(time, _)| self.is_within(time, oldest, newest));
    }

    /// Whether a time is stored; counts what is not.
    pub(super) fn is_within(&mut self, time: i64, oldest: i64, newest: i64) -> bool {
        if time < oldest {
            self.add(Reason::TooOld, 1);
        } else if time > newest {
            self.add(Reason::Ahead, 1);
        }
        (oldest..=newest).contains(&time)
    }

    /// Counts what is not stored.
    pub(crate) fn add(&mut self, reason: impl Into<Reason>, count: u64) {
        self.0[reason.into() as usize] += count;
    }

    /// Counts it, and says so if there is any: the sender must not try again, but know.
    pub(crate) fn told(&self, counters: &Counters) -> Result<(), String> {
        let mut parts = Vec::new();
        for &reason in Reason::OF_SAMPLES {
            let count = self.0[reason as usize];
            if count > 0 {
                counters.refuse(reason, count);
                parts.push(format!("{count} {}", reason.sentence()));
            }
        }
        if parts.is_empty() { Ok(()) } else { Err(format!("left out: {}; the rest is stored", parts.join(", "))) }
    }
}
