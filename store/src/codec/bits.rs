//! Integers packed at a width in bits.

use crate::bytes::Input;
use crate::error::Damaged;

/// Appends each value's low `width` bits, lowest first. Values must not have higher bits set.
pub(crate) fn pack(out: &mut Vec<u8>, width: u32, values: &[u64]) {
    let (mut held, mut filled) = (0u128, 0);
    for &value in values {
        held |= u128::from(value) << filled;
        filled += width;
        if filled >= 64 {
            out.extend_from_slice(&(held as u64).to_le_bytes());
            held >>= 64;
            filled -= 64;
        }
    }
    out.extend_from_slice(&held.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

/// Bytes that [`pack`] writes for `count` values.
pub(crate) const fn packed_size(width: u32, count: usize) -> usize {
    (width as usize * count).div_ceil(8)
}

/// Reads `values.len()` values back.
pub(crate) fn unpack(input: &mut Input<'_>, width: u32, values: &mut [u64]) -> Result<(), Damaged> {
    let bytes = input.slice(packed_size(width, values.len()))?;
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    let (mut held, mut filled, mut words) = (0u128, 0, bytes.chunks(8));
    for value in values {
        if filled < width {
            held |= u128::from(word(words.next().unwrap_or_default())) << filled;
            filled += 64;
        }
        *value = held as u64 & mask;
        held >>= width;
        filled -= width;
    }
    Ok(())
}

fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(whole) => u64::from_le_bytes(*whole),
        None => {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(padded)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_values_come_back(values: Vec<u64>, width in 0u32..=64) {
            let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
            let values: Vec<u64> = values.iter().map(|v| v & mask).collect();
            let mut out = Vec::new();
            pack(&mut out, width, &values);
            prop_assert_eq!(out.len(), packed_size(width, values.len()));
            let mut back = vec![0; values.len()];
            unpack(&mut Input(&out), width, &mut back).unwrap();
            prop_assert_eq!(back, values);
        }
    }
}
