//! What endpoints answer in protobuf.

use weir_formats::delimited::{Forms, Said, describe, parse};
use weir_sample::{Histogram, Series};

/// What is read is legal as it stands, and histograms and their differences can be sent: a gateway refuses the whole batch of one
/// that it cannot read.
pub fn run(data: &[u8]) {
    let mut before: Option<Histogram> = None;
    let forms = Forms { converted: true, ..Forms::BOTH };
    describe(data).into_told().for_each(|(name, _)| assert!(!name.is_empty()));
    parse(data, forms, |scraped| {
        let series = Series::new(&scraped.name, scraped.labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
        assert_eq!(series.name(), scraped.name, "names are not mended");
        if let Said::Histogram(histogram) = scraped.value {
            travels(&histogram);
            if let Some(before) = before.replace(*histogram.clone()) {
                travels(&histogram.observed_since(&before));
            }
        }
    });
}

fn travels(histogram: &Histogram) {
    let mut bytes = Vec::new();
    histogram.encode(&mut bytes);
    let mut rest = &bytes[..];
    assert!(Histogram::decode(&mut rest).is_some() && rest.is_empty(), "{histogram:?}");
}

/// A field of bytes, of a double, of a number below 128.
fn bytes(number: u8, inside: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, inside.len() as u8], inside].concat()
}

fn double(number: u8, value: f64) -> Vec<u8> {
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn small(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

fn family(kind: u8, value: &[u8]) -> Vec<u8> {
    let label = bytes(1, &[bytes(1, b"x"), bytes(2, b"1")].concat());
    let inside = [bytes(1, b"a"), small(3, kind), bytes(4, &[label, value.to_vec()].concat())].concat();
    [&[inside.len() as u8][..], &inside].concat()
}

/// A counter, a summary, and histograms of whole counts and of floats that count on, come down and begin anew.
pub fn seeds() -> Vec<Vec<u8>> {
    let whole = |count: u8, schema: u8, deltas: &[u8]| {
        let span = bytes(12, &[small(1, 2), small(2, deltas.len() as u8)].concat());
        let fields = [small(1, count), double(2, 6.5), small(5, schema), double(6, 1e-3), small(7, 1), span];
        family(4, &bytes(7, &[fields.concat(), bytes(13, deltas)].concat()))
    };
    let floats = |count: f64| {
        let span = bytes(9, &[small(1, 2), small(2, 1)].concat());
        family(5, &bytes(7, &[double(4, count), double(11, count), span].concat()))
    };
    let classic = bytes(3, &[small(1, 3), double(2, 0.5)].concat());
    vec![
        [family(0, &bytes(3, &double(1, 3.0))), family(2, &bytes(4, &[small(1, 9), double(2, 2.5)].concat()))].concat(),
        [whole(5, 0, &[4, 0]), whole(8, 0, &[4, 2, 1]), whole(7, 1, &[4, 4]), whole(2, 0, &[2])].concat(),
        [floats(1.5), floats(2.25)].concat(),
        family(4, &bytes(7, &[small(1, 4), classic].concat())),
    ]
}
