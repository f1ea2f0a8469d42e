//! The open chunk of a group: up to eight rows at a time, coded column by column and appended to one buffer.
//!
//! Layout of a segment: rows, columns, timestamps as distances, where each sixteen columns end, then per column a frame over its values, led by a mask
//! where not every row has one. A column's first value in the chunk stands alone, and so does one that follows a total
//! which no row has shown.

use std::ops::Range;

use crate::bytes::Input;
use crate::codec::{frame, times};
use crate::error::Damaged;

/// Rows per segment. More would compress better and cost 8 bytes a series each.
pub(crate) const ROWS: usize = 8;

/// Columns per group, so that a bit per column fits a u128.
pub(crate) const COLUMNS: usize = 128;

/// Columns that a reader of one passes over at once.
const STRIDE: usize = 16;

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
    let ends = out.len();
    out.resize(ends + 2 * width.div_ceil(STRIDE), 0);
    let body = out.len();
    for column in 0..width {
        if column > 0 && column % STRIDE == 0 {
            put_end(out, ends, column / STRIDE - 1, body);
        }
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
    if width > 0 {
        put_end(out, ends, (width - 1) / STRIDE, body);
    }
}

/// Writes the end of a stride. A segment is far below 64 KiB: 128 columns of eight floats are 8 KiB.
fn put_end(out: &mut [u8], ends: usize, stride: usize, body: usize) {
    let end = (out.len() - body) as u16;
    out[ends + 2 * stride..][..2].copy_from_slice(&end.to_le_bytes());
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

/// The bytes ahead of a segment's columns.
struct Head<'a> {
    width: usize,
    /// End of each stride.
    ends: &'a [u8],
}

/// Reads the head of a segment and replaces `times` with those of its rows.
fn head<'a>(input: &mut Input<'a>, times: &mut Vec<i64>) -> Result<Head<'a>, Damaged> {
    let [rows, width] = input.array()?.map(usize::from);
    if rows > ROWS || width > COLUMNS {
        return Err(Damaged("segment too large"));
    }
    let last_time = times.last().copied().unwrap_or_default();
    times.clear();
    times::decode(input, last_time, rows, times)?;
    Ok(Head { width, ends: input.slice(2 * width.div_ceil(STRIDE))? })
}

impl Head<'_> {
    /// Beginning and end of a stride, from the end of the head on.
    fn stride(&self, number: usize) -> Result<Range<usize>, Damaged> {
        let end = |at: usize| self.ends.get(2 * at..).and_then(<[u8]>::first_chunk).map(|end| u16::from_le_bytes(*end));
        let start = if number == 0 { Some(0) } else { end(number - 1) };
        start.zip(end(number)).map(|(start, end)| start.into()..end.into()).ok_or(Damaged("segment"))
    }

    fn strides(&self) -> usize {
        self.width.div_ceil(STRIDE)
    }
}

/// Beginnings of the segments of a buffer.
pub(crate) fn starts(bytes: &[u8]) -> Result<Vec<u32>, Damaged> {
    let (mut input, mut times, mut starts) = (Input(bytes), Vec::with_capacity(ROWS), Vec::new());
    while !input.is_empty() {
        starts.push((bytes.len() - input.0.len()) as u32);
        let head = head(&mut input, &mut times)?;
        let body = if head.strides() == 0 { 0 } else { head.stride(head.strides() - 1)?.end };
        input.slice(body)?;
    }
    Ok(starts)
}

/// Goes through a buffer of segments and hands over every column.
pub(crate) fn walk(bytes: &[u8], mut each: impl FnMut(Piece<'_>)) -> Result<(), Damaged> {
    let (mut input, mut times) = (Input(bytes), Vec::with_capacity(ROWS));
    let mut before = [0.0; COLUMNS];
    while !input.is_empty() {
        let head = head(&mut input, &mut times)?;
        let (rest, mut body) = (input.0, 0);
        for number in 0..head.strides() {
            let range = head.stride(number)?;
            body = range.end;
            let stride = rest.get(range).ok_or(Damaged("segment"))?;
            walk_stride(&mut Input(stride), &times, columns_of(&mut before, number, head.width), u128::MAX, &mut each)?;
        }
        input.slice(body)?;
    }
    Ok(())
}

/// Goes through a buffer of segments that begin at `starts` and hands over one column.
pub(crate) fn walk_column(
    bytes: &[u8],
    starts: &[u32],
    column: usize,
    mut each: impl FnMut(Piece<'_>),
) -> Result<(), Damaged> {
    // The heads are far apart. Touched together they come out of memory together, not one after another.
    let touched = starts.iter().fold(0, |all, &start| all ^ bytes.get(start as usize).copied().unwrap_or_default());
    std::hint::black_box(touched);
    let mut times = Vec::with_capacity(ROWS);
    let mut before = [0.0; COLUMNS];
    for &start in starts {
        let mut input = Input(bytes.get(start as usize..).ok_or(Damaged("segment"))?);
        let head = head(&mut input, &mut times)?;
        if column >= head.width {
            continue;
        }
        let stride = input.0.get(head.stride(column / STRIDE)?).ok_or(Damaged("segment"))?;
        let columns = columns_of(&mut before, column / STRIDE, head.width).take(column % STRIDE + 1);
        walk_stride(&mut Input(stride), &times, columns, 1 << column, &mut each)?;
    }
    Ok(())
}

/// The columns of a stride, each with its value ahead of the segment.
fn columns_of(before: &mut [f64; COLUMNS], stride: usize, width: usize) -> impl Iterator<Item = (usize, &mut f64)> {
    let first = stride * STRIDE;
    before[first..width.min(first + STRIDE)].iter_mut().enumerate().map(move |(at, before)| (first + at, before))
}

fn walk_stride<'b>(
    input: &mut Input<'_>,
    times: &[i64],
    columns: impl Iterator<Item = (usize, &'b mut f64)>,
    wanted: u128,
    each: &mut impl FnMut(Piece<'_>),
) -> Result<(), Damaged> {
    const ALL_FIRST: u8 = ALL - FIRST;
    const SOME_FIRST: u8 = SOME - FIRST;
    for (column, before) in columns {
        let (first, mask) = match input.u8()? {
            NONE => continue,
            mark @ (ALL | ALL_FIRST) => (mark == ALL_FIRST, ((1u16 << times.len()) - 1) as u8),
            mark @ (SOME | SOME_FIRST) => (mark == SOME_FIRST, input.u8()?),
            _ => return Err(Damaged("segment")),
        };
        let (bit, count) = (1u128 << column, mask.count_ones() as usize);
        let mut values = [0.0; ROWS];
        let mut known = 0;
        if first {
            *before = frame::first(input)?;
            values[0] = *before;
            known = 1;
        }
        if known < count {
            if wanted & bit == 0 {
                frame::skip(input, count - known)?;
            } else {
                frame::decode(input, *before, &mut values[known..count])?;
                *before = values[count - 1];
            }
        }
        if wanted & bit != 0 {
            each(Piece { column, times, mask, values: &values[..count] });
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
