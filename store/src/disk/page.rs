//! A page: the samples of a run of series, about 64 KiB, with its own directory and checksum.
//!
//! Layout: number of series, distinct timestamp columns, directory (step of identity, kind, which timestamps, size), contents,
//! CRC32C of all before. Timestamps stand apart because the series of a page mostly share theirs.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use weir_sample::Kind;

use crate::bytes::{Input, put_block, put_varint};
use crate::codec::times;
use crate::error::Damaged;
use crate::index::SeriesId;

/// No series has more samples in one page than two hours at a sample a millisecond.
const MOST_SAMPLES: usize = 7_200_000;

/// Distinct timestamp columns that a new series' own are compared with.
const COMPARED: usize = 8;

/// Puts a page together.
#[derive(Default)]
pub(crate) struct PageBuilder {
    count: u32,
    times: Vec<Vec<u8>>,
    times_bytes: usize,
    directory: Vec<u8>,
    contents: Vec<u8>,
    meta: PageMeta,
}

/// Summary of a page, known without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PageMeta {
    pub first: SeriesId,
    pub last: SeriesId,
    pub count: u32,
    pub offset: u64,
    pub size: u32,
    pub min_time: i64,
    pub max_time: i64,
}

impl PageMeta {
    /// Whether there may be samples from `start` to `end`, both included.
    pub(crate) const fn overlaps(&self, start: i64, end: i64) -> bool {
        self.min_time <= end && self.max_time >= start
    }
}

impl PageBuilder {
    /// Adds a series. Identities must not fall; `span` is its first and last time.
    pub(crate) fn push(&mut self, id: SeriesId, kind: Kind, span: (i64, i64), coded_times: &[u8], content: &[u8]) {
        let meta = &mut self.meta;
        if self.count == 0 {
            *meta = PageMeta { first: id, min_time: i64::MAX, max_time: i64::MIN, ..PageMeta::default() };
        }
        let previous = if self.count == 0 { 0 } else { meta.last };
        meta.last = id;
        meta.min_time = meta.min_time.min(span.0);
        meta.max_time = meta.max_time.max(span.1);
        self.count += 1;
        let recent = self.times.iter().rev().take(COMPARED).position(|other| other == coded_times);
        let at = match recent {
            Some(back) => self.times.len() - 1 - back,
            None => {
                self.times_bytes += coded_times.len() + 2;
                self.times.push(coded_times.to_vec());
                self.times.len() - 1
            }
        };
        put_step(&mut self.directory, id - previous);
        self.directory.push(kind as u8);
        put_varint(&mut self.directory, at as u64);
        put_varint(&mut self.directory, content.len() as u64);
        self.contents.extend_from_slice(content);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> usize {
        self.times_bytes + self.directory.len() + self.contents.len()
    }

    /// Appends the page to `out` and starts over.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> PageMeta {
        let start = out.len();
        put_varint(out, u64::from(self.count));
        put_varint(out, self.times.len() as u64);
        self.times.iter().for_each(|times| put_block(out, times));
        out.extend_from_slice(&self.directory);
        out.extend_from_slice(&self.contents);
        let checksum = crc32c::crc32c(&out[start..]);
        out.extend_from_slice(&checksum.to_le_bytes());
        let meta = PageMeta { count: self.count, size: (out.len() - start) as u32, ..self.meta };
        *self = Self::default();
        meta
    }
}

/// Appends how far an identity is from the one before: its bytes, led by their number.
fn put_step(out: &mut Vec<u8>, step: SeriesId) {
    let size = 16 - step.leading_zeros() as usize / 8;
    out.push(size as u8);
    out.extend_from_slice(&step.to_le_bytes()[..size]);
}

/// Reads what [`put_step`] wrote.
fn step(input: &mut Input<'_>) -> Result<SeriesId, Damaged> {
    let size = usize::from(input.u8()?);
    let mut bytes = [0; 16];
    bytes.get_mut(..size).ok_or(Damaged("page directory"))?.copy_from_slice(input.slice(size)?);
    Ok(SeriesId::from_le_bytes(bytes))
}

/// A page that was read and whose checksum holds.
#[derive(Debug)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    times: Vec<(usize, usize)>,
    entries: Vec<Entry>,
    /// The timestamps decoded last, and their number.
    last_times: RefCell<Option<(u32, Arc<[i64]>)>>,
}

/// One series of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub id: SeriesId,
    pub kind: Kind,
    times: u32,
    start: u32,
    end: u32,
}

impl Page {
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, Damaged> {
        let (body, checksum) = bytes.split_last_chunk::<4>().ok_or(Damaged("page cut short"))?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return Err(Damaged("page checksum"));
        }
        let size = body.len();
        let mut input = Input(body);
        let count = input.count(4)?;
        let columns = input.count(1)?;
        let mut times = Vec::with_capacity(columns);
        for _ in 0..columns {
            let block = input.block()?;
            let end = size - input.0.len();
            times.push((end - block.len(), end));
        }
        let mut entries = Vec::with_capacity(count);
        let (mut at, mut id) = (0usize, 0);
        for _ in 0..count {
            id = step(&mut input)?.checked_add(id).ok_or(Damaged("page directory"))?;
            let kind = Kind::from_u8(input.u8()?).ok_or(Damaged("unknown kind"))?;
            let (times, length) = (input.varint()? as u32, input.varint()? as usize);
            let end = at.checked_add(length).filter(|&end| end <= size).ok_or(Damaged("page directory"))?;
            entries.push(Entry { id, kind, times, start: at as u32, end: end as u32 });
            at = end;
        }
        let base = (size - input.0.len()) as u32;
        if at > input.0.len() {
            return Err(Damaged("page directory"));
        }
        entries.iter_mut().for_each(|entry| (entry.start, entry.end) = (entry.start + base, entry.end + base));
        Ok(Self { bytes, times, entries, last_times: RefCell::default() })
    }

    /// All entries, by identity.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Places of the entries of one series, mostly one. Looks from `near` on, which the entry before was at, in steps
    /// that grow: who reads one series after another is there at once.
    pub(crate) fn entries_of(&self, id: SeriesId, near: usize) -> Range<usize> {
        let is_before = |entry: &Entry| entry.id < id;
        let near = if self.entries.get(near).is_some_and(is_before) { near } else { 0 };
        let mut step = 1;
        while self.entries.get(near + step).is_some_and(is_before) {
            step *= 2;
        }
        let low = near + step / 2;
        let high = self.entries.len().min(near + step + 1);
        let from = low + self.entries[low..high].partition_point(is_before);
        let count = self.entries[from..].iter().take_while(|entry| entry.id == id).count();
        from..from + count
    }

    pub(crate) fn content(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.start as usize..entry.end as usize]
    }

    /// The timestamps of a series. Neighbours mostly share theirs, which are then not decoded again.
    pub(crate) fn times(&self, entry: &Entry) -> Result<Arc<[i64]>, Damaged> {
        let mut last = self.last_times.borrow_mut();
        if let Some((_, times)) = last.as_ref().filter(|(at, _)| *at == entry.times) {
            return Ok(times.clone());
        }
        let times: Arc<[i64]> = times::decode_all(&mut Input(self.coded_times(entry)?), MOST_SAMPLES)?.into();
        *last = Some((entry.times, times.clone()));
        Ok(times)
    }

    /// The coded timestamps of a series; equal bytes are equal timestamps.
    pub(crate) fn coded_times(&self, entry: &Entry) -> Result<&[u8], Damaged> {
        let &(start, end) = self.times.get(entry.times as usize).ok_or(Damaged("page timestamps"))?;
        Ok(&self.bytes[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(series: &[(u128, Vec<i64>, Vec<u8>)]) -> (Vec<u8>, PageMeta) {
        let mut builder = PageBuilder::default();
        for (id, times, content) in series {
            let mut coded = Vec::new();
            times::encode_all(&mut coded, times);
            builder.push(*id, Kind::Gauge, (times[0], times[times.len() - 1]), &coded, content);
        }
        let mut out = Vec::new();
        let meta = builder.finish(&mut out);
        (out, meta)
    }

    #[test]
    fn series_of_a_page_come_back() {
        let series = [(3, vec![10, 20], vec![1, 2]), (3, vec![30], vec![]), (9, vec![10, 20], vec![5; 100])];
        let (bytes, meta) = page(&series);
        assert_eq!((meta.first, meta.last, meta.count, meta.min_time, meta.max_time), (3, 9, 3, 10, 30));
        let page = Page::parse(bytes).unwrap();
        let of = |id| &page.entries()[page.entries_of(id, 0)];
        let threes = of(3);
        assert_eq!((threes.len(), page.content(&threes[0]), page.times(&threes[1])), (2, &[1, 2][..], Ok([30].into())));
        assert_eq!((of(4).len(), page.content(&of(9)[0]).len()), (0, 100));
    }

    proptest! {
        #[test]
        fn entries_are_found_from_anywhere(mut ids in prop::collection::vec(0u128..60, 1..80), near in 0usize..90) {
            ids.sort_unstable();
            let (bytes, _) = page(&ids.iter().map(|&id| (id, vec![1], vec![])).collect::<Vec<_>>());
            let page = Page::parse(bytes).unwrap();
            for id in 0..61 {
                let first = ids.partition_point(|&other| other < id);
                let count = ids.iter().filter(|&&other| other == id).count();
                prop_assert_eq!(page.entries_of(id, near), first..first + count);
            }
        }

        #[test]
        fn a_flipped_bit_is_noticed(bit in 0usize..1000) {
            let (mut bytes, _) = page(&[(3, vec![10, 20], vec![1, 2]), (9, vec![10, 20], vec![5; 100])]);
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Page::parse(bytes).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>) {
            let checksum = crc32c::crc32c(&bytes);
            bytes.extend(checksum.to_le_bytes());
            if let Ok(page) = Page::parse(bytes) {
                for entry in page.entries() {
                    let _ = page.times(entry);
                    page.content(entry);
                }
            }
        }
    }
}
