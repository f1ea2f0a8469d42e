//! A native histogram as remote read and both versions of remote write have it: whole counts where all are whole, floats elsewhere.

use crate::pen::{bytes, double, message, number, varint, zigzag};
use weir_sample::{Histogram, Parts, ResetHint};

/// The fields of a `Histogram` message.
pub fn write(out: &mut Vec<u8>, histogram: &Histogram, time: i64) {
    let parts = histogram.parts();
    let whole = is_whole(&parts);
    let count = |out: &mut Vec<u8>, field: u32, count: f64| match whole {
        true => number(out, field, count as u64),
        false => double(out, field + 1, count),
    };
    count(out, 1, parts.count);
    double(out, 3, parts.sum);
    number(out, 4, zigzag(i64::from(parts.scale)));
    double(out, 5, parts.zero_threshold);
    count(out, 6, parts.zero);
    side(out, 8, &parts.negative, whole);
    side(out, 11, &parts.positive, whole);
    number(out, 14, hint(&parts));
    number(out, 15, time as u64);
    if !parts.bounds.is_empty() {
        let bounds: Vec<u8> = parts.bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect();
        bytes(out, 16, &bounds);
    }
}

/// Whether all counts are whole numbers, which are coded shorter.
pub(crate) fn is_whole(parts: &Parts) -> bool {
    let is_whole = |count: f64| count.fract() == 0.0 && count.abs() < MOST_EXACT;
    let buckets = parts.negative.iter().chain(&parts.positive).map(|(_, count)| *count);
    buckets.chain([parts.count, parts.zero]).all(is_whole)
}

/// Buckets in spans, of whole counts the difference to the one before: three fields, the first given.
pub(crate) fn side(out: &mut Vec<u8>, field: u32, buckets: &[(i32, f64)], whole: bool) {
    let mut next = 0;
    for span in buckets.chunk_by(|a, b| a.0 + 1 == b.0) {
        message(out, field, |out| {
            number(out, 1, zigzag(i64::from(span[0].0) - next));
            number(out, 2, span.len() as u64);
        });
        next = i64::from(span[0].0) + span.len() as i64;
    }
    let mut counts = Vec::with_capacity(buckets.len() * 2);
    let mut before = 0;
    for (_, count) in buckets {
        if whole {
            varint(&mut counts, zigzag(*count as i64 - before));
            before = *count as i64;
        } else {
            counts.extend_from_slice(&count.to_le_bytes());
        }
    }
    if !counts.is_empty() {
        bytes(out, if whole { field + 1 } else { field + 2 }, &counts);
    }
}

const fn hint(parts: &Parts) -> u64 {
    match parts.hint {
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
        ResetHint::Delta | ResetHint::Unknown => 0,
    }
}

/// Counts below that are exact in a float.
const MOST_EXACT: f64 = (1_u64 << 53) as f64;

#[cfg(test)]
#[cfg(feature = "remote-write")]
mod tests {
    use crate::remote_write::read_histogram;

    use super::*;

    fn check(parts: Parts) {
        let expected = parts.histogram().unwrap();
        let mut bytes = Vec::new();
        write(&mut bytes, &expected, -7);
        assert_eq!(read_histogram(&bytes).unwrap(), (-7, Some(expected)));
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let parts = |count: f64, positive: &[(i32, f64)], negative: &[(i32, f64)]| Parts {
            scale: 6,
            hint: ResetHint::NotReset,
            zero_threshold: 0.0,
            zero: 1.0,
            count,
            sum: 2.5,
            positive: positive.to_vec(),
            negative: negative.to_vec(),
            bounds: Vec::new(),
        };
        check(parts(1.0, &[], &[]));
        check(parts(10.0, &[(-70, 2.0), (-69, 1.0), (5, 3.0)], &[(0, 3.0)]));
        check(parts(1.0 + 0.25 + 1.5, &[(1, 0.25)], &[(-3, 1.5)]));
        check(Parts { hint: ResetHint::Reset, ..parts(1.0, &[], &[]) });
        let own = Parts {
            scale: weir_sample::CUSTOM_BOUNDS,
            zero: 0.0,
            bounds: vec![0.5, 1.0],
            ..parts(3.0, &[(0, 1.0), (2, 2.0)], &[])
        };
        check(Parts { hint: ResetHint::Unknown, ..own });
        check(Parts { hint: ResetHint::Gauge, ..parts(2.0, &[(1, 1.0)], &[]) });
    }
}
