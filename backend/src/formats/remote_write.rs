//! Prometheus remote write: 1.0 spells labels out for each series, 2.0 has a table of words.
//!
//! 1.0: prometheus.io/docs/specs/prw/remote_write_spec; 2.0: .../remote_write_spec_2_0, message `io.prometheus.write.v2.Request`.

use std::collections::HashMap;

use weir_formats::histogram;
use weir_formats::pen::{bytes, double, message, number, varint};
use weir_sample::Kind;

use super::body::Body;
use crate::request::Item;

const NAME: &str = "__name__";

/// A request of 1.0.
pub(super) fn first(items: &[Item]) -> Body {
    let mut out = Vec::with_capacity(items.len() * 200);
    for item in items {
        message(&mut out, 1, |out| {
            labels(item, |name, value| {
                message(out, 1, |out| {
                    bytes(out, 1, name.as_bytes());
                    bytes(out, 2, value.as_bytes());
                });
            });
            for (time, value) in item.floats() {
                message(out, 2, |out| {
                    double(out, 1, value);
                    number(out, 2, time as u64);
                });
            }
            for (time, value) in item.histograms() {
                message(out, 4, |out| histogram::write(out, value, time));
            }
        });
    }
    Body { bytes: packed(&out), headers: &FIRST, query: String::new() }
}

/// A request of 2.0.
pub(super) fn second(items: &[Item]) -> Body {
    let mut words = Words::default();
    let mut series = Vec::with_capacity(items.len() * 80);
    let mut references = Vec::new();
    for item in items {
        references.clear();
        labels(item, |name, value| {
            for word in [name, value] {
                varint(&mut references, words.number(word));
            }
        });
        message(&mut series, 5, |out| {
            bytes(out, 1, &references);
            for (time, value) in item.floats() {
                message(out, 2, |out| {
                    double(out, 1, value);
                    number(out, 2, time as u64);
                });
            }
            for (time, value) in item.histograms() {
                message(out, 3, |out| histogram::write(out, value, time));
            }
            message(out, 5, |out| number(out, 1, kind(item.kind)));
        });
    }
    let mut out = Vec::with_capacity(series.len() + words.bytes + 5 * words.all.len());
    words.all.iter().for_each(|word| bytes(&mut out, 4, word.as_bytes()));
    out.extend_from_slice(&series);
    Body { bytes: packed(&out), headers: &SECOND, query: String::new() }
}

/// `METRIC_TYPE_COUNTER`, `METRIC_TYPE_HISTOGRAM` and `METRIC_TYPE_GAUGE` of 2.0.
const fn kind(kind: Kind) -> u64 {
    match kind {
        Kind::Counter => 1,
        Kind::Distribution => 3,
        _ => 2,
    }
}

const FIRST: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];

const SECOND: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "2.0.0"),
];

/// Words of a request; the first is empty, as 2.0 has it.
struct Words<'a> {
    numbers: HashMap<&'a str, u64>,
    all: Vec<&'a str>,
    bytes: usize,
}

impl Default for Words<'_> {
    fn default() -> Self {
        Self { numbers: HashMap::from([("", 0)]), all: vec![""], bytes: 0 }
    }
}

impl<'a> Words<'a> {
    fn number(&mut self, word: &'a str) -> u64 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.all.len() as u64;
        self.numbers.insert(word, number);
        self.all.push(word);
        self.bytes += word.len();
        number
    }
}

/// Labels in order, with the name among them.
fn labels<'a>(item: &'a Item, mut each: impl FnMut(&'a str, &'a str)) {
    let mut name = Some(item.series.name());
    for (label, value) in item.series.labels() {
        if label > NAME
            && let Some(name) = name.take()
        {
            each(NAME, name);
        }
        each(label, value);
    }
    if let Some(name) = name {
        each(NAME, name);
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).expect("a request is below 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::item;

    fn unpacked(body: &Body) -> Vec<u8> {
        snap::raw::Decoder::new().decompress_vec(&body.bytes).unwrap()
    }

    #[test]
    fn the_first_version_is_as_the_specification_has_it() {
        let body = first(&[item("up", &[("a", "b"), ("Z", "c")], &[(1_000, 1.0)])]);
        let label = |name: &str, value: &str| {
            let inner = [&[10, name.len() as u8], name.as_bytes(), &[18, value.len() as u8], value.as_bytes()].concat();
            [&[10, inner.len() as u8], inner.as_slice()].concat()
        };
        let sample = [&[18, 12, 9], &1f64.to_le_bytes()[..], &[16, 0xe8, 7]].concat();
        let series = [label("Z", "c"), label("__name__", "up"), label("a", "b"), sample].concat();
        assert_eq!(unpacked(&body), [&[10, series.len() as u8], series.as_slice()].concat());
    }

    #[test]
    fn the_second_version_has_each_word_once() {
        let items = [item("up", &[("a", "up")], &[(1, 0.0)]), item("up", &[("a", "b")], &[(1, 0.0)])];
        let out = unpacked(&second(&items));
        let words: Vec<u8> = ["", "__name__", "up", "a", "b"]
            .iter()
            .flat_map(|word| [&[34, word.len() as u8], word.as_bytes()].concat())
            .collect();
        assert_eq!(out[..words.len()], words);
        let rest = &out[words.len()..];
        assert_eq!(rest[..8], [42, rest[1], 10, 4, 1, 2, 3, 2], "__name__=up, a=up");
    }

    #[test]
    fn a_long_message_has_a_long_length() {
        let long = "x".repeat(300);
        let out = unpacked(&first(&[item("up", &[("a", &long)], &[])]));
        assert_eq!(out[0], 10);
        let length = usize::from(out[1] & 0x7f) | usize::from(out[2]) << 7;
        assert_eq!(length, out.len() - 3);
    }
}
