//! Histograms and sets as bytes.

use weir_sample::{Distinct, Histogram, OldHistogram, Value};

use super::floats;
use crate::DecodeError;
use crate::bytes::{Input, put_varint};

pub(super) fn read_histogram(input: &mut Input<'_>) -> Result<Histogram, DecodeError> {
    Histogram::decode(&mut input.0).ok_or(DecodeError::Malformed("histogram"))
}

/// As agents before exponential histograms sent it.
pub(super) fn read_old_histogram(input: &mut Input<'_>) -> Result<Histogram, DecodeError> {
    let mut bins = || -> Result<Vec<(i32, f64)>, DecodeError> {
        let (count, mut previous) = (input.count()?, 0i64);
        let mut bins = Vec::with_capacity(count.min(4_096));
        for _ in 0..count {
            previous = previous.checked_add(input.zigzag()?).ok_or(DecodeError::Malformed("bin"))?;
            let bin = i32::try_from(previous).map_err(|_| DecodeError::Malformed("bin"))?;
            bins.push((bin, read_float(input)?));
        }
        Ok(bins)
    };
    let (positive, negative) = (bins()?, bins()?);
    let mut total = || read_float(input);
    let (zero, count, sum, min, max) = (total()?, total()?, total()?, total()?, total()?);
    let old = OldHistogram { positive, negative, zero, count, sum, min, max };
    old.histogram().ok_or(DecodeError::Malformed("histogram"))
}

const HASHES: u8 = 0;
const REGISTERS: u8 = 1;

pub(super) fn put_set(out: &mut Vec<u8>, set: &Distinct) {
    match (set.hashes(), set.registers()) {
        (Some(hashes), _) => {
            out.push(HASHES);
            put_varint(out, hashes.len() as u64);
            hashes.iter().for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
        }
        (None, registers) => {
            out.push(REGISTERS);
            out.extend_from_slice(registers.unwrap_or_default());
        }
    }
}

pub(super) fn read_set(input: &mut Input<'_>) -> Result<Distinct, DecodeError> {
    let set = match input.byte()? {
        HASHES => {
            let count = input.count()?;
            let hashes = input.bytes(count.checked_mul(8).ok_or(DecodeError::CutShort)?)?;
            Distinct::from_hashes(hashes.as_chunks().0.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
        }
        REGISTERS => Distinct::from_registers(input.bytes(2_048)?),
        _ => None,
    };
    set.ok_or(DecodeError::Malformed("set"))
}

pub(super) fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Distribution(histogram) => histogram.encode(out),
        Value::Set(set) => put_set(out, set),
        Value::Counter(_) | Value::Gauge(_) => {}
    }
}

/// A float with its tag in a byte before it.
fn read_float(input: &mut Input<'_>) -> Result<f64, DecodeError> {
    let tag = input.byte()?;
    floats::read(tag, input)
}
