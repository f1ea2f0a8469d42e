//! What senders tell of metrics, kept for whoever asks: of each metric what was told last, and what others tell otherwise.
//!
//! Bounded over all tenants. When it is full, the tenant that has the most loses what has not been told for longest.

pub(crate) mod form;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use weir_sample::{Metadata, Reading, Timestamp};

/// What is told of metrics. Written by the sink's thread, read by any.
#[derive(Debug, Default)]
pub struct Catalogue(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    tenants: BTreeMap<u32, Tenant>,
    evicted: u64,
    undecodable: u64,
}

#[derive(Debug, Default)]
struct Tenant {
    /// By metric what is told of it, the last first.
    metrics: BTreeMap<Box<str>, Vec<(Timestamp, Metadata)>>,
    bytes: usize,
}

/// What all of it may take, about.
const MOST_BYTES: usize = 8 << 20;

/// Different things that are kept of one metric.
const MOST_OF_ONE: usize = 4;

/// What an entry takes beside its texts, about.
const ENTRY_BYTES: usize = 120;

impl Catalogue {
    /// What is told of metrics of a tenant, or of all, the last first.
    pub fn all(&self, tenant: Option<u32>) -> BTreeMap<String, Vec<Metadata>> {
        let kept = self.lock();
        let mut all = BTreeMap::<String, Vec<Metadata>>::new();
        for (_, tenant) in kept.tenants.iter().filter(|(number, _)| tenant.is_none_or(|only| only == **number)) {
            for (metric, told) in &tenant.metrics {
                let entries = all.entry(metric.to_string()).or_default();
                told.iter().for_each(|(_, metadata)| add(entries, metadata));
            }
        }
        all
    }

    /// The same of one metric.
    pub fn of(&self, tenant: Option<u32>, metric: &str) -> Vec<Metadata> {
        let (kept, mut entries) = (self.lock(), Vec::new());
        let tenants = kept.tenants.iter().filter(|(number, _)| tenant.is_none_or(|only| only == **number));
        let told = tenants.filter_map(|(_, tenant)| tenant.metrics.get(metric)).flatten();
        told.for_each(|(_, metadata)| add(&mut entries, metadata));
        entries
    }

    /// Takes a record's payload.
    pub(crate) fn take(&self, tenant: u32, payload: &[u8], at: Timestamp) {
        let mut kept = self.lock();
        let whole = form::read(payload, |metric, told| kept.tell(tenant, metric, told, at));
        kept.undecodable += u64::from(!whole);
        kept.make_room(MOST_BYTES);
    }

    /// Takes up what a checkpoint has, in place of what there is.
    pub(crate) fn restore(&self, saved: Self) {
        let saved = saved.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.lock().tenants = saved.tenants;
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for (number, tenant) in &self.lock().tenants {
            for (metric, told) in &tenant.metrics {
                // The last is told last, so that it comes back as the first.
                for (at, metadata) in told.iter().rev() {
                    out.extend(number.to_le_bytes());
                    out.extend(at.0.to_le_bytes());
                    form::put(out, metric, metadata);
                }
            }
        }
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut kept = Kept::default();
        while !bytes.is_empty() {
            let (number, rest) = bytes.split_first_chunk()?;
            let (at, rest) = rest.split_first_chunk()?;
            bytes = rest;
            let (metric, told) = form::take(&mut bytes)?;
            kept.tell(u32::from_le_bytes(*number), metric, told, Timestamp(i64::from_le_bytes(*at)));
        }
        Some(Self(Mutex::new(kept)))
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let kept = self.lock();
        let metrics: usize = kept.tenants.values().map(|tenant| tenant.metrics.len()).sum();
        let bytes: usize = kept.tenants.values().map(|tenant| tenant.bytes).sum();
        vec![
            Reading::gauge(
                "weir_sink_metadata_metrics",
                &[],
                metrics as f64,
                "Metrics of which senders tell type, unit or help.",
            ),
            Reading::gauge("weir_sink_metadata_bytes", &[], bytes as f64, BYTES_HELP),
            Reading::counter("weir_sink_metadata_evicted_total", &[], kept.evicted, EVICTED_HELP),
            Reading::counter("weir_sink_metadata_undecodable_total", &[], kept.undecodable, UNDECODABLE_HELP),
        ]
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(entries: &mut Vec<Metadata>, told: &Metadata) {
    if !entries.contains(told) {
        entries.push(told.clone());
    }
}

fn bytes_of(metric: &str, told: &Metadata) -> usize {
    metric.len() + told.unit.len() + told.help.len() + ENTRY_BYTES
}

impl Kept {
    fn tell(&mut self, tenant: u32, metric: &str, told: Metadata, at: Timestamp) {
        let tenant = self.tenants.entry(tenant).or_default();
        let entries = tenant.metrics.entry(metric.into()).or_default();
        if let Some(place) = entries.iter().position(|(_, known)| *known == told) {
            entries.remove(place);
        } else {
            tenant.bytes += bytes_of(metric, &told);
        }
        entries.insert(0, (at, told));
        for (_, gone) in entries.drain(MOST_OF_ONE.min(entries.len())..) {
            tenant.bytes -= bytes_of(metric, &gone);
        }
    }

    /// Forgets what was told longest ago by whoever tells the most.
    fn make_room(&mut self, most: usize) {
        while self.tenants.values().map(|tenant| tenant.bytes).sum::<usize>() > most {
            let Some(largest) = self.tenants.values_mut().max_by_key(|tenant| tenant.bytes) else { return };
            let mut times: Vec<Timestamp> = largest.metrics.values().flatten().map(|(at, _)| *at).collect();
            // A tenth at once: looking through all for each would cost more than it is worth.
            let tenth = times.len() / 10;
            let (_, &mut until, _) = times.select_nth_unstable(tenth);
            let (bytes, mut left) = (&mut largest.bytes, tenth + 1);
            largest.metrics.retain(|metric, told| {
                told.retain(|(at, metadata)| {
                    let goes = left > 0 && *at <= until;
                    if goes {
                        left -= 1;
                        *bytes -= bytes_of(metric, metadata);
                    }
                    !goes
                });
                !told.is_empty()
            });
            self.evicted += (tenth + 1 - left) as u64;
        }
    }
}

const BYTES_HELP: &str = "Memory that what senders tell of metrics takes, about; 8 MiB at most.";
const EVICTED_HELP: &str = "Types, units and helps forgotten because there was no room: some sender tells of too many metrics. What is still told comes back within an hour.";
const UNDECODABLE_HELP: &str = "Records of metadata that could not be read to their end: gateway and sink differ in version; upgrade the sink first.";

#[cfg(test)]
mod tests {
    use weir_sample::MetricType;

    use super::*;

    fn told(help: &str) -> Metadata {
        Metadata { kind: MetricType::Gauge, unit: String::new(), help: help.into() }
    }

    fn helps(kept: &Kept, tenant: u32, metric: &str) -> Vec<String> {
        let entries = kept.tenants.get(&tenant).and_then(|tenant| tenant.metrics.get(metric));
        entries.into_iter().flatten().map(|(_, told)| told.help.clone()).collect()
    }

    #[test]
    fn what_was_told_last_comes_first_and_the_oldest_goes() {
        let mut kept = Kept::default();
        for (time, help) in ["a", "b", "c", "a", "d", "e"].into_iter().enumerate() {
            kept.tell(0, "x", told(help), Timestamp(time as i64));
        }
        assert_eq!(helps(&kept, 0, "x"), ["e", "d", "a", "c"]);
        let bytes: usize = kept.tenants[&0].metrics["x"].iter().map(|(_, told)| bytes_of("x", told)).sum();
        assert_eq!(kept.tenants[&0].bytes, bytes);
    }

    #[test]
    fn the_tenant_with_the_most_loses_its_oldest_when_there_is_no_room() {
        let mut kept = Kept::default();
        kept.tell(1, "small", told("stays"), Timestamp(0));
        (0..100).for_each(|time| kept.tell(2, &format!("m{time:03}"), told("h"), Timestamp(time)));
        kept.make_room(90 * bytes_of("m000", &told("h")));
        assert_eq!(helps(&kept, 1, "small"), ["stays"]);
        assert!(helps(&kept, 2, "m000").is_empty() && !helps(&kept, 2, "m099").is_empty());
        assert_eq!(
            (kept.evicted, kept.tenants[&2].metrics.len()),
            (20, 80),
            "eleven were too few, so a tenth of the rest too"
        );
        kept.make_room(0);
        assert!(kept.tenants.values().all(|tenant| tenant.bytes == 0 && tenant.metrics.is_empty()));
    }

    #[test]
    fn a_checkpoint_brings_it_back_and_tenants_see_their_own() {
        let catalogue = Catalogue::default();
        for (tenant, help) in [(0, "old"), (0, "new"), (7, "theirs")] {
            let mut writer = form::MetadataWriter::default();
            writer.push("x", &told(help));
            catalogue.take(tenant, &writer.finish()[0], Timestamp(i64::from(tenant)));
        }
        catalogue.take(0, b"\x01garbage", Timestamp(9));
        let mut saved = Vec::new();
        catalogue.encode(&mut saved);
        let again = Catalogue::default();
        again.restore(Catalogue::decode(&saved).unwrap());
        assert_eq!(again.of(Some(0), "x"), [told("new"), told("old")]);
        assert_eq!(again.of(None, "x"), [told("new"), told("old"), told("theirs")]);
        assert_eq!(again.all(Some(7))["x"], [told("theirs")]);
        assert!(again.of(Some(3), "x").is_empty() && Catalogue::decode(&saved[..saved.len() - 1]).is_none());
        assert_eq!(catalogue.lock().undecodable, 1);
    }
}
