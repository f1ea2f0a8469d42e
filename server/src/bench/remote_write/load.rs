//! The load: hosts with series of their own, a sample of each per round, as requests of remote write.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use weir_formats::remote_write::{Sample, TimeSeries};
use weir_sample::Series;

/// What every round of the load has.
#[derive(Clone)]
pub(in crate::bench) struct Shape {
    /// Tells runs apart.
    pub run: String,
    pub per_host: usize,
    /// Samples of a request.
    pub per_request: usize,
    /// Most by which the times of two hosts in a round differ, in milliseconds.
    pub jitter_ms: i64,
    /// Whether series of one host differ as well.
    pub each_jitters: bool,
    /// All are counters of one name, told apart by host and device.
    pub one_metric: bool,
}

/// Some hosts' series, half of which are counters, the others gauges of two decimals that walk.
pub(super) struct Load {
    shape: Shape,
    series: Vec<OneSeries>,
    random: u64,
    body: Vec<u8>,
}

struct OneSeries {
    number: usize,
    host: usize,
    /// As they stand in a message.
    labels: Vec<u8>,
    counts: bool,
    /// In hundredths, of a gauge.
    value: i64,
}

impl Load {
    /// The series of these numbers.
    pub(super) fn new(shape: &Shape, numbers: impl Iterator<Item = usize>) -> Self {
        let series = numbers.map(|number| OneSeries::new(shape, number)).collect();
        Self { shape: shape.clone(), series, random: 0x2545_f491_4f6c_dd1d, body: Vec::new() }
    }

    /// Hands over the requests of one round, compressed, each with its number of samples, until told to stop.
    pub(super) fn round<E>(
        &mut self,
        time_ms: i64,
        mut each: impl FnMut(&[u8], usize) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let (shape, random, body) = (&self.shape, &mut self.random, &mut self.body);
        for some in self.series.chunks_mut(shape.per_request) {
            body.clear();
            for one in some.iter_mut() {
                let who = if shape.each_jitters { one.number } else { one.host };
                let jitter = (who as i64).wrapping_mul(7_919).wrapping_add(time_ms / 1_000 * 31).wrapping_mul(104_729);
                let jitter = if shape.jitter_ms == 0 { 0 } else { jitter.rem_euclid(shape.jitter_ms) };
                one.encode(time_ms - jitter, random, body);
            }
            let compressed = snap::raw::Encoder::new().compress_vec(body);
            if !each(&compressed.expect("a request is far below the 4 GiB that snappy takes"), some.len())? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl OneSeries {
    fn new(shape: &Shape, number: usize) -> Self {
        let (host, at) = (number / shape.per_host, number % shape.per_host);
        let counts = shape.one_metric || at.is_multiple_of(2);
        let name = match counts {
            _ if shape.one_metric => "bench_total".to_owned(),
            true => format!("bench_{at:04}_total"),
            false => format!("bench_{at:04}_level"),
        };
        let (instance, pool) = (format!("host-{host:06}:9100"), format!("pool-{}", host % 50));
        let device = if shape.one_metric { at } else { at % 4 };
        let (device, zone) = (format!("device-{device}"), format!("zone-{}", host % 3));
        let labels = [
            ("instance", instance.as_str()),
            ("job", "node"),
            ("run", shape.run.as_str()),
            ("pool", pool.as_str()),
            ("zone", zone.as_str()),
            ("device", device.as_str()),
        ];
        let labels = TimeSeries::named(&Series::new(&name, labels)).encode_to_vec();
        Self { number, host, labels, counts, value: number as i64 * 7 % 10_000 }
    }

    fn encode(&mut self, timestamp: i64, random: &mut u64, body: &mut Vec<u8>) {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let draw = (*random >> 20) as i64;
        let value = if self.counts {
            self.value += draw & 0xff;
            self.value as f64
        } else {
            self.value = (self.value + (draw & 0xff) - 127).abs();
            self.value as f64 / 100.0
        };
        let sample = Sample { value, timestamp };
        let length = sample.encoded_len();
        encode_key(1, WireType::LengthDelimited, body);
        // A sample is shorter than 128 bytes, so its key and length take one byte each.
        encode_varint((self.labels.len() + 2 + length) as u64, body);
        body.extend_from_slice(&self.labels);
        encode_key(2, WireType::LengthDelimited, body);
        encode_varint(length as u64, body);
        sample.encode_raw(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_formats::remote_write::WriteRequest;

    #[test]
    fn a_round_has_a_sample_of_each_series() {
        let shape = Shape {
            run: "r".into(),
            per_host: 3,
            per_request: 4,
            jitter_ms: 100,
            each_jitters: true,
            one_metric: false,
        };
        let (mut load, mut seen) = (Load::new(&shape, 0..10), Vec::new());
        let round = load.round(1_000_000, |body, samples| {
            let body = snap::raw::Decoder::new().decompress_vec(body).unwrap();
            let request = WriteRequest::decode(&*body).unwrap();
            assert_eq!(request.timeseries.len(), samples);
            seen.extend(request.timeseries);
            Ok::<_, ()>(true)
        });
        assert_eq!((round, seen.len()), (Ok(true), 10));
        assert!(seen.iter().all(|one| one.samples.len() == 1 && one.labels.len() == 7));
        assert!(seen.iter().all(|one| (999_900..=1_000_000).contains(&one.samples[0].timestamp)));
        let hosts: std::collections::BTreeSet<_> = seen.iter().map(|one| one.labels[2].value.clone()).collect();
        assert_eq!(hosts.len(), 4, "{hosts:?}");
        assert_eq!(load.round(2_000_000, |_, _| Ok::<_, ()>(false)), Ok(false));
    }
}
