//! What families tell of themselves: type, unit and help.

use weir_sample::{Metadata, MetricType, is_name};

use super::family::{COUNTER, GAUGE, GAUGE_HISTOGRAM, HISTOGRAM, SUMMARY};
use crate::protobuf::{Fields, Malformed, text, whole};
use crate::text::Described;

/// What all families of an answer tell. Those that cannot be read are passed over.
pub fn describe(bytes: &[u8]) -> Described {
    let (mut stream, mut described) = (Fields(bytes), Described::default());
    while let Some(family) = stream.delimited() {
        if let Ok((name, told)) = family.and_then(read) {
            described.put(name, told);
        }
    }
    described
}

fn read(family: &[u8]) -> Result<(&str, Metadata), Malformed> {
    let (mut name, mut kind, mut told) = ("", COUNTER, Metadata::default());
    for field in Fields(family) {
        match field? {
            (1, field) => name = text(field)?,
            (2, field) => text(field)?.clone_into(&mut told.help),
            (3, field) => kind = whole(field)?,
            (5, field) => text(field)?.clone_into(&mut told.unit),
            _ => {}
        }
    }
    told.kind = match kind {
        COUNTER => MetricType::Counter,
        GAUGE => MetricType::Gauge,
        SUMMARY => MetricType::Summary,
        HISTOGRAM => MetricType::Histogram,
        GAUGE_HISTOGRAM => MetricType::GaugeHistogram,
        _ => MetricType::Unknown,
    };
    if is_name(name) { Ok((name, told)) } else { Err(Malformed("the name of a family is not legal")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_tell_type_unit_and_help_and_those_that_cannot_be_read_nothing() {
        let family = |name: &str, kind: &[u8]| {
            let of = |number: u8, text: &str| [&[number << 3 | 2, text.len() as u8], text.as_bytes()].concat();
            let inside = [of(1, name), of(2, "Time \u{e9}."), kind.to_vec(), of(5, "seconds")].concat();
            [&[inside.len() as u8][..], &inside].concat()
        };
        let stream = [family("a", &[24, 4]), family("", &[24, 1]), family("b", &[]), family("c", &[24, 9]), vec![9, 1]];
        let told = describe(&stream.concat())
            .into_told()
            .map(|(name, Metadata { kind, unit, help })| format!("{name} {} [{unit}] {help}", kind.word()));
        let expected = [
            "a histogram [seconds] Time \u{e9}.",
            "b counter [seconds] Time \u{e9}.",
            "c unknown [seconds] Time \u{e9}.",
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
