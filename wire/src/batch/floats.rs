//! The shortest exact spelling of a float: a four-bit tag in one stream, the digits in another.
//!
//! Tags: 0 zero · 1 integer · 2–7 decimal with one to six places · 8 f32 · 9 f64 · 10 not a float: a set, or a distribution as it
//! was sent before exponential histograms · 11 multiple of 1,024 · 12 not a float: a histogram

use crate::DecodeError;
use crate::bytes::{Input, put_zigzag};

const ZERO: u8 = 0;
const INTEGER: u8 = 1;
const DECIMAL: u8 = 2;
const F32: u8 = 8;
const F64: u8 = 9;
/// The value is no float and stands elsewhere.
pub(super) const RICH: u8 = 10;
const KIB: u8 = 11;
/// The same of a histogram.
pub(super) const HISTOGRAM: u8 = 12;

const POWERS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
/// Integers up to here are exact in a float, and so is their product with a power of ten before rounding.
const EXACT: f64 = (1u64 << 53) as f64;

/// Appends the digits of `value` and returns its tag.
pub(crate) fn put(digits: &mut Vec<u8>, value: f64) -> u8 {
    if value.to_bits() == 0 {
        return ZERO;
    }
    if value.fract() == 0.0 && value.abs() < EXACT && value != 0.0 {
        let integer = value as i64;
        if integer % 1_024 == 0 {
            put_zigzag(digits, integer / 1_024);
            return KIB;
        }
        put_zigzag(digits, integer);
        return INTEGER;
    }
    if let Some((places, mantissa)) = decimal(value) {
        put_zigzag(digits, mantissa);
        return DECIMAL + places - 1;
    }
    let short = value as f32;
    if f64::from(short).to_bits() == value.to_bits() {
        digits.extend_from_slice(&short.to_le_bytes());
        return F32;
    }
    digits.extend_from_slice(&value.to_le_bytes());
    F64
}

/// Whether the tag says that the value stands elsewhere.
pub(crate) const fn is_rich(tag: u8) -> bool {
    matches!(tag, RICH | HISTOGRAM)
}

/// Reads the value of a tag.
pub(crate) fn read(tag: u8, digits: &mut Input<'_>) -> Result<f64, DecodeError> {
    Ok(match tag {
        ZERO => 0.0,
        INTEGER => digits.zigzag()? as f64,
        DECIMAL..F32 => digits.zigzag()? as f64 / POWERS[usize::from(tag - DECIMAL + 1)],
        F32 => f64::from(f32::from_le_bytes(digits.array()?)),
        F64 => f64::from_le_bytes(digits.array()?),
        KIB => digits.zigzag()?.checked_mul(1_024).ok_or(DecodeError::Malformed("integer"))? as f64,
        _ => return Err(DecodeError::Malformed("value tag")),
    })
}

/// The fewest places, up to six, that give back the very same bits.
fn decimal(value: f64) -> Option<(u8, i64)> {
    if !value.is_finite() || value.abs() > 1e9 || value == 0.0 {
        return None;
    }
    (1..=6u8).find_map(|places| {
        let power = POWERS[usize::from(places)];
        let mantissa = (value * power).round();
        (mantissa / power == value).then_some((places, mantissa as i64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(value: f64) -> (usize, f64) {
        let mut digits = Vec::new();
        let tag = put(&mut digits, value);
        (digits.len(), read(tag, &mut Input(&digits)).unwrap())
    }

    #[test]
    fn common_values_are_short_and_odd_ones_exact() {
        let check = |value: f64, size: usize| {
            let (got, back) = round_trip(value);
            assert_eq!((got, back.to_bits()), (size, value.to_bits()), "{value}");
        };
        check(0.0, 0);
        check(1.0, 1);
        check(0.25, 1);
        check(12.34, 2);
        check(8_589_934_592.0, 4);
        check(0.5f32.powi(30).into(), 4);
        check(-0.0, 4);
        check(f64::NAN, 4);
        check(f64::NEG_INFINITY, 4);
        check(1.0 / 3.0, 8);
        check(f64::from_bits(0x7FF0_0000_0000_0002), 8);
        check(1e300, 8);
    }

    proptest! {
        #[test]
        fn every_bit_pattern_comes_back(bits: u64) {
            prop_assert_eq!(round_trip(f64::from_bits(bits)).1.to_bits(), bits);
        }

        #[test]
        fn decimals_come_back(mantissa in -1_000_000_000i64..1_000_000_000, places in 0..9i32) {
            let value = mantissa as f64 / 10f64.powi(places);
            prop_assert_eq!(round_trip(value).1.to_bits(), value.to_bits());
        }
    }
}
