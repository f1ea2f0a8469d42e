//! A histogram in the store, after a mark; what has none was written before there were exponential ones.

use weir_sample::{Histogram, OldHistogram};

use super::frame;
use crate::bytes::Input;
use crate::error::Damaged;

/// No float of [`frame`] begins so.
const MARK: u8 = 0xE1;

pub(crate) fn encode(out: &mut Vec<u8>, histogram: &Histogram) {
    out.push(MARK);
    histogram.encode(out);
}

pub(crate) fn decode(input: &mut Input<'_>) -> Result<Histogram, Damaged> {
    if input.0.first() != Some(&MARK) {
        return decode_old(input);
    }
    input.u8()?;
    Histogram::decode(&mut input.0).ok_or(Damaged("histogram"))
}

/// Totals, then bins as distances and weights.
fn decode_old(input: &mut Input<'_>) -> Result<Histogram, Damaged> {
    let mut totals = [0.0; 5];
    for total in &mut totals {
        *total = frame::first(input)?;
    }
    let [zero, count, sum, min, max] = totals;
    let (positive, negative) = (bins(input)?, bins(input)?);
    let old = OldHistogram { positive, negative, zero, count, sum, min, max };
    old.histogram().ok_or(Damaged("histogram"))
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
    use crate::bytes::{put_signed, put_varint};
    use proptest::prelude::*;

    #[test]
    fn histograms_of_before_are_read() {
        let mut out = Vec::new();
        [1.0, 4.0, 30.5, 0.0, 20.0].iter().for_each(|total| frame::put_first(&mut out, *total));
        // 20.0 three times: ln 20 / ln γ is 149.8.
        put_varint(&mut out, 1);
        put_signed(&mut out, 150);
        frame::put_first(&mut out, 3.0);
        put_varint(&mut out, 0);
        let histogram = decode(&mut Input(&out)).unwrap();
        assert_eq!((histogram.count(), histogram.sum(), histogram.min(), histogram.max()), (4.0, 30.5, 0.0, 20.0));
        assert!((histogram.quantile(0.9) / 20.0 - 1.0).abs() < 0.016, "{}", histogram.quantile(0.9));
    }

    proptest! {
        #[test]
        fn histograms_come_back(values in prop::collection::vec((-1e9..1e9f64, 0.1..5.0f64), 0..80)) {
            let mut histogram = Histogram::new();
            values.iter().for_each(|&(value, weight)| histogram.insert_weighted(value, weight));
            let mut out = Vec::new();
            encode(&mut out, &histogram);
            let back = decode(&mut Input(&out)).unwrap();
            prop_assert!(back.buckets().eq(histogram.buckets()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = decode(&mut Input(&bytes));
        }
    }
}
