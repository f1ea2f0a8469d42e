//! Small integers that are mostly far below their largest: each as its high part in unary and its low bits.
//!
//! Up to 64 integers make a stretch: the number of low bits, or a mark that all are zero; a shift that all allow, if any;
//! then the bits, lowest first. Where some are negative all are folded first, so that those near zero stay small.

use crate::bytes::{Input, unzigzag, zigzag};
use crate::error::Damaged;

/// Integers per stretch: the number of low bits follows the data.
const STRETCH: usize = 64;
/// In place of the number of low bits: all are zero.
const ZEROS: u8 = 0xff;
/// Added to the number of low bits: some integers are negative.
const SIGNED: u8 = 0x80;
/// Added to the number of low bits: a shift follows.
const SHIFTED: u8 = 0x40;
/// High parts from here on are not written in unary: so many zeros announce all 64 bits.
const ESCAPE: u64 = 24;

/// Appends any number of integers. The count is not written.
pub(crate) fn encode(out: &mut Vec<u8>, values: &[i64]) {
    for stretch in values.chunks(STRETCH) {
        let any = stretch.iter().fold(0, |any, value| any | value);
        if any == 0 {
            out.push(ZEROS);
            continue;
        }
        let shift = any.trailing_zeros();
        let mut shifted = [0; STRETCH];
        for (shifted, value) in shifted.iter_mut().zip(stretch) {
            let value = value >> shift;
            *shifted = if any < 0 { zigzag(value) } else { value as u64 };
        }
        let shifted = &shifted[..stretch.len()];
        let low = low_bits(shifted);
        out.push(low as u8 | if any < 0 { SIGNED } else { 0 } | if shift > 0 { SHIFTED } else { 0 });
        if shift > 0 {
            out.push(shift as u8);
        }
        put_all(out, low, shifted);
    }
}

fn put_all(out: &mut Vec<u8>, low: u32, values: &[u64]) {
    let mut bits = Writer::default();
    for &value in values {
        let high = value >> low;
        if high < ESCAPE {
            bits.put(out, 1 << high, high as u32 + 1);
            bits.put(out, value & ((1 << low) - 1), low);
        } else {
            bits.put(out, 1 << ESCAPE, ESCAPE as u32 + 1);
            bits.put(out, value & 0xffff_ffff, 32);
            bits.put(out, value >> 32, 32);
        }
    }
    bits.finish(out);
}

/// The number of low bits that makes a stretch shortest.
fn low_bits(stretch: &[u64]) -> u32 {
    let size = |low: u32| -> u64 {
        let one = |&value: &u64| if value >> low < ESCAPE { (value >> low) + u64::from(low) } else { ESCAPE + 64 };
        stretch.iter().map(one).sum()
    };
    // The mean of the lengths, which a rare large integer hardly moves.
    let lengths: u32 = stretch.iter().map(|value| 64 - value.leading_zeros()).sum();
    let guess = (lengths / stretch.len() as u32).min(55);
    (guess.saturating_sub(2)..=guess + 1).min_by_key(|&low| size(low)).unwrap_or(guess)
}

/// Reads `count` integers that [`encode`] wrote and hands each over.
pub(crate) fn decode(input: &mut Input<'_>, count: usize, mut each: impl FnMut(i64)) -> Result<(), Damaged> {
    for start in (0..count).step_by(STRETCH) {
        let size = STRETCH.min(count - start);
        let head = input.u8()?;
        if head == ZEROS {
            (0..size).for_each(|_| each(0));
            continue;
        }
        let low = u32::from(head & !(SIGNED | SHIFTED));
        let shift = if head & SHIFTED == 0 { 0 } else { u32::from(input.u8()?) };
        if low > 56 || shift > 63 {
            return Err(Damaged("integers too wide"));
        }
        let mut bits = Reader { input: &mut *input, held: 0, filled: 0 };
        for _ in 0..size {
            let high = bits.zeros()?;
            let value = match high {
                ESCAPE => bits.read(32)? | bits.read(32)? << 32,
                _ => high << low | bits.read(low)?,
            };
            each(if head & SIGNED == 0 { value as i64 } else { unzigzag(value) } << shift);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Writer {
    held: u64,
    filled: u32,
}

impl Writer {
    /// Appends `width` bits, at most 56.
    fn put(&mut self, out: &mut Vec<u8>, value: u64, width: u32) {
        self.held |= value << self.filled;
        self.filled += width;
        while self.filled >= 8 {
            out.push(self.held as u8);
            self.held >>= 8;
            self.filled -= 8;
        }
    }

    fn finish(self, out: &mut Vec<u8>) {
        if self.filled > 0 {
            out.push(self.held as u8);
        }
    }
}

struct Reader<'i, 'a> {
    input: &'i mut Input<'a>,
    held: u64,
    filled: u32,
}

impl Reader<'_, '_> {
    fn fill(&mut self, width: u32) -> Result<(), Damaged> {
        while self.filled < width {
            self.held |= u64::from(self.input.u8()?) << self.filled;
            self.filled += 8;
        }
        Ok(())
    }

    /// The next `width` bits, at most 56.
    fn read(&mut self, width: u32) -> Result<u64, Damaged> {
        self.fill(width)?;
        let value = self.held & ((1 << width) - 1);
        self.held >>= width;
        self.filled -= width;
        Ok(value)
    }

    /// Zeros up to the next one, which is taken too.
    fn zeros(&mut self) -> Result<u64, Damaged> {
        let mut zeros = 0;
        while self.held == 0 {
            zeros += self.filled;
            (self.held, self.filled) = (u64::from(self.input.u8()?), 8);
            if u64::from(zeros) > ESCAPE {
                return Err(Damaged("integer too long"));
            }
        }
        let more = self.held.trailing_zeros();
        self.held >>= more + 1;
        self.filled -= more + 1;
        let all = u64::from(zeros + more);
        if all > ESCAPE { Err(Damaged("integer too long")) } else { Ok(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(values: &[i64]) -> usize {
        let mut out = Vec::new();
        encode(&mut out, values);
        let (mut input, mut back) = (Input(&out), Vec::new());
        decode(&mut input, values.len(), |value| back.push(value)).unwrap();
        assert!(input.is_empty());
        assert_eq!(back, values);
        out.len()
    }

    proptest! {
        #[test]
        fn integers_come_back(values in prop::collection::vec(prop_oneof![0i64..20, (-5_000i64..5_000).prop_map(|value| value << 12), any::<i64>()], 0..200)) {
            check(&values);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, count in 0usize..200) {
            let _ = decode(&mut Input(&bytes), count, |_| ());
        }
    }

    #[test]
    fn a_rare_large_one_costs_little() {
        let mut values = [3; 640];
        assert!(check(&values) <= 250);
        values[100] = i64::MAX;
        assert!(check(&values) <= 262);
        assert_eq!(check(&[0; 640]), 10);
        assert!(check(&[3 << 12, -1 << 12, 0, 1 << 12].repeat(160)) <= 320);
    }
}
