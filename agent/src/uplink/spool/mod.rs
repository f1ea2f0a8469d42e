//! The spool: every sealed batch is on disk until its ack, so that a killed agent loses none of them.
//!
//! Segments are numbered files of records in order; a segment goes when all its batches are acked, and the oldest when
//! there is no room. Files are written, not synced: a killed process loses nothing, a power cut the last half minute.
//!
//! A batch that goes again under another number is on disk twice; the later record says so, and the earlier one does not
//! come back after a restart.

mod record;

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use weir_wire::{Entry, Lost};

use record::{Key, MOST_REPLACED, Record, decode, encode, read_at};

/// Batches on disk.
pub(crate) struct Spool {
    folder: PathBuf,
    max_bytes: u64,
    segments: VecDeque<Segment>,
    /// The last segment, open for appending.
    writing: Option<File>,
    next_number: u64,
    /// Where the next batch is that is not in memory: segment number and offset.
    cursor: (u64, u64),
    /// Batches from the cursor on.
    unread: u64,
    damaged: u64,
    /// Batches of an earlier run that later records stand for.
    replaced: HashSet<Key>,
    /// Batches that no record stands for yet.
    owed: Vec<Key>,
}

struct Segment {
    number: u64,
    bytes: u64,
    first: Key,
    last: Key,
    /// Not acked.
    batches: u64,
    samples: u64,
    /// Whether a record stands for others, which are in this segment or an earlier one.
    replaces: bool,
}

/// Size at which a segment is closed. What was acked of one that is not all acked is sent again after a restart.
const SEGMENT_BYTES: u64 = 128 << 10;

impl Spool {
    /// Opens the folder, which is made if it is not there. What an earlier run left is read again from its start.
    pub(crate) fn open(folder: &Path, max_bytes: u64) -> Result<Self> {
        weir_files::own_folder(folder)?;
        let mut spool = Self {
            folder: folder.to_owned(),
            max_bytes,
            segments: VecDeque::new(),
            writing: None,
            next_number: 0,
            cursor: (0, 0),
            unread: 0,
            damaged: 0,
            replaced: HashSet::new(),
            owed: Vec::new(),
        };
        let numbers = numbers(folder).with_context(|| format!("listing {}", folder.display()))?;
        spool.next_number = numbers.last().map_or(0, |number| number + 1);
        // From the newest on: it says which of the earlier ones are replaced.
        for number in numbers.into_iter().rev() {
            spool.restore(number).with_context(|| format!("reading {}", spool.path(number).display()))?;
        }
        spool.remove_empty();
        spool.cursor = (spool.segments.front().map_or(spool.next_number, |segment| segment.number), 0);
        spool.unread = spool.segments.iter().map(|segment| segment.batches).sum();
        Ok(spool)
    }

    /// Puts a batch behind all others.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<()> {
        if self.segments.back().is_none_or(|segment| segment.bytes >= SEGMENT_BYTES) || self.writing.is_none() {
            let path = self.path(self.next_number);
            let file = File::options().create_new(true).append(true).open(&path);
            self.writing = Some(file.with_context(|| format!("making {}", path.display()))?);
            let key = (entry.epoch, entry.seq);
            let number = self.next_number;
            self.segments.push_back(Segment::new(number, key));
            self.next_number += 1;
        }
        let (Some(file), Some(segment)) = (&mut self.writing, self.segments.back_mut()) else { return Ok(()) };
        let told = self.owed.len().min(MOST_REPLACED);
        let record = encode(entry, &self.owed[..told]);
        let path = self.folder.join(format!("{:012}.spool", segment.number));
        if let Err(error) = weir_files::append(file, &path, &record) {
            // Half a record would hide what follows it: the next batch starts another file.
            self.writing = None;
            if self.segments.back().is_some_and(|segment| segment.bytes == 0) {
                // A disk that stays full must not fill with names.
                self.remove(self.segments.len() - 1);
            }
            return Err(error.into());
        }
        segment.bytes += record.len() as u64;
        segment.last = (entry.epoch, entry.seq);
        segment.batches += 1;
        segment.samples += u64::from(entry.samples);
        segment.replaces |= told > 0;
        self.owed.drain(..told);
        self.unread += 1;
        Ok(())
    }

    /// Says that the next batch goes in place of an earlier one, which is in memory.
    pub(crate) fn replace(&mut self, earlier: Key) {
        self.owed.push(earlier);
        // Segments are read from the newest on, so the two must not share one.
        if self.segments.back().is_some_and(|segment| segment.first <= earlier) {
            self.writing = None;
        }
    }

    /// The next batch that is not in memory, oldest first.
    pub(crate) fn read_next(&mut self) -> Option<Entry> {
        while self.unread > 0 {
            let at = self.segments.partition_point(|segment| segment.number < self.cursor.0);
            let segment = self.segments.get(at)?;
            if segment.number != self.cursor.0 {
                self.cursor = (segment.number, 0);
            }
            match read_at(&self.path(segment.number), self.cursor.1) {
                Some((Record { entry, .. }, length)) => {
                    self.cursor.1 += length as u64;
                    if self.replaced.contains(&(entry.epoch, entry.seq)) {
                        continue;
                    }
                    self.unread -= 1;
                    return Some(entry);
                }
                None => self.cursor = (segment.number + 1, 0),
            }
        }
        None
    }

    /// Says that the batch just appended is in memory already.
    pub(crate) fn skip_newest(&mut self) {
        if let Some(segment) = self.segments.back() {
            self.cursor = (segment.number, segment.bytes);
            self.unread = 0;
        }
    }

    /// Forgets an acked batch.
    pub(crate) fn acked(&mut self, entry: &Entry) {
        let key = (entry.epoch, entry.seq);
        let at = self.segments.partition_point(|segment| segment.last < key);
        let Some(segment) = self.segments.get_mut(at).filter(|segment| segment.first <= key) else { return };
        segment.batches = segment.batches.saturating_sub(1);
        segment.samples = segment.samples.saturating_sub(u64::from(entry.samples));
        if segment.batches == 0 && !segment.replaces {
            self.remove(at);
        }
        self.remove_empty();
    }

    /// Makes room: gives up the oldest segment if there is too much.
    pub(crate) fn shed(&mut self) -> Option<Lost> {
        if self.bytes() <= self.max_bytes || self.segments.len() < 2 {
            return None;
        }
        let Segment { number, last, batches, samples, .. } = *self.segments.front()?;
        if self.cursor.0 <= number {
            self.unread -= self.unread_of(number);
            self.cursor = (number + 1, 0);
        }
        self.remove(0);
        Some(Lost { last, batches, samples })
    }

    /// Batches that are on disk only.
    pub(crate) fn unread(&self) -> u64 {
        self.unread
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Records that could not be read when the spool was opened.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Batches of a segment that the cursor has not passed.
    fn unread_of(&self, number: u64) -> u64 {
        let (mut offset, mut count) = (if self.cursor.0 == number { self.cursor.1 } else { 0 }, 0);
        while let Some((Record { entry, .. }, length)) = read_at(&self.path(number), offset) {
            offset += length as u64;
            count += u64::from(!self.replaced.contains(&(entry.epoch, entry.seq)));
        }
        count.min(self.unread)
    }

    /// A segment that stands for batches of earlier ones goes after all of them: they would come back without it.
    fn remove_empty(&mut self) {
        while self.segments.front().is_some_and(|segment| segment.batches == 0) {
            self.remove(0);
        }
    }

    fn remove(&mut self, at: usize) {
        if at + 1 == self.segments.len() {
            self.writing = None;
        }
        if let Some(segment) = self.segments.remove(at) {
            // A file that stays is read again after a restart, and its batches dropped as duplicates.
            let _ = std::fs::remove_file(self.path(segment.number));
        }
    }

    fn restore(&mut self, number: u64) -> std::io::Result<()> {
        let path = self.path(number);
        let mut bytes = Vec::new();
        File::open(&path)?.read_to_end(&mut bytes)?;
        let (mut offset, mut segment) = (0, None::<Segment>);
        while let Some((Record { entry, replaced }, length)) = decode(&bytes[offset..]) {
            offset += length;
            let key = (entry.epoch, entry.seq);
            let segment = segment.get_or_insert_with(|| Segment::new(number, key));
            segment.last = key;
            segment.bytes = offset as u64;
            segment.replaces |= !replaced.is_empty();
            if !self.replaced.contains(&key) {
                segment.batches += 1;
                segment.samples += u64::from(entry.samples);
            }
            self.replaced.extend(replaced);
        }
        if offset < bytes.len() {
            self.damaged += 1;
            File::options().write(true).open(&path)?.set_len(offset as u64)?;
        }
        match segment {
            Some(segment) => self.segments.push_front(segment),
            None => std::fs::remove_file(&path)?,
        }
        Ok(())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:012}.spool"))
    }
}

impl Segment {
    fn new(number: u64, key: Key) -> Self {
        Self { number, bytes: 0, first: key, last: key, batches: 0, samples: 0, replaces: false }
    }
}

fn numbers(folder: &Path) -> std::io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".spool")?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests;
