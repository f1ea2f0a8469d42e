//! Lines that are read and hashed, but whose series are not looked up yet.
//!
//! Looked up together, the processor waits for their memory at the same time instead of one after the other: at 100,000
//! series that more than halves the time of a line, and it costs nothing at 1,000.

use crate::line::Metric;

/// How many lines are looked up together: past this the gain levels off.
pub(crate) const AHEAD: usize = 16;

/// Up to [`AHEAD`] lines.
#[derive(Debug)]
pub(crate) struct Ahead<'a> {
    lines: [Option<Hashed<'a>>; AHEAD],
    len: usize,
}

/// A metric, the hash of its spelling and the line it came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashed<'a> {
    pub(crate) metric: Metric<'a>,
    pub(crate) hash: u64,
    pub(crate) line: &'a [u8],
}

impl<'a> Ahead<'a> {
    pub(crate) fn new() -> Self {
        Self { lines: [None; AHEAD], len: 0 }
    }

    /// Adds a line; whether it was the last that fits.
    #[inline]
    pub(crate) fn push(&mut self, line: Hashed<'a>) -> bool {
        self.lines[self.len] = Some(line);
        self.len += 1;
        self.len == AHEAD
    }

    #[inline]
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Hashed<'a>> {
        self.lines[..self.len].iter().flatten()
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }
}
