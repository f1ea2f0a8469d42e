//! Numbers, texts and sketches in the store's files. Little-endian; every file part that is read has a checksum.

use weir_sample::{Sketch, SketchParts};

#[derive(Debug, Default)]
pub(crate) struct Output(pub Vec<u8>);

impl Output {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(crate) fn f64(&mut self, value: f64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(crate) fn block(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn sketch(&mut self, sketch: &Sketch) {
        let parts = sketch.to_parts();
        for bins in [&parts.positive, &parts.negative] {
            self.u32(bins.len() as u32);
            for (bin, weight) in bins {
                self.u32(*bin as u32);
                self.f64(*weight);
            }
        }
        [parts.zero, parts.count, parts.sum, parts.min, parts.max].into_iter().for_each(|total| self.f64(total));
    }
}

/// A cursor over bytes whose checksum held; `None` still means damage, never a panic.
#[derive(Debug)]
pub(crate) struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    pub(crate) fn block(&mut self) -> Option<&'a [u8]> {
        let size = self.u32()? as usize;
        let (block, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(block)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.block()?).ok()
    }

    pub(crate) fn sketch(&mut self) -> Option<Sketch> {
        let mut bins = || -> Option<Vec<(i32, f64)>> {
            (0..self.u32()?).map(|_| Some((self.u32()? as i32, self.f64()?))).collect()
        };
        let (positive, negative) = (bins()?, bins()?);
        let [zero, count, sum, min, max] = [self.f64()?, self.f64()?, self.f64()?, self.f64()?, self.f64()?];
        Sketch::from_parts(&SketchParts { positive, negative, zero, count, sum, min, max })
    }
}
