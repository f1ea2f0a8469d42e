//! What came by a protocol, and what of it was left out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use weir_sample::{Reading, Timestamp};

use super::reason::Reason;

/// What became of the samples that came by one protocol.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    taken: AtomicU64,
    refused: [AtomicU64; Reason::COUNT],
    /// Series that were refused lately, newest last.
    lately: Mutex<VecDeque<Lately>>,
}

/// A series of which samples were refused.
#[derive(Clone, Debug)]
pub(crate) struct Lately {
    pub(crate) at: Timestamp,
    /// Whose sender it came from.
    pub(crate) tenant: u32,
    /// Why.
    pub(crate) sentence: &'static str,
    /// The series as it was sent, shortened if it is long.
    pub(crate) series: String,
}

/// Series that each protocol remembers; each takes some hundred bytes.
const MOST_LATELY: usize = 200;

/// The protocols that any program may send by, beside remote write.
#[derive(Debug, Default)]
pub(crate) struct Protocols {
    pub(crate) otlp: Arc<Counters>,
    pub(crate) influx: Arc<Counters>,
    pub(crate) push: Arc<Counters>,
    pub(crate) graphite: Arc<Counters>,
    /// What collectors bring; looks are counted, not samples.
    pub(crate) scrapes: Arc<Counters>,
}

/// What is counted of each protocol.
#[derive(Clone, Default)]
pub(crate) struct AllCounters {
    pub(crate) remote_write: Arc<Counters>,
    pub(crate) others: Arc<Protocols>,
}

impl AllCounters {
    pub(crate) fn readings(&self) -> Vec<Reading> {
        [self.remote_write.readings(), self.others.readings()].concat()
    }

    /// Series of a metric that were refused lately, by any protocol, oldest first.
    pub(crate) fn lately(&self, metric: &str) -> Vec<Lately> {
        let Protocols { otlp, influx, push, graphite, scrapes } = &*self.others;
        let all = [&self.remote_write, otlp, influx, push, graphite, scrapes];
        let mut found: Vec<Lately> = all.into_iter().flat_map(|counters| counters.lately(metric)).collect();
        found.sort_by_key(|lately| lately.at);
        found
    }
}

impl Counters {
    /// Counts samples that are durable.
    pub(crate) fn take(&self, samples: u64) {
        self.taken.fetch_add(samples, Relaxed);
    }

    /// Counts what is left out.
    pub(crate) fn refuse(&self, reason: Reason, count: u64) {
        self.refused[reason as usize].fetch_add(count, Relaxed);
    }

    /// Remembers a series that was refused for a while, for who asks where it is.
    pub(crate) fn remember(&self, refused: Lately) {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        // A sender that repeats itself does not push the others out.
        lately.retain(|known| {
            (known.tenant, &known.series, known.sentence) != (refused.tenant, &refused.series, refused.sentence)
        });
        if lately.len() >= MOST_LATELY {
            lately.pop_front();
        }
        lately.push_back(refused);
    }

    fn lately(&self, metric: &str) -> Vec<Lately> {
        let named = format!("__name__={metric:?}");
        let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.iter().filter(|refused| refused.series.contains(&named)).cloned().collect()
    }

    /// Those of remote write.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let help = "Samples by remote write that are durable in the queue.";
        let taken = Reading::counter("weir_remote_write_samples_total", &[], self.taken.load(Relaxed), help);
        let refused = Reason::OF_REMOTE_WRITE.iter().map(|&reason| {
            let count = self.refused[reason as usize].load(Relaxed);
            Reading::counter("weir_remote_write_refused_total", &[("reason", reason.word())], count, REMOTE_WRITE)
        });
        std::iter::once(taken).chain(refused).collect()
    }

    fn readings_of_scrapes(&self) -> Vec<Reading> {
        let help = "Looks at targets that collectors brought and that are durable in the queue.";
        let taken = Reading::counter("weir_scrapes_received_total", &[], self.taken.load(Relaxed), help);
        let refused = Reason::OF_SCRAPES.iter().map(|&reason| {
            let count = self.refused[reason as usize].load(Relaxed);
            Reading::counter("weir_scrapes_refused_total", &[("reason", reason.word())], count, SCRAPES)
        });
        std::iter::once(taken).chain(refused).collect()
    }

    fn readings_of(&self, protocol: &str, reasons: &[&[Reason]]) -> Vec<Reading> {
        let help = "Samples by a protocol that are durable in the queue.";
        let labels = [("protocol", protocol)];
        let taken = Reading::counter("weir_protocol_samples_total", &labels, self.taken.load(Relaxed), help);
        let refused = reasons.iter().copied().flatten().map(|&reason| {
            let labels = [("protocol", protocol), ("reason", reason.word())];
            let count = self.refused[reason as usize].load(Relaxed);
            Reading::counter("weir_protocol_refused_total", &labels, count, PROTOCOL)
        });
        std::iter::once(taken).chain(refused).collect()
    }

    #[cfg(test)]
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn refused(&self, reason: Reason) -> u64 {
        self.refused[reason as usize].load(Relaxed)
    }
}

impl Protocols {
    /// Those of each, with the reasons that it has.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        use Reason::{
            Attributes, Conflict, Delta, Exemplar, Histogram, Line, Mended, Network, NoValue, Temporality, Text,
        };

        let common = Reason::OF_ALL;
        let of_otlp = &[Histogram, Conflict, Delta, Attributes, NoValue, Temporality, Mended, Exemplar];
        let mut readings = self.otlp.readings_of("otlp", &[common, of_otlp]);
        readings.extend(self.influx.readings_of("influx", &[common, &[Conflict, Line, Text, Mended]]));
        readings.extend(self.push.readings_of("push", &[common, &[Conflict]]));
        readings.extend(self.graphite.readings_of("graphite", &[common, &[Conflict, Line, Network, Mended]]));
        readings.extend(self.scrapes.readings_of_scrapes());
        readings
    }
}

const SCRAPES: &str = "Left out of what collectors bring, by reason. malformed to queue: requests, as in weir_remote_write_refused_total; \
    too_old, ahead: looks of a time that is not stored: see the collector's clock; seal: requests with neither a token nor a seal that holds.";

const REMOTE_WRITE: &str = "Left out of remote write, by reason. malformed: requests of another protocol than remote write 1.0 or 2.0; \
    too_large: requests over a limit that the answer names: send fewer samples at once; busy: requests for \
    which there was no memory, which the sender repeats; behind: requests turned away because the store is behind, which the sender repeats: see weir_queue_behind_seconds; queue: requests that the queue did not take, which the sender repeats: see weir_queue_healthy; too_old, \
    ahead: samples older than anything is kept or ahead of this clock; no_name, label_name, \
    duplicate, too_long: series without a name, with an empty label name, with two labels of one name, or with \
    too long or too many labels; unreadable: series of which a byte is no UTF-8 or no protobuf; histogram: native histograms whose counts contradict each other: see the sender; conflict (2.0): samples of a series that has \
    another value at the same time in the same request; exemplar: exemplars whose labels are over 128 \
    characters, or that are of a series or time that is not stored.";

const PROTOCOL: &str = "Left out of what came by a protocol, by reason. malformed to unreadable as in weir_remote_write_refused_total; mended: samples whose name is another's once it is mended; histogram: histograms that contradict themselves; \
    conflict: samples of a series that has another value at the same time in the same request; delta: differences of \
    sums that may fall or of no time; attributes: data points or resources with more than 128; no_value: data points without a value; temporality: data points \
    that do not say whether they are totals; line: lines that cannot be read; network: connections from networks that may not send; text: fields whose value is text; exemplar: as in weir_remote_write_refused_total. See docs/protocols.md.";
