//! What rules write, as records of the queue: the same as remote write makes.

use std::collections::BTreeMap;

use weir_alert::evaluate::Row;
use weir_queue::{Lane, Record, RecordKind};
use weir_sample::{Kind, Series, Timestamp};
use weir_sink::{Labels, Odd, Pair, SampleWriter};
use weir_wire::{AgentId, Epoch};

/// Rows as payloads, each with the tenant that it is of.
#[derive(Debug, Default)]
pub(super) struct Payloads {
    of_tenants: Vec<(u32, Vec<u8>)>,
    /// Rows that no store would take, because their labels are too long or too many.
    pub left_out: u64,
}

/// Milliseconds and values of one series.
type Samples = Vec<(i64, f64)>;

/// The label that says whose a series is. It is the server's own: a record says it in its head.
const TENANT: &str = "tenant";

impl Payloads {
    /// Puts rows together, series by series.
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut tenants: BTreeMap<u32, BTreeMap<&Series, Samples>> = BTreeMap::new();
        for row in rows {
            let tenant = row.series.label(TENANT).and_then(own_number).unwrap_or_default();
            let samples = tenants.entry(tenant).or_default().entry(&row.series).or_default();
            samples.push((row.at.millis(), row.value));
        }
        let mut payloads = Self::default();
        for (tenant, series) in &tenants {
            let (mut labels, mut own, mut writer) = (Labels::default(), Vec::new(), SampleWriter::default());
            for (series, samples) in series {
                match pairs(series, *tenant, &mut labels, &mut own) {
                    Ok(()) => writer.push(&labels, &own, Kind::Gauge, samples),
                    Err(_) => payloads.left_out += samples.len() as u64,
                }
            }
            payloads.of_tenants.extend(writer.finish().into_iter().map(|payload| (*tenant, payload)));
        }
        payloads
    }

    /// The records, received now.
    pub(super) fn records<'p>(&'p self, now: Timestamp) -> Vec<Record<'p>> {
        let (agent, epoch, seq, lane) = (AgentId([0; 16]), Epoch(0), 0, Lane::Normal);
        let record = |(tenant, payload): &'p (u32, Vec<u8>)| {
            let (kind, tenant, received) = (RecordKind::Series, *tenant, now);
            Record { kind, lane, tenant, agent, epoch, seq, received, payload }
        };
        self.of_tenants.iter().map(record).collect()
    }
}

/// The number of a tenant as the store writes it: tenant 0 has no label.
fn own_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| *number > 0 && number.to_string() == text)
}

/// The labels of a series in the table of a record, without that of its tenant.
fn pairs<'s>(series: &'s Series, tenant: u32, labels: &mut Labels<'s>, own: &mut Vec<Pair>) -> Result<(), Odd> {
    let mut all = Vec::new();
    // A series' key has its parts one after another, and each is its own name in the table.
    for (place, part) in series.key().split('\u{1}').enumerate() {
        let raw = part.as_bytes();
        let known = labels.find(raw);
        let pair = match part.split_once('\u{2}') {
            Some((TENANT, _)) if tenant > 0 => continue,
            Some((name, value)) => known.unwrap_or_else(|| labels.label(raw, name, value)),
            None if place == 0 => known.unwrap_or_else(|| labels.metric(raw, part, Kind::Gauge)),
            None => continue,
        };
        all.push(pair);
    }
    labels.series(&all, own).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, labels: &[(&str, &str)], at: i64, value: f64) -> Row {
        Row { series: Series::new(name, labels.iter().copied()), at: Timestamp(at), value }
    }

    #[test]
    fn each_tenant_has_records_of_its_own_and_what_is_too_long_is_counted() {
        let long = "v".repeat(weir_sink::MOST_LABEL_BYTES + 1);
        let rows = [
            row("r", &[("host", "a")], 1_000, 1.0),
            row("r", &[("host", "a"), ("tenant", "3")], 1_000, 2.0),
            row("r", &[("host", "a")], 2_000, 3.0),
            row("r", &[("tenant", "03")], 2_000, 3.0),
            row("r", &[("host", &long)], 2_000, 3.0),
        ];
        let payloads = Payloads::of(&rows);
        let records = payloads.records(Timestamp(5));
        assert_eq!(records.iter().map(|record| record.tenant).collect::<Vec<_>>(), [0, 3]);
        assert!(records.iter().all(|record| record.kind == RecordKind::Series && record.received == Timestamp(5)));
        assert_eq!(payloads.left_out, 1);
        let has = |record: &Record<'_>, text: &str| record.payload.windows(text.len()).any(|at| at == text.as_bytes());
        // What is no tenant's number is a label like others, which the sink renames.
        assert!(has(&records[0], "tenant\u{2}03") && !has(&records[1], "tenant"));
    }
}
