//! The open chunk of a group: up to eight rows at a time, coded column by column and appended to one buffer.
//!
//! Layout of a segment: rows, columns, timestamps as distances, then per column a frame over its values, led by a mask
//! where not every row has one. A column's first value in the chunk stands alone, and so does one that follows a total
//! which no row has shown.

use crate::bytes::Input;
use crate::codec::{frame, times};
use crate::error::Damaged;

/// Rows per segment. More would compress better and cost 8 bytes a series each.
pub(crate) const ROWS: usize = 8;

/// Columns per group, so that a bit per column fits a u128.
pub(crate) const COLUMNS: usize = 128;

/// In place of a frame's tag: the column has no value in this segment.
const NONE: u8 = 0xff;
/// Next byte is a mask of the rows that have a value.
const SOME: u8 = 0xfe;
/// Every row has a value.
const ALL: u8 = 0xfd;
/// Taken off one of the two marks above: the first value stands alone.
const FIRST: u8 = 2;

/// Columns whose last value in the buffer is the one ahead of the rows to come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen(pub u128);

/// Appends rows to the buffer. `before` are the latest values of each column ahead of these rows; `values` is row by
/// row, `before.len()` wide.
pub(crate) fn append(
    out: &mut Vec<u8>,
    seen: &mut Seen,
    last_time: i64,
    times_of_rows: &[i64],
    present: &[u128],
    before: &[f64],
    values: &[f64],
) {
    let (width, rows) = (before.len(), times_of_rows.len());
    debug_assert!(rows <= ROWS && width <= COLUMNS && values.len() == rows * width);
    out.extend_from_slice(&[rows as u8, width as u8]);
    times::encode(out, last_time, times_of_rows);
    for column in 0..width {
        let bit = 1u128 << column;
        let (mut mask, mut gathered, mut count) = (0u8, [0.0; ROWS], 0);
        for row in 0..rows {
            if present[row] & bit != 0 {
                mask |= 1 << row;
                gathered[count] = values[row * width + column];
                count += 1;
            }
        }
        let gathered = &gathered[..count];
        let first = if seen.0 & bit == 0 { FIRST } else { 0 };
        match count {
            0 => {
                out.push(NONE);
                continue;
            }
            _ if count == rows => out.push(ALL - first),
            _ => out.extend_from_slice(&[SOME - first, mask]),
        }
        if seen.0 & bit != 0 {
            frame::encode(out, before[column], gathered);
        } else {
            seen.0 |= bit;
            frame::put_first(out, gathered[0]);
            if count > 1 {
                frame::encode(out, gathered[0], &gathered[1..]);
            }
        }
    }
}

/// One column's values in one segment.
pub(crate) struct Piece<'a> {
    pub column: usize,
    /// Timestamps of all rows of the segment.
    pub times: &'a [i64],
    /// Rows that have a value.
    pub mask: u8,
    pub values: &'a [f64],
}

/// Goes through a buffer of segments and hands over the columns in `wanted`.
pub(crate) fn walk(
    bytes: &[u8],
    mut last_time: i64,
    wanted: u128,
    mut each: impl FnMut(Piece<'_>),
) -> Result<(), Damaged> {
    let (mut input, mut times) = (Input(bytes), Vec::with_capacity(ROWS));
    let mut before_all = [0.0; COLUMNS];
    while !input.is_empty() {
        let [rows, width] = input.array()?.map(usize::from);
        if rows > ROWS || width > COLUMNS {
            return Err(Damaged("segment too large"));
        }
        times.clear();
        times::decode(&mut input, last_time, rows, &mut times)?;
        last_time = times.last().copied().unwrap_or(last_time);
        for (column, before) in before_all.iter_mut().enumerate().take(width) {
            const ALL_FIRST: u8 = ALL - FIRST;
            const SOME_FIRST: u8 = SOME - FIRST;
            let (first, mask) = match input.u8()? {
                NONE => continue,
                mark @ (ALL | ALL_FIRST) => (mark == ALL_FIRST, ((1u16 << rows) - 1) as u8),
                mark @ (SOME | SOME_FIRST) => (mark == SOME_FIRST, input.u8()?),
                _ => return Err(Damaged("segment")),
            };
            let (bit, count) = (1u128 << column, mask.count_ones() as usize);
            let mut values = [0.0; ROWS];
            let mut known = 0;
            if first {
                *before = frame::first(&mut input)?;
                values[0] = *before;
                known = 1;
            }
            if known < count {
                if wanted & bit == 0 {
                    frame::skip(&mut input, count - known)?;
                } else {
                    frame::decode(&mut input, *before, &mut values[known..count])?;
                    *before = values[count - 1];
                }
            }
            if wanted & bit != 0 {
                each(Piece { column, times: &times, mask, values: &values[..count] });
            }
        }
    }
    Ok(())
}

impl Piece<'_> {
    /// Timestamps and values of the rows that have one.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let mut mask = self.mask;
        self.values.iter().map(move |&value| {
            let row = mask.trailing_zeros() as usize;
            mask &= mask.wrapping_sub(1);
            (self.times.get(row).copied().unwrap_or_default(), value)
        })
    }
}
