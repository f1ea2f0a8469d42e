//! The spool: every sealed batch is on disk until its ack, so that a killed agent loses none of them.
//!
//! Segments are numbered files of records in order; a segment goes when all its batches are acked, and the oldest when
//! there is no room. Files are written, not synced: a killed process loses nothing, a power cut the last half minute.
//!
//! ```text
//! record: payload length u32 · check u32 · epoch u64 · seq u64 · samples u32 · payload    (little-endian)
//! ```

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use weir_wire::{Entry, Epoch, Lost};
use xxhash_rust::xxh3::xxh3_64;

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
}

struct Segment {
    number: u64,
    bytes: u64,
    first: (Epoch, u64),
    last: (Epoch, u64),
    /// Not acked.
    batches: u64,
    samples: u64,
}

/// Size at which a segment is closed. What was acked of one that is not all acked is sent again after a restart.
const SEGMENT_BYTES: u64 = 128 << 10;
const HEAD_BYTES: usize = 28;
/// No payload is longer than a frame of a stream.
const MAX_PAYLOAD_BYTES: u32 = 64 << 10;

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
        };
        for number in numbers(folder).with_context(|| format!("listing {}", folder.display()))? {
            spool.restore(number).with_context(|| format!("reading {}", spool.path(number).display()))?;
            spool.next_number = number + 1;
        }
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
            self.segments.push_back(Segment { number, bytes: 0, first: key, last: key, batches: 0, samples: 0 });
            self.next_number += 1;
        }
        let (Some(file), Some(segment)) = (&mut self.writing, self.segments.back_mut()) else { return Ok(()) };
        let record = encode(entry);
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
        self.unread += 1;
        Ok(())
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
                Some(entry) => {
                    self.cursor.1 += (HEAD_BYTES + entry.payload.len()) as u64;
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

    /// Puts the next batch into another segment.
    pub(crate) fn begin_segment(&mut self) {
        self.writing = None;
    }

    /// Forgets an acked batch.
    pub(crate) fn acked(&mut self, entry: &Entry) {
        let key = (entry.epoch, entry.seq);
        let at = self.segments.partition_point(|segment| segment.last < key);
        let Some(segment) = self.segments.get_mut(at).filter(|segment| segment.first <= key) else { return };
        segment.batches = segment.batches.saturating_sub(1);
        segment.samples = segment.samples.saturating_sub(u64::from(entry.samples));
        if segment.batches == 0 {
            self.remove(at);
        }
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
        while let Some(entry) = read_at(&self.path(number), offset) {
            offset += (HEAD_BYTES + entry.payload.len()) as u64;
            count += 1;
        }
        count.min(self.unread)
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
        while let Some(entry) = decode(&bytes[offset..]) {
            offset += HEAD_BYTES + entry.payload.len();
            let key = (entry.epoch, entry.seq);
            let fresh = || Segment { number, bytes: 0, first: key, last: key, batches: 0, samples: 0 };
            let segment = segment.get_or_insert_with(fresh);
            segment.last = key;
            segment.bytes = offset as u64;
            segment.batches += 1;
            segment.samples += u64::from(entry.samples);
        }
        if offset < bytes.len() {
            self.damaged += 1;
            File::options().write(true).open(&path)?.set_len(offset as u64)?;
        }
        match segment {
            Some(segment) => self.segments.push_back(segment),
            None => std::fs::remove_file(&path)?,
        }
        Ok(())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:012}.spool"))
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

fn encode(entry: &Entry) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEAD_BYTES + entry.payload.len());
    record.extend_from_slice(&(entry.payload.len() as u32).to_le_bytes());
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&entry.epoch.0.to_le_bytes());
    record.extend_from_slice(&entry.seq.to_le_bytes());
    record.extend_from_slice(&entry.samples.to_le_bytes());
    record.extend_from_slice(&entry.payload);
    let check = check(&record);
    record[4..8].copy_from_slice(&check.to_le_bytes());
    record
}

/// The record at the start of `bytes`, if it is whole.
fn decode(bytes: &[u8]) -> Option<Entry> {
    let head = bytes.get(..HEAD_BYTES)?;
    let four = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let eight = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
    let record = bytes.get(..HEAD_BYTES + four(0).filter(|length| *length <= MAX_PAYLOAD_BYTES)? as usize)?;
    if check(record) != four(4)? {
        return None;
    }
    let payload = record[HEAD_BYTES..].to_vec();
    Some(Entry { epoch: Epoch(eight(8)?), seq: eight(16)?, payload, samples: four(24)? })
}

/// Over everything but the check's own bytes.
fn check(record: &[u8]) -> u32 {
    (xxh3_64(&record[8..]) ^ record.len() as u64) as u32
}

fn read_at(path: &Path, offset: u64) -> Option<Entry> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut bytes = vec![0; HEAD_BYTES];
    file.read_exact(&mut bytes).ok()?;
    let length = u32::from_le_bytes(bytes[..4].try_into().ok()?).min(MAX_PAYLOAD_BYTES) as usize;
    bytes.resize(HEAD_BYTES + length, 0);
    match file.read_exact(&mut bytes[HEAD_BYTES..]) {
        Ok(()) => decode(&bytes),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64) -> Entry {
        Entry { epoch: Epoch(7), seq, payload: vec![seq as u8; 1_000], samples: 10 }
    }

    fn filled(folder: &Path, max_bytes: u64, count: u64) -> Spool {
        let mut spool = Spool::open(folder, max_bytes).unwrap();
        (0..count).for_each(|seq| spool.append(&entry(seq)).unwrap());
        spool
    }

    fn seqs(spool: &mut Spool) -> Vec<u64> {
        std::iter::from_fn(|| spool.read_next()).map(|entry| entry.seq).collect()
    }

    #[test]
    fn a_full_disk_costs_what_it_did_not_take_and_does_not_fill_with_names() {
        let folder = tempfile::tempdir().unwrap();
        let disk = weir_files::fault::Disk::under(folder.path());
        let mut spool = filled(folder.path(), 1 << 30, 2);
        disk.fail_after(0, weir_files::fault::Fault::NoSpace);
        (2..20).for_each(|seq| assert!(spool.append(&entry(seq)).is_err()));
        disk.heal();
        assert!(std::fs::read_dir(folder.path()).unwrap().count() <= 2, "{:?}", weir_files::names(folder.path()));
        spool.append(&entry(20)).unwrap();
        assert_eq!(spool.unread(), 3);
        assert_eq!(seqs(&mut spool), [0, 1, 20]);
    }

    #[test]
    fn what_was_not_acked_is_there_after_a_restart_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = filled(folder.path(), 1 << 30, 300);
        assert!(spool.segments.len() > 2);
        (0..200).for_each(|seq| spool.acked(&entry(seq)));
        drop(spool);
        let mut spool = Spool::open(folder.path(), 1 << 30).unwrap();
        let left = seqs(&mut spool);
        assert_eq!(*left.last().unwrap(), 299);
        // Segments go as a whole: of the one that holds the last ack, all is sent again.
        let first = left[0];
        assert!(first <= 200 && 200 - first < SEGMENT_BYTES / 1_000 + 1, "{first}");
        assert_eq!(left, (first..300).collect::<Vec<_>>());
        assert_eq!(spool.unread(), 0);
        left.into_iter().for_each(|seq| spool.acked(&entry(seq)));
        assert_eq!(spool.bytes(), 0);
        assert_eq!(numbers(folder.path()).unwrap(), Vec::<u64>::new());
    }

    #[test]
    fn a_full_spool_gives_up_the_oldest_and_says_what() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = filled(folder.path(), 300_000, 400);
        assert_eq!(spool.read_next().map(|entry| entry.seq), Some(0));
        let mut lost = 0;
        while let Some(Lost { last, batches, samples }) = spool.shed() {
            lost += batches;
            assert_eq!((last.1, samples), (lost - 1, batches * 10));
        }
        assert!(spool.bytes() <= 300_000 && lost > 0);
        assert_eq!(seqs(&mut spool), (lost..400).collect::<Vec<_>>());
    }

    #[test]
    fn a_torn_record_ends_its_segment_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        drop(filled(folder.path(), 1 << 30, 300));
        let first = folder.path().join("000000000000.spool");
        let length = first.metadata().unwrap().len();
        File::options().write(true).open(&first).unwrap().set_len(length - 1).unwrap();
        let mut spool = Spool::open(folder.path(), 1 << 30).unwrap();
        let missing = length / (1_000 + HEAD_BYTES as u64) - 1;
        assert_eq!(spool.damaged(), 1);
        assert_eq!(seqs(&mut spool), (0..300).filter(|seq| *seq != missing).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_acked_or_read_is_not_lost_twice() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = filled(folder.path(), 1, 300);
        let (first, second) = (spool.segments[0].batches, spool.segments[1].batches);
        (0..3).for_each(|seq| spool.acked(&entry(seq)));
        // Of another run, or from behind the newest: nothing here.
        spool.acked(&Entry { epoch: Epoch(6), ..entry(3) });
        spool.acked(&Entry { epoch: Epoch(8), ..entry(3) });
        (0..5).for_each(|_| drop(spool.read_next()));
        let lost = |last, batches| Lost { last: (Epoch(7), last), batches, samples: 10 * batches };
        assert_eq!(spool.shed(), Some(lost(first - 1, first - 3)));
        assert_eq!(spool.unread(), 300 - first);
        // All of the second is in memory when it goes: as much is unread as before.
        (0..second).for_each(|_| drop(spool.read_next()));
        assert_eq!(spool.shed(), Some(lost(first + second - 1, second)));
        assert_eq!(spool.unread(), 300 - first - second);
        assert_eq!(seqs(&mut spool), (first + second..300).collect::<Vec<_>>());
        // The newest segment stays, however small the spool is to be.
        while spool.shed().is_some() {}
        assert_eq!(spool.segments.len(), 1);
    }

    #[test]
    fn a_spool_that_is_just_full_gives_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = filled(folder.path(), 1 << 30, 300);
        spool.max_bytes = spool.bytes();
        assert_eq!(spool.shed(), None);
        spool.max_bytes -= 1;
        assert!(spool.shed().is_some());
    }

    #[test]
    fn a_batch_after_a_restart_goes_behind_what_was_left() {
        let folder = tempfile::tempdir().unwrap();
        drop(filled(folder.path(), 1 << 30, 3));
        let mut spool = Spool::open(folder.path(), 1 << 30).unwrap();
        (3..5).for_each(|seq| spool.append(&entry(seq)).unwrap());
        assert_eq!(spool.unread(), 5);
        assert_eq!(seqs(&mut spool), [0, 1, 2, 3, 4]);
        drop(spool);
        assert_eq!(seqs(&mut Spool::open(folder.path(), 1 << 30).unwrap()), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn every_damaged_byte_is_found_and_costs_the_rest_of_its_file_only() {
        let record = encode(&entry(1));
        assert_eq!(decode(&record), Some(entry(1)));
        for at in 0..record.len() {
            let mut damaged = record.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), None, "byte {at}");
        }
        let largest = Entry { payload: vec![1; MAX_PAYLOAD_BYTES as usize], ..entry(1) };
        assert_eq!(decode(&encode(&largest)), Some(largest));
        assert_eq!(decode(&encode(&Entry { payload: vec![1; MAX_PAYLOAD_BYTES as usize + 1], ..entry(1) })), None);
    }

    #[test]
    fn what_is_in_memory_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = filled(folder.path(), 1 << 30, 3);
        spool.skip_newest();
        assert_eq!(spool.read_next(), None);
        spool.append(&entry(3)).unwrap();
        assert_eq!(spool.read_next().map(|entry| entry.seq), Some(3));
    }
}
