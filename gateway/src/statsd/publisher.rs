//! The thread that puts the readers' parts together and into the queue.
//!
//! It keeps a window until the queue has it on disk. Meanwhile the readers' windows wait in a bounded channel, and
//! behind that in the readers' aggregators.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use weir_meters::clock;
use weir_queue::{Lane, Record, RecordKind};
use weir_sample::{Event, Series, Timestamp, Value, Window};
use weir_wire::{AgentId, Batch, Encoder, Epoch, Totals};

use super::{Part, Point};
use crate::shared::Shared;

/// The gateway as a sender of batches.
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    parts: flume::Receiver<Part>,
    /// Readers, each of which sends one part per window.
    readers: usize,
    encoder: Encoder,
    sender: AgentId,
    epoch: Epoch,
    totals: Totals,
}

/// How long the first part of a window waits for those of other readers, who look at the clock ten times a second.
const GATHER: Duration = Duration::from_millis(500);
/// How soon the queue is asked again …
const RETRY: Duration = Duration::from_millis(100);
/// … and for how long, once the gateway is to stop.
const LAST_TRIES: Duration = Duration::from_secs(5);

/// The most series in a batch. With their histograms they stay far below what a batch may unpack to.
const MAX_POINTS: usize = 256;
/// A batch ends after a series whose hash has these bits zero: on average one in 128.
const CUT_MASK: u64 = 127;
/// A record far below the queue's limit.
const MAX_PAYLOAD_BYTES: usize = 64 << 10;
/// Room for the layouts of 100,000 series.
const LAYOUTS: usize = 1_024;

/// The id under which the gateway that writes to this log sends its own batches.
fn sender_of(writer: &str) -> AgentId {
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("weir gateway {writer}").as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&digest.as_ref()[..16]);
    AgentId(id)
}

/// The epoch of a gateway that starts at `now`: nothing is sealed under it, it must only grow, so the fraction of the
/// second stands where others have random bits.
fn epoch_at(now: Timestamp) -> Epoch {
    Epoch::next(None, now, (now.millis().rem_euclid(1_000) * 65) as u16)
}

impl Publisher {
    pub(crate) fn new(shared: Arc<Shared>, parts: flume::Receiver<Part>, readers: usize, now: Timestamp) -> Self {
        let sender = sender_of(shared.log.writer());
        let (encoder, totals) = (Encoder::quick(LAYOUTS), Totals::default());
        Self { shared, parts, readers, encoder, sender, epoch: epoch_at(now), totals }
    }

    /// Publishes windows until all readers are gone.
    pub(crate) fn run(mut self) {
        let mut next = None;
        while let Some(part) = next.take().or_else(|| self.parts.recv().ok()) {
            let whole;
            (whole, next) = self.gather(part);
            self.publish(whole);
        }
    }

    /// Waits a moment for the other readers' parts of the same window; also returns a part of another, if one came.
    fn gather(&self, mut whole: Part) -> (Part, Option<Part>) {
        let until = Instant::now() + GATHER;
        for _ in 1..self.readers {
            match self.parts.recv_deadline(until) {
                Ok(part) if part.window == whole.window => {
                    whole.points.extend(part.points);
                    whole.events.extend(part.events);
                }
                Ok(other) => return (whole, Some(other)),
                Err(_) => break,
            }
        }
        (whole, None)
    }

    fn publish(&mut self, Part { window, points, events }: Part) {
        let points = merged(points);
        let (samples, first) = (points.len() as u64, self.totals.sealed_batches);
        let mut payloads = self.encode(window, points);
        payloads.extend(self.encode_events(window, &events));
        if payloads.is_empty() {
            return;
        }
        if self.store(first, &payloads) {
            self.totals.acked_batches += payloads.len() as u64;
            self.totals.acked_samples += samples;
            self.shared.statsd.partials.fetch_add(samples, Relaxed);
        } else {
            self.shared.statsd.lost_partials.fetch_add(samples, Relaxed);
            let events = events.len();
            tracing::error!(
                partials = samples,
                events,
                "the queue did not recover in time: a window of StatsD is lost"
            );
        }
    }

    fn encode(&mut self, window: Window, points: Vec<Point>) -> Vec<Payload> {
        let (first, mut payloads) = (self.totals.sealed_batches, Vec::new());
        let slices: Vec<_> = by_receipt(points, clock::now())
            .into_iter()
            .flat_map(|(received, points)| slices(points).map(move |slice| (received, slice)))
            .collect();
        // Each says how many it takes to have the whole window.
        self.totals.sealed_batches = first + slices.len() as u64;
        for (received, points) in slices {
            self.totals.sealed_samples += points.len() as u64;
            let batch = Batch { window, totals: self.totals, points };
            let (encoded, left_out) = self.encoder.encode(&batch, MAX_PAYLOAD_BYTES);
            self.shared.statsd.oversize_series.fetch_add(left_out as u64, Relaxed);
            let kind = RecordKind::Batch;
            payloads.extend(encoded.into_iter().map(|bytes| Payload { kind, received, bytes }));
        }
        self.totals.sealed_batches = first + payloads.len() as u64;
        payloads
    }

    fn encode_events(&mut self, window: Window, events: &[Event]) -> Vec<Payload> {
        let (before, mut count) = (self.totals.sealed_batches, 1);
        let encoded = loop {
            self.totals.sealed_batches = before + count as u64;
            let (encoded, _) = self.encoder.encode_events(window, &self.totals, events, MAX_PAYLOAD_BYTES);
            // Each says how many it takes to have all; with a greater figure they may become one more, never fewer.
            if encoded.len() <= count {
                break encoded;
            }
            count = encoded.len();
        };
        self.totals.sealed_batches = before + encoded.len() as u64;
        let (kind, received) = (RecordKind::Events, clock::now());
        encoded.into_iter().map(|bytes| Payload { kind, received, bytes }).collect()
    }

    /// Gives the payloads to the queue, numbered from `first` on, until they are on disk. The sink drops what it gets
    /// twice. False if the gateway had to stop before that.
    fn store(&self, first: u64, payloads: &[Payload]) -> bool {
        let (mut first, mut give_up) = (first, None);
        for group in payloads.chunks(GROUP) {
            while let Err(error) = self.try_store(first, group) {
                self.shared.report_queue(&Err(error));
                self.shared.statsd.retries.fetch_add(1, Relaxed);
                let now = Instant::now();
                if self.shared.is_stopping() && now >= *give_up.get_or_insert(now + LAST_TRIES) {
                    return false;
                }
                std::thread::sleep(RETRY);
            }
            first += group.len() as u64;
        }
        self.shared.report_queue(&Ok(()));
        true
    }

    fn try_store(&self, first: u64, payloads: &[Payload]) -> Result<(), weir_queue::Error> {
        let (lane, tenant, agent, epoch) = (Lane::Normal, 0, self.sender, self.epoch);
        let records = (first..).zip(payloads).map(|(seq, Payload { kind, received, bytes })| {
            let (kind, received, payload) = (*kind, *received, bytes.as_slice());
            Record { kind, lane, tenant, agent, epoch, seq, received, payload }
        });
        let records: Vec<Record<'_>> = records.collect();
        self.shared.log.wait_durable(self.shared.log.append(&records)?)
    }
}

/// The points in order, each series once. Where gauges meet, the one heard last is believed.
fn merged(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| (&a.series, a.at).cmp(&(&b.series, b.at)));
    points.dedup_by(|later, kept| {
        let same = later.series == kept.series;
        if same {
            kept.value.merge(std::mem::replace(&mut later.value, Value::Gauge(0.0)));
            kept.at = later.at;
        }
        same
    });
    points
}

/// The points by what the sink is to take for the time of their receipt: of gauges that several gateways heard in a
/// window, it lets the one received last stand, so each goes with the second in which it was heard.
fn by_receipt(points: Vec<Point>, now: Timestamp) -> BTreeMap<Timestamp, Vec<(Series, Value)>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for Point { series, value, at } in points {
        let received = if matches!(value, Value::Gauge(_)) { at } else { now };
        groups.entry(received).or_default().push((series, value));
    }
    groups
}

/// An encoded batch.
struct Payload {
    kind: RecordKind,
    received: Timestamp,
    bytes: Vec<u8>,
}

/// Cuts points into batches at places that depend on the series there, not on how many stand before: a new series
/// changes the layout of its own batch, and the others' are known to the encoder and to the sink.
fn slices(points: Vec<(Series, Value)>) -> impl Iterator<Item = Vec<(Series, Value)>> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut points = points.into_iter();
    std::iter::from_fn(move || {
        let mut slice = Vec::new();
        for point in points.by_ref() {
            let cut = hasher.hash_one(point.0.key()) & CUT_MASK == 0;
            slice.push(point);
            if cut || slice.len() == MAX_POINTS {
                break;
            }
        }
        (!slice.is_empty()).then_some(slice)
    })
}

/// Records per append: their number bounds what is written twice if the queue fails among them.
const GROUP: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(at: usize) -> (Series, Value) {
        (Series::named(&format!("jobs_{at:05}")), Value::Counter(at as f64))
    }

    #[test]
    fn parts_of_one_series_become_one_point_and_gauges_go_with_their_time() {
        let point = |(series, value), at| Point { series, value, at: Timestamp::from_secs(at) };
        let gauge = |name, value| (Series::named(name), Value::Gauge(value));
        let points = vec![
            point(counter(2), 10),
            point(gauge("g", 2.0), 7),
            point(counter(1), 10),
            point(counter(2), 10),
            point(gauge("g", 1.0), 4),
            point(gauge("h", 3.0), 4),
        ];
        let groups = by_receipt(merged(points), Timestamp::from_secs(11));
        let groups: Vec<_> = groups.into_iter().map(|(at, points)| (at.millis() / 1_000, points)).collect();
        let twice = (counter(2).0, Value::Counter(4.0));
        let expected = [(4, vec![gauge("h", 3.0)]), (7, vec![gauge("g", 2.0)]), (11, vec![counter(1), twice])];
        assert_eq!(groups, expected);
    }

    #[test]
    fn a_new_series_changes_one_slice_only() {
        let slice = |points: Vec<usize>| slices(points.into_iter().map(counter).collect()).collect::<Vec<_>>();
        let before = slice((0..20_000).filter(|at| *at != 777).collect());
        let after = slice((0..20_000).collect());
        assert_eq!(after.concat(), (0..20_000).map(counter).collect::<Vec<_>>());
        assert!(before.len() > 80 && after.iter().all(|slice| slice.len() <= MAX_POINTS));
        let new = after.iter().filter(|slice| !before.contains(slice)).count();
        assert!((1..=3).contains(&new), "{new}");
    }

    #[test]
    fn a_later_start_has_a_greater_epoch() {
        assert!(epoch_at(Timestamp(1_700_000_000_998)) < epoch_at(Timestamp(1_700_000_000_999)));
        assert!(epoch_at(Timestamp(1_700_000_000_999)) < epoch_at(Timestamp(1_700_000_001_000)));
    }
}
