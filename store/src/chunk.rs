//! Samples of one series, compressed: delta-of-delta times and XORed values.
//!
//! Pelkonen et al., "Gorilla: a fast, scalable, in-memory time series database", VLDB 2015, with 64-bit first values.
//! Bit-exact for every float.

use crate::bits::{BitReader, BitWriter};

/// Samples after which a chunk is sealed.
pub(crate) const SEAL_AT: u32 = 120;

/// A chunk that still grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenChunk {
    bits: BitWriter,
    count: u32,
    first_ts: i64,
    last_ts: i64,
    last_delta: i64,
    last_value: u64,
    leading: u8,
    trailing: u8,
}

/// What must be saved beside an open chunk's bytes to go on writing it.
pub(crate) type ChunkState = (u32, i64, i64, i64, u64, [u8; 3]);

impl OpenChunk {
    pub(crate) fn push(&mut self, ts: i64, value: f64) {
        let value = value.to_bits();
        if self.count == 0 {
            self.bits.put(ts as u64, 64);
            self.bits.put(value, 64);
            self.first_ts = ts;
            (self.leading, self.trailing) = (u8::MAX, 0);
        } else {
            let delta = ts - self.last_ts;
            self.put_time(delta.wrapping_sub(self.last_delta));
            self.put_value(value ^ self.last_value);
            self.last_delta = delta;
        }
        self.last_ts = ts;
        self.last_value = value;
        self.count += 1;
    }

    fn put_time(&mut self, change: i64) {
        match change {
            0 => self.bits.put(0, 1),
            -8_192..=8_191 => {
                self.bits.put(0b10, 2);
                self.bits.put(change as u64 & 0x3FFF, 14);
            }
            -524_288..=524_287 => {
                self.bits.put(0b110, 3);
                self.bits.put(change as u64 & 0xF_FFFF, 20);
            }
            _ => {
                self.bits.put(0b111, 3);
                self.bits.put(change as u64, 64);
            }
        }
    }

    fn put_value(&mut self, xor: u64) {
        if xor == 0 {
            return self.bits.put(0, 1);
        }
        let (leading, trailing) = (xor.leading_zeros().min(31) as u8, xor.trailing_zeros() as u8);
        if self.leading != u8::MAX && leading >= self.leading && trailing >= self.trailing {
            self.bits.put(0b10, 2);
            self.bits.put(xor >> self.trailing, 64 - self.leading - self.trailing);
            return;
        }
        let significant = 64 - leading - trailing;
        self.bits.put(0b11, 2);
        self.bits.put(u64::from(leading), 5);
        self.bits.put(u64::from(significant - 1), 6);
        self.bits.put(xor >> trailing, significant);
        (self.leading, self.trailing) = (leading, trailing);
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn first_ts(&self) -> i64 {
        self.first_ts
    }

    pub(crate) fn last_ts(&self) -> i64 {
        self.last_ts
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bits.bytes()
    }

    pub(crate) fn state(&self) -> ChunkState {
        let edges = [self.leading, self.trailing, self.bits.free()];
        (self.count, self.first_ts, self.last_ts, self.last_delta, self.last_value, edges)
    }

    pub(crate) fn resume(bytes: Vec<u8>, state: ChunkState) -> Self {
        let (count, first_ts, last_ts, last_delta, last_value, [leading, trailing, free]) = state;
        let bits = BitWriter::resume(bytes, free.min(7));
        Self { bits, count, first_ts, last_ts, last_delta, last_value, leading, trailing }
    }
}

/// Calls `each` with every sample, in the order they were pushed.
pub(crate) fn read(bytes: &[u8], count: u32, mut each: impl FnMut(i64, f64)) {
    let mut bits = BitReader::new(bytes);
    let (mut ts, mut value, mut delta) = (0i64, 0u64, 0i64);
    let (mut leading, mut trailing) = (0u8, 0u8);
    for at in 0..count {
        if at == 0 {
            ts = bits.take(64) as i64;
            value = bits.take(64);
        } else {
            delta = delta.wrapping_add(take_time(&mut bits));
            ts = ts.wrapping_add(delta);
            if bits.take(1) == 1 {
                if bits.take(1) == 1 {
                    leading = bits.take(5) as u8;
                    trailing = 64u8.saturating_sub(leading).saturating_sub(bits.take(6) as u8 + 1);
                }
                let significant = 64u8.saturating_sub(leading).saturating_sub(trailing);
                value ^= bits.take(significant) << trailing;
            }
        }
        each(ts, f64::from_bits(value));
    }
}

fn take_time(bits: &mut BitReader<'_>) -> i64 {
    let signed = |value: u64, bits: u32| (value << (64 - bits)) as i64 >> (64 - bits);
    if bits.take(1) == 0 {
        return 0;
    }
    if bits.take(1) == 0 {
        return signed(bits.take(14), 14);
    }
    if bits.take(1) == 0 { signed(bits.take(20), 20) } else { bits.take(64) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_sample_comes_back_even_across_a_resume(
            samples in prop::collection::vec((any::<i32>(), any::<u64>()), 1..60),
            cut in 0..60usize,
        ) {
            let mut chunk = OpenChunk::default();
            for (at, &(ts, bits)) in samples.iter().enumerate() {
                if at == cut {
                    chunk = OpenChunk::resume(chunk.bytes().to_vec(), chunk.state());
                }
                chunk.push(i64::from(ts), f64::from_bits(bits));
            }
            let mut back = Vec::new();
            read(chunk.bytes(), chunk.count(), |ts, value| back.push((ts as i32, value.to_bits())));
            prop_assert_eq!(back, samples);
        }
    }

    #[test]
    fn regular_samples_are_small() {
        let mut chunk = OpenChunk::default();
        (0..120).for_each(|at| chunk.push(at * 10_000, 42.0));
        assert!(chunk.bytes().len() < 60, "{} bytes", chunk.bytes().len());
    }
}
