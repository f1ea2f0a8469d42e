//! The fleet's samples as requests of remote write.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use weir_formats::remote_write::{Sample, TimeSeries};
use weir_sample::Timestamp;

use super::super::fleet::{COUNTERS, Fleet, PER_HOST, Row, columns};
use super::super::plan::Plan;

/// Makes requests; the labels of each series are encoded once.
pub(super) struct Requests {
    fleet: Fleet,
    hosts: Vec<Host>,
}

struct Host {
    /// The labels of each series as they stand in a message.
    labels: Vec<Vec<u8>>,
    /// What the counters have counted: remote write has running totals.
    totals: [f64; COUNTERS],
}

impl Requests {
    pub(super) fn new(plan: &Plan) -> Self {
        let fleet = plan.fleet();
        let hosts = fleet.numbers().map(Host::new).collect();
        Self { fleet, hosts }
    }

    /// Hands over the requests of one step, each compressed; returns the number of samples.
    pub(super) fn step<E>(&mut self, now: Timestamp, mut each: impl FnMut(Vec<u8>) -> Result<(), E>) -> Result<u64, E> {
        for (place, number) in self.fleet.churn() {
            self.hosts[place] = Host::new(number);
        }
        let (hosts, mut samples, mut body) = (&mut self.hosts, 0, Vec::new());
        self.fleet.step(|first, rows: &[Row]| {
            body.clear();
            for (host, row) in hosts[first..].iter_mut().zip(rows) {
                host.encode(now, row, &mut body);
            }
            samples += (rows.len() * PER_HOST) as u64;
            let compressed = snap::raw::Encoder::new().compress_vec(&body);
            each(compressed.expect("a request of 64 hosts is far below the 4 GiB that snappy takes"))
        })?;
        Ok(samples)
    }
}

impl Host {
    fn new(number: usize) -> Self {
        let labels = columns(number).iter().map(|(series, _)| TimeSeries::named(series).encode_to_vec()).collect();
        Self { labels, totals: [0.0; COUNTERS] }
    }

    fn encode(&mut self, now: Timestamp, row: &Row, body: &mut Vec<u8>) {
        for (at, &value) in row.iter().enumerate() {
            let value = match self.totals.get_mut(at) {
                Some(total) => {
                    *total += value;
                    *total
                }
                None => value,
            };
            let sample = Sample { value, timestamp: now.millis() };
            let (labels, length) = (&self.labels[at], sample.encoded_len());
            encode_key(1, WireType::LengthDelimited, body);
            // A sample is shorter than 128 bytes, so its key and length take one byte each.
            encode_varint((labels.len() + 2 + length) as u64, body);
            body.extend_from_slice(labels);
            encode_key(2, WireType::LengthDelimited, body);
            encode_varint(length as u64, body);
            sample.encode_raw(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use prost::Message;
    use weir_formats::remote_write::WriteRequest;

    fn labels(series: &TimeSeries) -> weir_sample::Series {
        let of = |label: &'_ weir_formats::remote_write::Label| (label.name.clone(), label.value.clone());
        let labels: Vec<_> = series.labels.iter().map(of).collect();
        let (name, rest): (Vec<_>, Vec<_>) = labels.iter().partition(|(name, _)| name == "__name__");
        weir_sample::Series::new(&name[0].1, rest.into_iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    #[test]
    fn requests_hold_every_series_with_its_labels_and_totals() {
        let (interval, steps, start_s) = (Duration::from_secs(10), 2, 0);
        let plan = Plan { hosts: 65, steps, interval, start_s, replaced_per_step: 0.0 };
        let (mut requests, mut fleet) = (Requests::new(&plan), plan.fleet());
        let mut sums = vec![[0.0; PER_HOST]; plan.hosts];
        for step in 1..=plan.steps {
            let mut decoded = Vec::new();
            let decode = |body: Vec<u8>| {
                let body = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
                let request = WriteRequest::decode(&*body).unwrap();
                decoded.extend(request.timeseries.into_iter().map(|series| (labels(&series), series.samples)));
                Ok::<_, ()>(())
            };
            assert_eq!(requests.step(plan.time(step), decode), Ok(6_500));
            fleet.churn();
            fleet
                .step(|first, rows| {
                    for (sums, row) in sums[first..].iter_mut().zip(rows) {
                        let each = sums.iter_mut().zip(row).enumerate();
                        each.for_each(|(at, (sum, value))| *sum = if at < COUNTERS { *sum + value } else { *value });
                    }
                    Ok::<_, ()>(())
                })
                .unwrap();
            let expected = (0..plan.hosts).flat_map(columns).zip(sums.iter().flatten()).map(|((series, _), &value)| {
                let sample = Sample { value, timestamp: plan.time(step).millis() };
                (series, vec![sample])
            });
            assert!(decoded == expected.collect::<Vec<_>>());
        }
    }
}
