//! What remote write brought, and what of it was left out.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use weir_sample::Reading;

/// What became of the samples that came.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) taken: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) too_large: AtomicU64,
    pub(super) busy: AtomicU64,
    pub(super) behind: AtomicU64,
    pub(super) queue: AtomicU64,
    pub(super) too_old: AtomicU64,
    pub(super) ahead: AtomicU64,
    pub(super) no_name: AtomicU64,
    pub(super) label_name: AtomicU64,
    pub(super) duplicate: AtomicU64,
    pub(super) histogram: AtomicU64,
    pub(super) too_long: AtomicU64,
}

impl Counters {
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let help = "Samples by remote write that are durable in the queue.";
        let mut readings =
            vec![Reading::counter("weir_remote_write_samples_total", &[], self.taken.load(Relaxed), help)];
        let help = "Left out of remote write, by reason. malformed: requests of another protocol than remote write 1.0; \
                    too_large: requests over a limit that the answer names: send fewer samples at once; busy: requests for \
                    which there was no memory, which the sender repeats; behind: requests turned away because the store is behind, which the sender repeats: see weir_queue_behind_seconds; queue: requests that the queue did not take, which the sender repeats: see weir_queue_healthy; too_old, \
                    ahead: samples older than anything is kept or ahead of this clock; no_name, label_name, \
                    duplicate, too_long: series without a name, with an empty label name, with two labels of one name, or with \
                    too long or too many labels; histogram: native histograms whose counts contradict each other: see the sender.";
        let refused = [
            ("malformed", &self.malformed),
            ("too_large", &self.too_large),
            ("busy", &self.busy),
            ("behind", &self.behind),
            ("queue", &self.queue),
            ("too_old", &self.too_old),
            ("ahead", &self.ahead),
            ("no_name", &self.no_name),
            ("label_name", &self.label_name),
            ("duplicate", &self.duplicate),
            ("histogram", &self.histogram),
            ("too_long", &self.too_long),
        ];
        readings.extend(refused.map(|(reason, count)| {
            Reading::counter("weir_remote_write_refused_total", &[("reason", reason)], count.load(Relaxed), help)
        }));
        readings
    }
}
