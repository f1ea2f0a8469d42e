//! A stream of bits.

/// Appends bits, highest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits still free in the last byte.
    free: u8,
}

impl BitWriter {
    pub(crate) fn put(&mut self, value: u64, mut bits: u8) {
        while bits > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let now = bits.min(self.free);
            let part = (value >> (bits - now)) as u8 & (0xFFu16 >> (8 - now)) as u8;
            self.free -= now;
            bits -= now;
            if let Some(last) = self.bytes.last_mut() {
                *last |= part << self.free;
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn free(&self) -> u8 {
        self.free
    }

    pub(crate) fn resume(bytes: Vec<u8>, free: u8) -> Self {
        Self { bytes, free }
    }
}

/// Reads bits, highest first; past the end there are zeros.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn take(&mut self, bits: u8) -> u64 {
        let mut value = 0;
        let mut left = bits;
        while left > 0 {
            let byte = self.bytes.get(self.at / 8).copied().unwrap_or(0);
            let have = 8 - (self.at % 8) as u8;
            let now = left.min(have);
            let part = (byte >> (have - now)) & (0xFFu16 >> (8 - now)) as u8;
            value = value << now | u64::from(part);
            self.at += usize::from(now);
            left -= now;
        }
        value
    }
}
