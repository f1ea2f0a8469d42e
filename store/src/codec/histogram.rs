//! A histogram in the store, after a mark; what has none was written before there were exponential ones.
//!
//! In a column of histograms that count on, each is what it has more than the one before, behind a mark of its own, where that
//! brings it back to the bit.

use std::ops::Range;

use weir_sample::{Histogram, OldHistogram, ResetHint};

use super::frame;
use crate::bytes::{Input, put_block};
use crate::error::Damaged;

/// No float of [`frame`] begins so.
const MARK: u8 = 0xE1;
/// What follows is a difference.
const MORE: u8 = 0xE2;

pub(crate) fn encode(out: &mut Vec<u8>, histogram: &Histogram) {
    out.push(MARK);
    histogram.encode(out);
}

/// Appends histograms, each as a block.
pub(crate) fn encode_all<'h>(out: &mut Vec<u8>, histograms: impl IntoIterator<Item = &'h Histogram>) {
    let (mut before, mut coded): (Option<&Histogram>, _) = (None, Vec::new());
    for histogram in histograms {
        coded.clear();
        match before.and_then(|before| histogram.since(before)) {
            Some(more) => {
                coded.push(MORE);
                more.encode(&mut coded);
            }
            None => encode(&mut coded, histogram),
        }
        put_block(out, &coded);
        before = Some(histogram);
    }
}

/// Appends histograms that [`encode`] coded, as [`encode_all`] would: those of windows as they are.
pub(crate) fn encode_coded<'c>(
    out: &mut Vec<u8>,
    coded: impl Iterator<Item = &'c [u8]> + Clone,
) -> Result<(), Damaged> {
    if coded.clone().all(holds_window) {
        coded.for_each(|coded| put_block(out, coded));
        return Ok(());
    }
    let histograms = coded.map(|coded| decode(&mut Input(coded))).collect::<Result<Vec<_>, _>>()?;
    encode_all(out, &histograms);
    Ok(())
}

/// Whether a coded histogram is one of a window with buckets of a scale: the others say more of themselves.
fn holds_window(coded: &[u8]) -> bool {
    coded.first() != Some(&MARK) || coded.get(2).is_none_or(|scale| *scale != 0x40)
}

/// Reads those wanted of so many histograms as [`encode_all`] wrote them, and passes over the others.
pub(crate) fn decode_some(input: &mut Input<'_>, wanted: Range<usize>) -> Result<Vec<Histogram>, Damaged> {
    // A page may overlap what is read where this series does not.
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let blocks = (0..wanted.end).map(|_| input.block()).collect::<Result<Vec<_>, _>>()?;
    let is_whole = |at: &usize| blocks[*at].first() != Some(&MORE);
    let first = (0..=wanted.start.min(blocks.len().saturating_sub(1))).rev().find(is_whole).unwrap_or(0);
    let mut histograms: Vec<Histogram> = Vec::with_capacity(wanted.len());
    let mut before: Option<Histogram> = None;
    for (at, block) in blocks.iter().enumerate().skip(first) {
        let mut input = Input(block);
        let histogram = match block.first() {
            Some(&MORE) => {
                input.u8()?;
                let more = Histogram::decode(&mut input.0).ok_or(Damaged("histogram"))?;
                before.as_ref().map(|before| more.after(before)).ok_or(Damaged("difference of no histogram"))?
            }
            _ => decode(&mut input)?,
        };
        if histogram.hint() != ResetHint::Delta {
            before = Some(histogram.clone());
        }
        if at >= wanted.start {
            histograms.push(histogram);
        }
    }
    Ok(histograms)
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
    fn none_is_read_before_the_first() {
        let mut out = Vec::new();
        encode_all(&mut out, &[Histogram::new()]);
        assert_eq!(decode_some(&mut Input(&out), 0..0).unwrap(), []);
    }

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

    /// A histogram as another system sends it, which knows neither its smallest nor its largest value.
    fn received(values: &[f64]) -> Histogram {
        let mut histogram = Histogram::new();
        values.iter().for_each(|&value| histogram.insert(value));
        let mut unranged = Histogram::new().with_hint(ResetHint::Unknown);
        unranged.plus(&histogram).unwrap();
        unranged
    }

    #[test]
    fn histograms_that_count_on_take_what_they_have_more() {
        let mut total = received(&[0.5; 1_000]);
        for at in 1..400 {
            total.plus(&received(&[f64::from(at) * 0.37])).unwrap();
        }
        let all: Vec<Histogram> = (0..30)
            .map(|at| {
                total.plus(&received(&[f64::from(at) + 0.5])).unwrap();
                total.clone().with_hint(ResetHint::Unknown)
            })
            .collect();
        let (mut column, mut singly) = (Vec::new(), Vec::new());
        encode_all(&mut column, &all);
        all.iter().for_each(|one| encode(&mut singly, one));
        assert!(column.len() * 8 < singly.len(), "{} of {} bytes", column.len(), singly.len());
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
        fn columns_come_back_to_the_bit(
            steps in prop::collection::vec((prop::collection::vec(0.001..1e6f64, 0..6), 0..4u8), 1..12),
            from in 0..12usize,
            hint in prop_oneof![Just(ResetHint::Delta), Just(ResetHint::Unknown), Just(ResetHint::Gauge)],
        ) {
            let (mut total, mut all) = (received(&[]), Vec::new());
            for (values, turn) in &steps {
                // Now and then counting begins anew.
                if *turn == 0 {
                    total = received(&[]);
                }
                total.plus(&received(values)).unwrap();
                all.push(total.clone().with_hint(hint));
            }
            let mut out = Vec::new();
            encode_all(&mut out, &all);
            let mut singly = Vec::new();
            let coded: Vec<Vec<u8>> = all.iter().map(|one| { let mut out = Vec::new(); encode(&mut out, one); out }).collect();
            encode_coded(&mut singly, coded.iter().map(Vec::as_slice)).unwrap();
            prop_assert_eq!(&singly, &out);
            let from = from.min(all.len());
            let back = decode_some(&mut Input(&out), from..all.len()).unwrap();
            prop_assert_eq!(back, &all[from..]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = decode(&mut Input(&bytes));
            let _ = decode_some(&mut Input(&bytes), 1..3);
        }
    }
}
