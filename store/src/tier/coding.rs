//! Points as bytes: the columns one after another, those left out that follow from others.
//!
//! The columns of a gauge whose values are all decimals are coded as what they differ by: smallest and largest from the
//! last, the sum from what the middle of both would give. These differences are small and mostly very small.

use weir_sample::Kind;

use super::points::{Columns, LAST, MAX, MIN, Points, SUM};
use crate::Hint;
use crate::bytes::{Input, put_varint};
use crate::codec::{frame, histogram, rice};
use crate::disk::page::{Entry, Page};
use crate::error::Damaged;

/// Every point of a gauge has samples of one value only.
const STEADY: u8 = 1;
/// A counter was reset.
const RESET: u8 = 2;
/// Every point has as many samples: that number follows.
const EVEN: u8 = 8;
/// The number of decimals follows; sum, smallest and largest are differences.
const DIFFERENCES: u8 = 4;

/// Appends the columns of points.
pub(crate) fn encode(out: &mut Vec<u8>, points: &Points) {
    match &points.columns {
        Columns::Counter { first, points: [counts, totals, resets] } => {
            let reset = resets.iter().any(|&reset| reset != 0.0);
            let even = even(counts);
            out.push(if reset { RESET } else { 0 } | even.map_or(0, |_| EVEN));
            frame::put_first(out, *first);
            frame::encode_all(out, totals);
            if reset {
                frame::encode_all(out, resets);
            }
            put_counts(out, counts, even);
        }
        Columns::Gauge(columns) => encode_gauge(out, columns),
        Columns::Distribution(histograms) => histogram::encode_all(out, histograms),
    }
}

fn encode_gauge(out: &mut Vec<u8>, columns: &[Vec<f64>; 5]) {
    let [counts, sums, smallest, largest, last] = columns;
    let even = even(counts);
    let even_flag = even.map_or(0, |_| EVEN);
    if (0..last.len()).all(|at| is_steady(columns, at)) {
        out.push(STEADY | even_flag);
        frame::encode_all(out, last);
        return put_counts(out, counts, even);
    }
    let Some((decimals, differences)) = differences(columns) else {
        out.push(even_flag);
        frame::encode_all(out, last);
        put_counts(out, counts, even);
        return [sums, smallest, largest].into_iter().for_each(|column| frame::encode_all(out, column));
    };
    out.extend_from_slice(&[DIFFERENCES | even_flag, decimals]);
    frame::encode_all(out, last);
    put_counts(out, counts, even);
    differences.iter().for_each(|column| rice::encode(out, column));
}

/// The number of samples, if it is the same in every point.
fn even(counts: &[f64]) -> Option<u64> {
    let first = frame::integer(*counts.first()?, 0).and_then(|count| u64::try_from(count).ok())?;
    counts.iter().all(|count| count.to_bits() == counts[0].to_bits()).then_some(first)
}

fn put_counts(out: &mut Vec<u8>, counts: &[f64], even: Option<u64>) {
    match even {
        Some(count) => put_varint(out, count),
        None => frame::encode_all(out, counts),
    }
}

fn counts(input: &mut Input<'_>, count: usize, flags: u8) -> Result<Vec<f64>, Damaged> {
    if flags & EVEN == 0 { column(input, count) } else { Ok(vec![input.varint()? as f64; count]) }
}

fn is_steady(columns: &[Vec<f64>; 5], at: usize) -> bool {
    let last = columns[LAST][at].to_bits();
    let sum = columns[LAST][at] * columns[0][at];
    [columns[MIN][at], columns[MAX][at]].iter().all(|value| value.to_bits() == last)
        && columns[SUM][at].to_bits() == sum.to_bits()
}

/// Decimals that all columns have in common, and how far smallest, largest and sum are from what is expected of them.
fn differences(columns: &[Vec<f64>; 5]) -> Option<(u8, [Vec<i64>; 3])> {
    let [counts, sums, smallest, largest, last] = columns;
    let decimals = frame::decimals_of([sums, smallest, largest, last].into_iter().flatten().copied())?;
    let integer = |value| frame::integer(value, decimals);
    let (mut below, mut above, mut off) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..last.len() {
        let (min, max, last) = (integer(smallest[at])?, integer(largest[at])?, integer(last[at])?);
        below.push(last - min);
        above.push(max - last);
        off.push(integer(sums[at])?.wrapping_sub(middle(frame::integer(counts[at], 0)?, min, max)));
    }
    Some((decimals as u8, [below, above, off]))
}

/// What the sum would be if the samples lay evenly between smallest and largest.
const fn middle(count: i64, min: i64, max: i64) -> i64 {
    count.wrapping_mul(min.wrapping_add(max)) / 2
}

/// Reads the points of one series of a page, with the columns that a purpose needs or all. What was left out is empty.
pub(crate) fn decode(page: &Page, entry: &Entry, purpose: Option<Hint>) -> Result<Points, Damaged> {
    let times = page.times(entry)?;
    let mut input = Input(page.content(entry));
    let columns = match entry.kind {
        Kind::Distribution => Columns::Distribution(histogram::decode_some(&mut input, 0..times.len())?),
        Kind::Counter => decode_counter(&mut input, times.len(), purpose)?,
        Kind::Gauge | Kind::Set => decode_gauge(&mut input, times.len(), purpose)?,
    };
    Ok(Points { times: times.to_vec(), columns })
}

fn decode_counter(input: &mut Input<'_>, count: usize, purpose: Option<Hint>) -> Result<Columns, Damaged> {
    let flags = input.u8()?;
    let first = frame::first(input)?;
    let totals = column(input, count)?;
    let resets = if flags & RESET == 0 { vec![0.0; count] } else { column(input, count)? };
    let counts = match purpose {
        None | Some(Hint::Count | Hint::Sum) => counts(input, count, flags)?,
        Some(_) => Vec::new(),
    };
    Ok(Columns::Counter { first, points: [counts, totals, resets] })
}

fn decode_gauge(input: &mut Input<'_>, count: usize, purpose: Option<Hint>) -> Result<Columns, Damaged> {
    let flags = input.u8()?;
    let decimals = if flags & DIFFERENCES == 0 { 0 } else { frame::decimals(input.u8()?, 0)? };
    let last = column(input, count)?;
    let none = Vec::new;
    if let Some(Hint::Raw | Hint::Increase | Hint::Extremes) = purpose {
        return Ok(Columns::Gauge([none(), none(), none(), none(), last]));
    }
    let counts = counts(input, count, flags)?;
    if flags & STEADY != 0 {
        let sums = last.iter().zip(&counts).map(|(last, count)| last * count).collect();
        return Ok(Columns::Gauge([counts, sums, last.clone(), last.clone(), last]));
    }
    if let Some(Hint::Count) = purpose {
        return Ok(Columns::Gauge([counts, none(), none(), none(), last]));
    }
    let [sums, smallest, largest] = match flags & DIFFERENCES {
        0 => [column(input, count)?, column(input, count)?, column(input, count)?],
        _ => decode_differences(input, decimals, &counts, &last, purpose)?,
    };
    Ok(Columns::Gauge([counts, sums, smallest, largest, last]))
}

/// Sums, smallest and largest.
fn decode_differences(
    input: &mut Input<'_>,
    decimals: usize,
    counts: &[f64],
    last: &[f64],
    purpose: Option<Hint>,
) -> Result<[Vec<f64>; 3], Damaged> {
    let count = last.len();
    let floats = |integers: &[i64]| integers.iter().map(|&integer| frame::float(integer, decimals)).collect();
    let integers = last.iter().map(|&value| frame::integer(value, decimals));
    let last: Vec<i64> = integers.collect::<Option<_>>().ok_or(Damaged("decimals"))?;
    let (mut smallest, mut largest, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    rice::decode(input, count, |below| smallest.push(last[smallest.len()].wrapping_sub(below)))?;
    if purpose == Some(Hint::Min) {
        return Ok([Vec::new(), floats(&smallest), Vec::new()]);
    }
    rice::decode(input, count, |above| largest.push(last[largest.len()].wrapping_add(above)))?;
    if purpose == Some(Hint::Max) {
        return Ok([Vec::new(), Vec::new(), floats(&largest)]);
    }
    rice::decode(input, count, |off| {
        let at = sums.len();
        sums.push(middle(counts[at] as i64, smallest[at], largest[at]).wrapping_add(off));
    })?;
    Ok([floats(&sums), floats(&smallest), floats(&largest)])
}

fn column(input: &mut Input<'_>, count: usize) -> Result<Vec<f64>, Damaged> {
    let mut values = Vec::with_capacity(count);
    frame::decode_all(input, count, &mut values)?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;
    use crate::codec::times;
    use crate::disk::page::PageBuilder;
    use crate::tier::run::Run;
    use proptest::prelude::*;

    fn page(kind: Kind, points: &Points) -> Page {
        let (mut coded, mut content, mut out) = (Vec::new(), Vec::new(), Vec::new());
        times::encode_all(&mut coded, &points.times);
        encode(&mut content, points);
        let mut builder = PageBuilder::default();
        builder.push(1, kind, (points.times[0], points.times[points.times.len() - 1]), &coded, &content);
        builder.finish(&mut out);
        Page::parse(out).unwrap()
    }

    fn bits(run: Run) -> Vec<(i64, u64)> {
        let Column::Floats(values) = run.values else { panic!("not floats") };
        run.times.into_iter().zip(values.into_iter().map(f64::to_bits)).collect()
    }

    const PURPOSES: [Hint; 7] =
        [Hint::Raw, Hint::Increase, Hint::Extremes, Hint::Min, Hint::Max, Hint::Sum, Hint::Count];

    proptest! {
        #[test]
        fn points_come_back_whole_and_by_purpose(
            samples in prop::collection::vec(prop_oneof![
                (-100_000i64..100_000).prop_map(|value| value as f64 / 1_000.0),
                (0i64..4).prop_map(|value| value as f64),
                prop::sample::select(vec![f64::NAN, f64::INFINITY, -0.0, 1e300, 1.0 / 3.0]),
            ], 1..300),
            odd in any::<bool>(),
            counter in any::<bool>(),
        ) {
            let values = samples.into_iter().filter(|value| odd || (value * 1_000.0).fract() == 0.0);
            let values: Vec<f64> = values.chain([1.0]).collect();
            let times = (0..values.len() as i64).map(|at| at * 17).collect();
            let kind = if counter { Kind::Counter } else { Kind::Gauge };
            let points = Points::of(kind, &Run { times, values: Column::Floats(values) }, 60);
            let page = page(kind, &points);
            let entry = page.entries()[0];
            for purpose in PURPOSES {
                let expected = bits(points.clone().read(purpose));
                prop_assert_eq!(&bits(decode(&page, &entry, Some(purpose)).unwrap().read(purpose)), &expected);
                prop_assert_eq!(&bits(decode(&page, &entry, None).unwrap().read(purpose)), &expected);
            }
        }
    }

    #[test]
    fn a_gauge_of_decimals_is_small() {
        let mut random = 1u64;
        let mut walk = 500_000i64;
        let values: Vec<f64> = (0..6 * 6_400)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                walk += (random >> 56) as i64 - 127;
                walk as f64 / 100.0
            })
            .collect();
        let times = (1..=values.len() as i64).map(|at| at * 10).collect();
        let points = Points::of(Kind::Gauge, &Run { times, values: Column::Floats(values) }, 60);
        let mut out = Vec::new();
        encode(&mut out, &points);
        assert!(out.len() < 46 * points.times.len() / 10, "{} bytes for {} points", out.len(), points.times.len());
    }
}
