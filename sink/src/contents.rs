//! What a record holds: as its kind says, or, of a program from before kinds, as that program marked it.
//!
//! Such a program let no gateway take from outside what looks like its own notes, so in a record without a kind they are
//! told by their look. In any other record a batch is a batch, whatever it says.

use weir_queue::{Record, RecordKind};
use weir_sample::{Timestamp, Value, Window};
use weir_wire::Decoder;

use crate::series::Grant;

/// What is to be done with a record.
#[derive(Debug, PartialEq)]
pub(crate) enum Contents<'a> {
    /// An agent's batch, of points or of events.
    Batch,
    /// What an agent's token allows from now on; `None` if it cannot be read, which is nothing.
    Grant(Option<Grant>),
    /// Samples with times of their own.
    Samples(&'a [u8]),
    /// The same, as older programs wrote them.
    OldSamples(&'a [u8]),
    /// What one look at a target brought.
    Scrape,
    /// What a sender tells of metrics.
    Metadata(&'a [u8]),
    /// What a sink has of shared series.
    Parts,
    /// What is for another consumer of a queue, and strayed into this one.
    Foreign,
    /// What only a newer program can read.
    Newer,
}

/// What stood before samples: as the end of a batch's window it is beyond every time, so no batch began with it.
const MARK: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

impl<'a> Contents<'a> {
    pub(crate) fn of(record: &Record<'a>, decoder: &mut Decoder) -> Self {
        match record.kind {
            RecordKind::Batch | RecordKind::Events => Self::Batch,
            RecordKind::Grant => Self::Grant(Grant::decode(record.payload)),
            RecordKind::Samples => Self::OldSamples(record.payload),
            RecordKind::Series => Self::Samples(record.payload),
            RecordKind::Scrape => Self::Scrape,
            RecordKind::Metadata => Self::Metadata(record.payload),
            RecordKind::Parts => Self::Parts,
            RecordKind::Alert | RecordKind::Claim | RecordKind::State => Self::Foreign,
            RecordKind::Newer(_) => Self::Newer,
            RecordKind::Unsaid => Self::as_it_looks(record.payload, decoder),
        }
    }

    fn as_it_looks(payload: &'a [u8], decoder: &mut Decoder) -> Self {
        if let Some(samples) = payload.strip_prefix(&MARK) {
            return Self::OldSamples(samples);
        }
        match decoder.head(payload).is_ok_and(|head| head.window == Window::ending(Timestamp(0), 1)) {
            true => Self::Grant(grant_in_batch(payload)),
            false => Self::Batch,
        }
    }
}

/// Reads a grant that stands in the labels and the value of a batch's one point.
pub(crate) fn grant_in_batch(payload: &[u8]) -> Option<Grant> {
    let batch = weir_wire::decode(payload).ok()?;
    let (series, Value::Gauge(most)) = batch.points.first()? else { return None };
    let labels = series.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(Grant { max_series: most.is_finite().then_some(*most as usize), labels })
}

#[cfg(test)]
mod tests {
    use weir_queue::Lane;
    use weir_sample::Series;
    use weir_wire::{AgentId, Batch, Encoder, Epoch, Totals};

    use super::*;

    /// A batch of one gauge, as it was made for grants and still is for whoever tries to forge one.
    fn batch(end: i64) -> Vec<u8> {
        let points = vec![(Series::new("weir_grant", [("env", "prod")]), Value::Gauge(7.0))];
        let batch = Batch { window: Window::ending(Timestamp(end), 1), totals: Totals::default(), points };
        Encoder::new().encode(&batch, usize::MAX).0.remove(0)
    }

    fn check(kind: RecordKind, payload: &[u8], expected: &Contents<'_>) {
        let (agent, received) = (AgentId([1; 16]), Timestamp(5));
        let record = Record { kind, lane: Lane::Normal, tenant: 0, agent, epoch: Epoch(0), seq: 0, received, payload };
        assert_eq!(Contents::of(&record, &mut Decoder::new()), *expected, "{kind:?}");
    }

    #[test]
    fn a_record_is_what_its_kind_says_and_only_without_one_what_it_looks_like() {
        let grant = Grant { max_series: Some(7), labels: vec![("env".into(), "prod".into())] };
        let marked = [&MARK[..], b"samples"].concat();
        check(RecordKind::Unsaid, &batch(0), &Contents::Grant(Some(grant.clone())));
        check(RecordKind::Unsaid, &batch(10_000), &Contents::Batch);
        check(RecordKind::Unsaid, &marked, &Contents::OldSamples(b"samples"));
        check(RecordKind::Batch, &batch(0), &Contents::Batch);
        check(RecordKind::Batch, &marked, &Contents::Batch);
        check(RecordKind::Samples, &batch(0), &Contents::OldSamples(&batch(0)));
        check(RecordKind::Series, &batch(0), &Contents::Samples(&batch(0)));
        check(RecordKind::Grant, &grant.encode(), &Contents::Grant(Some(grant)));
        check(RecordKind::Grant, b"\x02", &Contents::Grant(None));
        check(RecordKind::Events, &batch(0), &Contents::Batch);
        check(RecordKind::Metadata, b"\x01", &Contents::Metadata(b"\x01"));
        check(RecordKind::Alert, b"{}", &Contents::Foreign);
        check(RecordKind::Newer(200), &batch(10_000), &Contents::Newer);
    }
}
