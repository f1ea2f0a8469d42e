//! A few consecutive floats of one series, coded by what they look like: all the same, decimals, or arbitrary bits.
//!
//! Layout: a tag, then by tag
//! - `SAME`: nothing; every value has the bits of the one before the frame.
//! - `XOR`: leading zeros, width, then each value's bits xored with those of the one before, cut to the bits that differ.
//! - `DECIMAL + d`: values are integers over `10^d`. Width, the smallest difference of neighbours, then every
//!   difference less the smallest, packed. `SHIFTED + d`: the same after a shift that all differences allow.

use std::ops::Range;

use super::bits;
use crate::bytes::{Input, put_signed};
use crate::error::Damaged;

/// Most values in one frame: one header for 64 values costs little, and the width still follows the data.
pub(crate) const FRAME: usize = 64;

/// Values after which the coding starts anew, so that a reader of a few need not begin at the first.
const STRETCH: usize = 1 + 8 * FRAME;

const SAME: u8 = 0;
const XOR: u8 = 1;
const RAW: u8 = 2;
const DECIMAL: u8 = 16;
const SHIFTED: u8 = 32;

const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Integers at or beyond this are not exact in an f64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Appends one value that has none before it.
pub(crate) fn put_first(out: &mut Vec<u8>, value: f64) {
    for d in 0..POWERS.len() {
        if let Some(integer) = integer(value, d) {
            out.push(DECIMAL + d as u8);
            return put_signed(out, integer);
        }
    }
    out.push(RAW);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Reads what [`put_first`] wrote.
pub(crate) fn first(input: &mut Input<'_>) -> Result<f64, Damaged> {
    match input.u8()? {
        RAW => input.f64(),
        tag => Ok(float(input.signed()?, decimals(tag, DECIMAL)?)),
    }
}

/// Appends up to [`FRAME`] values that follow `before`. There must be at least one.
pub(crate) fn encode(out: &mut Vec<u8>, before: f64, values: &[f64]) {
    debug_assert!((1..=FRAME).contains(&values.len()));
    if values.iter().all(|value| value.to_bits() == before.to_bits()) {
        out.push(SAME);
    } else if !encode_decimal(out, before, values) {
        encode_xor(out, before, values);
    }
}

/// Reads `values.len()` values that follow `before`.
pub(crate) fn decode(input: &mut Input<'_>, before: f64, values: &mut [f64]) -> Result<(), Damaged> {
    debug_assert!(values.len() <= FRAME);
    match input.u8()? {
        SAME => values.fill(before),
        XOR => decode_xor(input, before, values)?,
        tag if tag < SHIFTED => decode_decimal(input, decimals(tag, DECIMAL)?, 0, before, values)?,
        tag => {
            let shift = u32::from(input.u8()?);
            decode_decimal(input, decimals(tag, SHIFTED)?, shift, before, values)?;
        }
    }
    Ok(())
}

/// Passes over a frame of `count` values.
pub(crate) fn skip(input: &mut Input<'_>, count: usize) -> Result<(), Damaged> {
    let tag = input.u8()?;
    match tag {
        SAME => return Ok(()),
        XOR => {
            let [_, width] = input.array()?;
            return input.slice(bits::packed_size(width.into(), count)).map(drop);
        }
        tag if tag >= SHIFTED => drop(input.u8()?),
        _ => {}
    }
    let width = input.u8()?;
    input.varint()?;
    input.slice(bits::packed_size(width.into(), count)).map(drop)
}

/// The decimals that a tag says.
pub(crate) fn decimals(tag: u8, base: u8) -> Result<usize, Damaged> {
    let d = usize::from(tag.wrapping_sub(base));
    if d < POWERS.len() { Ok(d) } else { Err(Damaged("unknown frame")) }
}

/// `value * 10^d`, if that integer gives back the exact bits.
pub(crate) fn integer(value: f64, d: usize) -> Option<i64> {
    let scaled = value * POWERS[d];
    if scaled.is_nan() || scaled.abs() >= EXACT {
        return None;
    }
    // Rounds like `round`, which would be a call on machines without SSE 4.1.
    let integer = (scaled + 0.5f64.copysign(scaled)) as i64;
    (float(integer, d).to_bits() == value.to_bits()).then_some(integer)
}

/// What [`integer`] takes apart.
pub(crate) fn float(integer: i64, d: usize) -> f64 {
    if d == 0 { integer as f64 } else { integer as f64 / POWERS[d] }
}

/// The fewest decimals that every value has at most, if that is few enough.
pub(crate) fn decimals_of(mut values: impl Iterator<Item = f64>) -> Option<usize> {
    let more = |d, value| (d..POWERS.len()).find(|&d| integer(value, d).is_some());
    values.try_fold(0, more)
}

/// The integer that stands before the first of a frame. Both sides work it out from the value alone.
fn integer_before(before: f64, d: usize) -> i64 {
    integer(before, d).unwrap_or(0)
}

fn encode_decimal(out: &mut Vec<u8>, before: f64, values: &[f64]) -> bool {
    let mut integers = [0i64; FRAME];
    let Some(d) = (0..POWERS.len()).find(|&d| all_integers(values, d, &mut integers)) else { return false };
    let mut differences = [0i64; FRAME];
    let differences = &mut differences[..values.len()];
    let (mut previous, mut smallest, mut any) = (integer_before(before, d), i64::MAX, 0);
    for (difference, &integer) in differences.iter_mut().zip(&integers) {
        *difference = integer - previous;
        previous = integer;
        smallest = smallest.min(*difference);
        any |= *difference;
    }
    let shift = if any == 0 { 0 } else { any.trailing_zeros() };
    let (mut packed, mut widest) = ([0u64; FRAME], 0);
    for (packed, difference) in packed.iter_mut().zip(differences.iter()) {
        *packed = ((difference - smallest) >> shift) as u64;
        widest |= *packed;
    }
    let width = 64 - widest.leading_zeros();
    out.push(d as u8 + if shift == 0 { DECIMAL } else { SHIFTED });
    if shift > 0 {
        out.push(shift as u8);
    }
    out.push(width as u8);
    put_signed(out, smallest >> shift);
    bits::pack(out, width, &packed[..values.len()]);
    true
}

fn all_integers(values: &[f64], d: usize, integers: &mut [i64; FRAME]) -> bool {
    values.iter().zip(integers).all(|(&value, slot)| integer(value, d).map(|integer| *slot = integer).is_some())
}

fn decode_decimal(input: &mut Input<'_>, d: usize, shift: u32, before: f64, values: &mut [f64]) -> Result<(), Damaged> {
    let width = u32::from(input.u8()?);
    if width > 64 || shift > 63 {
        return Err(Damaged("frame too wide"));
    }
    let smallest = input.signed()?;
    let mut packed = [0u64; FRAME];
    let packed = &mut packed[..values.len()];
    bits::unpack(input, width, packed)?;
    let mut integer = integer_before(before, d);
    for (value, &packed) in values.iter_mut().zip(packed.iter()) {
        integer = integer.wrapping_add(smallest.wrapping_add(packed as i64) << shift);
        *value = integer as f64;
    }
    if d > 0 {
        values.iter_mut().for_each(|value| *value /= POWERS[d]);
    }
    Ok(())
}

fn encode_xor(out: &mut Vec<u8>, before: f64, values: &[f64]) {
    let mut differences = [0u64; FRAME];
    let (mut previous, mut any) = (before.to_bits(), 0);
    for (difference, value) in differences.iter_mut().zip(values) {
        *difference = value.to_bits() ^ previous;
        previous = value.to_bits();
        any |= *difference;
    }
    let (leading, trailing) = (any.leading_zeros(), any.trailing_zeros());
    let width = 64 - leading - trailing;
    let differences = &mut differences[..values.len()];
    differences.iter_mut().for_each(|difference| *difference >>= trailing);
    out.extend_from_slice(&[XOR, leading as u8, width as u8]);
    // The tag, the two numbers and the bits: `skip` relies on their order.
    bits::pack(out, width, differences);
}

fn decode_xor(input: &mut Input<'_>, before: f64, values: &mut [f64]) -> Result<(), Damaged> {
    let [leading, width] = input.array()?.map(u32::from);
    if width == 0 || leading + width > 64 {
        return Err(Damaged("frame too wide"));
    }
    let trailing = 64 - leading - width;
    let mut packed = [0u64; FRAME];
    let packed = &mut packed[..values.len()];
    bits::unpack(input, width, packed)?;
    let mut previous = before.to_bits();
    for (value, difference) in values.iter_mut().zip(packed.iter()) {
        previous ^= difference << trailing;
        *value = f64::from_bits(previous);
    }
    Ok(())
}

/// Any number of values on their own: stretches of a first value and a few frames.
pub(crate) fn encode_all(out: &mut Vec<u8>, values: &[f64]) {
    for stretch in values.chunks(STRETCH) {
        let (&first, rest) = stretch.split_first().expect("chunks are not empty");
        put_first(out, first);
        let mut before = first;
        for frame in rest.chunks(FRAME) {
            encode(out, before, frame);
            before = frame[frame.len() - 1];
        }
    }
}

/// Reads `count` values that [`encode_all`] wrote and appends those in `wanted`. Most of the others are passed over.
pub(crate) fn decode_some(
    input: &mut Input<'_>,
    count: usize,
    wanted: Range<usize>,
    values: &mut Vec<f64>,
) -> Result<(), Damaged> {
    let (base, mut ahead) = (values.len(), 0);
    for start in (0..count).step_by(STRETCH) {
        let size = STRETCH.min(count - start);
        if start + size <= wanted.start || start >= wanted.end {
            skip_stretch(input, size)?;
        } else {
            ahead = ahead.max(wanted.start.saturating_sub(start));
            decode_stretch(input, size, wanted.end - start, values)?;
        }
    }
    values.truncate(base + ahead + wanted.len());
    values.drain(base..base + ahead);
    Ok(())
}

/// Reads `count` values that [`encode_all`] wrote and appends them.
pub(crate) fn decode_all(input: &mut Input<'_>, count: usize, values: &mut Vec<f64>) -> Result<(), Damaged> {
    decode_some(input, count, 0..count, values)
}

fn skip_stretch(input: &mut Input<'_>, count: usize) -> Result<(), Damaged> {
    first(input)?;
    (1..count).step_by(FRAME).try_for_each(|start| skip(input, FRAME.min(count - start)))
}

/// Appends at least the values ahead of `until`.
fn decode_stretch(input: &mut Input<'_>, count: usize, until: usize, values: &mut Vec<f64>) -> Result<(), Damaged> {
    let mut before = first(input)?;
    values.push(before);
    let mut frame = [0.0; FRAME];
    for start in (1..count).step_by(FRAME) {
        let size = FRAME.min(count - start);
        if start >= until {
            skip(input, size)?;
            continue;
        }
        decode(input, before, &mut frame[..size])?;
        before = frame[size - 1];
        values.extend_from_slice(&frame[..size]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(values: &[f64]) -> usize {
        let mut out = Vec::new();
        encode_all(&mut out, values);
        let mut back = Vec::new();
        let mut input = Input(&out);
        decode_all(&mut input, values.len(), &mut back).unwrap();
        assert!(input.is_empty());
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values));
        out.len()
    }

    fn any_float() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            any::<i32>().prop_map(f64::from),
            (-100_000i64..100_000, 0usize..5).prop_map(|(i, d)| float(i, d)),
            (0i64..1 << 40).prop_map(|pages| (pages * 4096) as f64),
            prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN, f64::MAX, 5e-324, EXACT, -EXACT]),
            Just(f64::from_bits(0x7ff0_0000_0000_0002)),
        ]
    }

    proptest! {
        #[test]
        fn all_bits_come_back(values in prop::collection::vec(any_float(), 0..200)) {
            check(&values);
        }

        #[test]
        fn frames_can_be_skipped(before in any_float(), values in prop::collection::vec(any_float(), 1..64)) {
            let mut out = Vec::new();
            encode(&mut out, before, &values);
            let mut input = Input(&out);
            skip(&mut input, values.len()).unwrap();
            prop_assert!(input.is_empty());
        }

        #[test]
        fn a_part_can_be_read(values in prop::collection::vec(any_float(), 1..1200), a in 0usize..1200, b in 0usize..1200) {
            let (a, b) = (a.min(values.len()), b.min(values.len()));
            let wanted = a.min(b)..a.max(b);
            let mut out = Vec::new();
            encode_all(&mut out, &values);
            let (mut input, mut back) = (Input(&out), vec![7.0]);
            decode_some(&mut input, values.len(), wanted.clone(), &mut back).unwrap();
            prop_assert!(input.is_empty());
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back[1..]), bits(&values[wanted]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, before in any_float(), count in 1usize..64) {
            let _ = decode(&mut Input(&bytes), before, &mut vec![0.0; count]);
            let _ = skip(&mut Input(&bytes), count);
            let _ = first(&mut Input(&bytes));
        }
    }

    #[test]
    fn what_looks_simple_is_small() {
        assert!(check(&[7.25; 720]) < 20);
        assert!(check(&(0..720).map(|i| f64::from(i) * 10.0).collect::<Vec<_>>()) < 60);
        assert!(check(&(0..720).map(|i| 4096.0 * f64::from(i * i % 16)).collect::<Vec<_>>()) < 520);
        assert!(check(&(0..720).map(|i| f64::from(i * i % 100) / 100.0).collect::<Vec<_>>()) < 800);
    }
}
