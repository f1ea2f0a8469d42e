//! Bytes to and from files: little-endian numbers, variable-length integers, length-prefixed blocks.

use crate::error::Damaged;

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

pub(crate) fn put_block(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads what the functions above wrote, and refuses everything else.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (head, rest) = self.0.split_first_chunk().ok_or(CUT)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Damaged> {
        let (&first, rest) = self.0.split_first().ok_or(CUT)?;
        self.0 = rest;
        Ok(first)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Damaged> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Damaged> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Damaged> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn u128(&mut self) -> Result<u128, Damaged> {
        self.array().map(u128::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Result<f64, Damaged> {
        self.u64().map(f64::from_bits)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Damaged> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged("number too long"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Damaged> {
        self.varint().map(unzigzag)
    }

    /// A number that counts things of which each takes at least `each` bytes of what is left, so that a damaged one
    /// cannot ask for more memory than the file is long.
    pub(crate) fn count(&mut self, each: usize) -> Result<usize, Damaged> {
        let count = self.varint()? as usize;
        if count.saturating_mul(each) > self.0.len() { Err(CUT) } else { Ok(count) }
    }

    pub(crate) fn slice(&mut self, size: usize) -> Result<&'a [u8], Damaged> {
        let (head, rest) = self.0.split_at_checked(size).ok_or(CUT)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn block(&mut self) -> Result<&'a [u8], Damaged> {
        let size = self.varint()? as usize;
        self.slice(size)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.block()?).map_err(|_| Damaged("text is not UTF-8"))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const CUT: Damaged = Damaged("cut short");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(unsigned: u64, signed: i64, block: Vec<u8>) {
            let mut out = Vec::new();
            put_varint(&mut out, unsigned);
            put_signed(&mut out, signed);
            put_block(&mut out, &block);
            let mut input = Input(&out);
            prop_assert_eq!(input.varint(), Ok(unsigned));
            prop_assert_eq!(input.signed(), Ok(signed));
            prop_assert_eq!(input.block(), Ok(&block[..]));
            prop_assert!(input.is_empty());
        }
    }

    #[test]
    fn numbers_that_nobody_wrote_are_refused() {
        assert_eq!(Input(&[0xff; 11]).varint(), Err(Damaged("number too long")));
        assert_eq!(Input(&[0x80]).varint(), Err(CUT));
        assert_eq!(Input(&[5, 0]).count(1), Err(CUT));
    }
}
