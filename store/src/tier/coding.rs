//! Points as bytes: the columns one after another, those left out that follow from others.

use weir_sample::Kind;

use super::points::{Columns, LAST, MAX, MIN, Points, SUM};
use crate::bytes::{Input, put_block};
use crate::codec::{frame, sketch};
use crate::disk::page::{Entry, Page};
use crate::error::Damaged;

/// Every point of a gauge has samples of one value only.
const STEADY: u8 = 1;
/// A counter was reset.
const RESET: u8 = 2;

/// Appends the columns of points.
pub(crate) fn encode(out: &mut Vec<u8>, points: &Points) {
    match &points.columns {
        Columns::Counter { first, points: [counts, totals, resets] } => {
            let reset = resets.iter().any(|&reset| reset != 0.0);
            out.push(if reset { RESET } else { 0 });
            frame::put_first(out, *first);
            frame::encode_all(out, counts);
            frame::encode_all(out, totals);
            if reset {
                frame::encode_all(out, resets);
            }
        }
        Columns::Gauge(columns) => {
            let steady = (0..points.times.len()).all(|at| is_steady(columns, at));
            out.push(if steady { STEADY } else { 0 });
            frame::encode_all(out, &columns[0]);
            frame::encode_all(out, &columns[LAST]);
            if !steady {
                [SUM, MIN, MAX].iter().for_each(|&column| frame::encode_all(out, &columns[column]));
            }
        }
        Columns::Distribution(sketches) => {
            let mut coded = Vec::new();
            for one in sketches {
                coded.clear();
                sketch::encode(&mut coded, one);
                put_block(out, &coded);
            }
        }
    }
}

fn is_steady(columns: &[Vec<f64>; 5], at: usize) -> bool {
    let last = columns[LAST][at].to_bits();
    let sum = columns[LAST][at] * columns[0][at];
    [columns[MIN][at], columns[MAX][at]].iter().all(|value| value.to_bits() == last)
        && columns[SUM][at].to_bits() == sum.to_bits()
}

/// Reads the points of one series of a page.
pub(crate) fn decode(page: &Page, entry: &Entry) -> Result<Points, Damaged> {
    let times = page.times(entry)?;
    let mut input = Input(page.content(entry));
    let columns = match entry.kind {
        Kind::Distribution => {
            let one = |_| sketch::decode(&mut Input(input.block()?));
            Columns::Distribution((0..times.len()).map(one).collect::<Result<_, _>>()?)
        }
        Kind::Counter => decode_counter(&mut input, times.len())?,
        Kind::Gauge | Kind::Set => decode_gauge(&mut input, times.len())?,
    };
    Ok(Points { times, columns })
}

fn decode_counter(input: &mut Input<'_>, count: usize) -> Result<Columns, Damaged> {
    let flags = input.u8()?;
    let first = frame::first(input)?;
    let (counts, totals) = (column(input, count)?, column(input, count)?);
    let resets = if flags & RESET == 0 { vec![0.0; count] } else { column(input, count)? };
    Ok(Columns::Counter { first, points: [counts, totals, resets] })
}

fn decode_gauge(input: &mut Input<'_>, count: usize) -> Result<Columns, Damaged> {
    let flags = input.u8()?;
    let (counts, last) = (column(input, count)?, column(input, count)?);
    if flags & STEADY != 0 {
        let sums = last.iter().zip(&counts).map(|(last, count)| last * count).collect();
        return Ok(Columns::Gauge([counts, sums, last.clone(), last.clone(), last]));
    }
    let (sums, smallest, largest) = (column(input, count)?, column(input, count)?, column(input, count)?);
    Ok(Columns::Gauge([counts, sums, smallest, largest, last]))
}

fn column(input: &mut Input<'_>, count: usize) -> Result<Vec<f64>, Damaged> {
    let mut values = Vec::with_capacity(count);
    frame::decode_all(input, count, &mut values)?;
    Ok(values)
}
