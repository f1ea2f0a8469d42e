//! Samples from elsewhere, with times and running totals of their own: what remote write brings.
//!
//! They travel through the queue as batches of one instant in records of their own kind. To store one twice is to store it once, so they need no numbers: a request may be repeated, and a crash
//! undone by reading the queue again. A batch's counters are deltas; these are stored as they are.

use std::sync::atomic::Ordering::Relaxed;

use weir_queue::Record;
use weir_sample::{Kind, Series, Timestamp, Value, Window};
use weir_wire::{Batch, Encoder, Totals, Values};

use crate::Error;
use crate::ingest::Ingest;
use crate::series::Limit;

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Whose.
    pub series: Series,
    /// Counter, whose value is a running total, or gauge.
    pub kind: Kind,
    /// When.
    pub time: Timestamp,
    /// What.
    pub value: f64,
}

/// Samples of a batch, so that its labels stay far below what a decoder unpacks.
const SAMPLES: usize = 256;

impl Imported {
    /// The payloads of the records that tell these samples, each of at most `most_bytes`, and how many samples fit none
    /// because their labels are too long.
    pub fn encode(mut samples: Vec<Self>, most_bytes: usize) -> (Vec<Vec<u8>>, usize) {
        samples.sort_by_key(|sample| sample.time);
        let (mut encoder, mut payloads, mut left_out) = (Encoder::quick(1), Vec::new(), 0);
        for some in samples.chunk_by(|a, b| a.time == b.time).flat_map(|same| same.chunks(SAMPLES)) {
            let points = some.iter().map(|sample| (sample.series.clone(), sample.as_value())).collect();
            let batch = Batch { window: Window::ending(some[0].time, 1), totals: Totals::default(), points };
            let (batches, without) = encoder.encode(&batch, most_bytes);
            payloads.extend(batches);
            left_out += without;
        }
        (payloads, left_out)
    }

    fn as_value(&self) -> Value {
        if self.kind == Kind::Counter { Value::Counter(self.value) } else { Value::Gauge(self.value) }
    }
}

impl Ingest {
    /// Stores what a record tells, as rules and the tenant's limit have it. What is over the limit is left out and
    /// counted: running totals of several series have no sum that would stay true.
    pub(crate) fn samples(&mut self, record: &Record<'_>, payload: &[u8]) -> Result<(), Error> {
        let mut values = Values::default();
        let read = self.decoder.head(payload).and_then(|head| {
            let layout = self.decoder.layout(&head)?;
            self.decoder.values(&head, &layout.kinds, &mut values)?;
            Ok((head.window.end(), layout))
        });
        let Ok((time, layout)) = read else { return self.refuse(record) };
        let mut limit = Limit::default();
        let mut judge = self.admission.judge(record.tenant, None, &mut limit, record.received);
        let placed: Vec<_> =
            layout.series.iter().zip(&layout.kinds).map(|(series, &kind)| judge.place_imported(series, kind)).collect();
        // The store is asked for without the lock on the accounts.
        drop(judge);
        let (mut stored, mut left_out) = (0, 0);
        for ((series, &kind), &value) in placed.iter().zip(&layout.kinds).zip(&values.floats) {
            match series {
                Some(series) => {
                    self.store.append_sample(series, kind, time, value)?;
                    stored += 1;
                }
                None => left_out += 1,
            }
        }
        self.counters.samples.fetch_add(stored, Relaxed);
        self.counters.imported_left_out.fetch_add(left_out, Relaxed);
        Ok(())
    }
}
