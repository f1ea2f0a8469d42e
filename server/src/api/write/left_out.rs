//! What of a request is not stored, and how that is told.

use std::sync::atomic::Ordering::Relaxed;

use weir_sink::Odd;

use super::counters::Counters;

/// What a request has that is not stored.
#[derive(Default)]
pub(super) struct LeftOut {
    pub(super) histogram: u64,
    too_old: u64,
    ahead: u64,
    too_long: u64,
    no_name: u64,
    label_name: u64,
    duplicate: u64,
}

impl LeftOut {
    /// Takes out samples from before and after the times that are stored.
    pub(super) fn outside(&mut self, samples: &mut Vec<(i64, f64)>, oldest: i64, newest: i64) {
        samples.retain(|&(time, _)| self.is_within(time, oldest, newest));
    }

    /// Whether a time is stored; counts what is not.
    pub(super) fn is_within(&mut self, time: i64, oldest: i64, newest: i64) -> bool {
        self.too_old += u64::from(time < oldest);
        self.ahead += u64::from(time > newest);
        (oldest..=newest).contains(&time)
    }

    /// Counts the samples of a series that is not stored.
    pub(super) fn odd(&mut self, odd: Odd, samples: u64) {
        let count = match odd {
            Odd::NoName => &mut self.no_name,
            Odd::LabelName => &mut self.label_name,
            Odd::Duplicate => &mut self.duplicate,
            Odd::TooLong => &mut self.too_long,
        };
        *count += samples;
    }

    /// Counts it, and says so if there is any: the sender must not try again, but know.
    pub(super) fn told(&self, counters: &Counters) -> Result<(), String> {
        let all = [
            (self.too_old, &counters.too_old, "samples are older than anything is kept"),
            (self.ahead, &counters.ahead, "samples are more than ten minutes ahead of this server's clock"),
            (self.no_name, &counters.no_name, "samples have no metric name"),
            (self.label_name, &counters.label_name, "samples have a label without a name"),
            (self.duplicate, &counters.duplicate, "samples have two labels of one name"),
            (
                self.histogram,
                &counters.histogram,
                "are native histograms whose counts contradict each other, or whose buckets nobody has",
            ),
            (self.too_long, &counters.too_long, TOO_LONG),
        ];
        let mut parts = Vec::new();
        for (count, counter, what) in all.into_iter().filter(|(count, ..)| *count > 0) {
            counter.fetch_add(count, Relaxed);
            parts.push(format!("{count} {what}"));
        }
        if parts.is_empty() { Ok(()) } else { Err(format!("left out: {}; the rest is stored", parts.join(", "))) }
    }
}

/// As the limits of `weir_sink` have it.
const TOO_LONG: &str =
    "samples have too long labels (a name has at most 1024 bytes, a series at most 128 labels of 16384 bytes together)";
