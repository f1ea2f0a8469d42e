//! A histogram as bytes: its totals, then its bins as distances and weights.

use weir_sample::{Histogram, HistogramParts};

use super::frame;
use crate::bytes::{Input, put_signed, put_varint};
use crate::error::Damaged;

pub(crate) fn encode(out: &mut Vec<u8>, histogram: &Histogram) {
    let parts = histogram.to_parts();
    for total in [parts.zero, parts.count, parts.sum, parts.min, parts.max] {
        frame::put_first(out, total);
    }
    for bins in [&parts.positive, &parts.negative] {
        put_varint(out, bins.len() as u64);
        let mut previous = 0;
        for &(bin, weight) in bins {
            put_signed(out, i64::from(bin) - previous);
            frame::put_first(out, weight);
            previous = bin.into();
        }
    }
}

pub(crate) fn decode(input: &mut Input<'_>) -> Result<Histogram, Damaged> {
    let mut totals = [0.0; 5];
    for total in &mut totals {
        *total = frame::first(input)?;
    }
    let [zero, count, sum, min, max] = totals;
    let (positive, negative) = (bins(input)?, bins(input)?);
    Histogram::from_parts(&HistogramParts { positive, negative, zero, count, sum, min, max })
        .ok_or(Damaged("histogram"))
}

fn bins(input: &mut Input<'_>) -> Result<Vec<(i32, f64)>, Damaged> {
    let count = input.count(3)?;
    let mut previous = 0i64;
    let bin = |_| {
        previous = previous.wrapping_add(input.signed()?);
        let bin = i32::try_from(previous).map_err(|_| Damaged("bin out of range"))?;
        Ok((bin, frame::first(input)?))
    };
    (0..count).map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn histograms_come_back(values in prop::collection::vec((-1e9..1e9f64, 0.1..5.0f64), 0..80)) {
            let mut histogram = Histogram::new();
            values.iter().for_each(|&(value, weight)| histogram.insert_weighted(value, weight));
            let mut out = Vec::new();
            encode(&mut out, &histogram);
            let back = decode(&mut Input(&out)).unwrap();
            prop_assert_eq!(back.to_parts(), histogram.to_parts());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = decode(&mut Input(&bytes));
        }
    }
}
