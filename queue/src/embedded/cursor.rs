//! A reader's place in one log: the open segment, a window of its bytes, and the record that comes next.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::segment::{self, SEGMENT_HEADER_BYTES};
use crate::{
    Error, MAX_PAYLOAD_BYTES, Position, Record,
    record::{FRAME_HEADER_BYTES, Frame, FrameHeader, next_header},
};

/// Bytes read at once: a good piece of a second of a busy log.
const READ_BYTES: usize = 1 << 20;
/// Bytes without a sound header that are kept in the hope of more. No record is longer, so these are lost.
const MAX_BROKEN_BYTES: usize = FRAME_HEADER_BYTES + MAX_PAYLOAD_BYTES;
/// Damaged spots of one segment that the log names; all are counted.
const MOST_NAMED: u32 = 8;

#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) writer: String,
    folder: PathBuf,
    open: Option<Open>,
    /// After the last record that was taken.
    position: Position,
    /// Bytes of the segment; `bytes[at..end]` is not parsed yet.
    bytes: Vec<u8>,
    at: usize,
    end: usize,
    head: Option<FrameHeader>,
    pub(crate) damage: Damage,
    /// Damaged spots of the open segment that the log has named.
    named: u32,
}

#[derive(Debug)]
struct Open {
    file: File,
    salt: u32,
    /// Where in the file the end of `bytes` is.
    read_to: u64,
}

/// What a reader had to step over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Damage {
    /// Records with a damaged payload, and runs of bytes without a sound header.
    pub(crate) spots: u64,
    /// Bytes in them.
    pub(crate) bytes: u64,
    /// Times the segment to be read next did not exist any more.
    pub(crate) missing_segments: u64,
}

impl Damage {
    pub(crate) fn add(&mut self, other: Self) {
        self.spots += other.spots;
        self.bytes += other.bytes;
        self.missing_segments += other.missing_segments;
    }
}

impl Cursor {
    pub(crate) fn new(folder: PathBuf, writer: String, position: Position) -> Self {
        let (bytes, damage) = (Vec::new(), Damage::default());
        Self { writer, folder, open: None, position, bytes, at: 0, end: 0, head: None, damage, named: 0 }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The header of the next record, if one has arrived.
    pub(crate) fn peek(&mut self) -> Result<Option<&FrameHeader>, Error> {
        while self.head.is_none() {
            if self.open.is_none() && !self.open_next(self.position.segment, self.position.offset)? {
                break;
            }
            self.parse()?;
            if self.head.is_some() {
                break;
            }
            // The listing comes before the last read: a writer starts a segment only when the one before is complete,
            // so what that read did not find will never come.
            let Some(next) = self.next_segment(self.position.segment + 1)? else { break };
            if self.fill()? {
                continue;
            }
            self.leave(next);
        }
        Ok(self.head.as_ref())
    }

    /// Takes the record that [`Cursor::peek`] showed.
    pub(crate) fn take(&mut self) -> Option<(Record<'_>, Position)> {
        let header = self.head.take()?;
        let frame = self.at..self.at + header.frame_bytes();
        self.at = frame.end;
        self.position.offset = self.offset();
        Some((header.record(&self.bytes[frame]), self.position))
    }

    /// Bytes of this log that are still to be read.
    pub(crate) fn backlog_bytes(&self) -> u64 {
        let numbers = segment::list(&self.folder).unwrap_or_default();
        let size = |number: u64| segment::path_of(&self.folder, number).metadata().map_or(0, |meta| meta.len());
        let ahead = numbers.into_iter().filter(|number| *number >= self.position.segment);
        let bytes: u64 = ahead.map(|number| size(number).saturating_sub(SEGMENT_HEADER_BYTES as u64)).sum();
        bytes.saturating_sub(self.position.offset.saturating_sub(SEGMENT_HEADER_BYTES as u64))
    }

    /// Moves to the next sound frame in what is read, reading more as long as there is more.
    fn parse(&mut self) -> Result<(), Error> {
        loop {
            let Some(salt) = self.open.as_ref().map(|open| open.salt) else { return Ok(()) };
            let rest = &self.bytes[self.at..self.end];
            match Frame::decode(rest, salt) {
                Frame::Sound(header) => {
                    self.head = Some(header);
                    return Ok(());
                }
                Frame::Damaged(frame_bytes) => self.step_over(frame_bytes),
                Frame::Short if self.fill()? => {}
                // A length that reaches past the end is damage if a sound header follows, else a write under way.
                Frame::Short | Frame::Broken => match next_header(&self.bytes[self.at..self.end], salt) {
                    Some(broken) => self.step_over(broken),
                    None if self.end - self.at > MAX_BROKEN_BYTES => self.step_over(MAX_BROKEN_BYTES),
                    None if self.fill()? => {}
                    None => return Ok(()),
                },
            }
        }
    }

    fn step_over(&mut self, bytes: usize) {
        self.count_damage("damaged", self.position.segment, self.offset(), bytes as u64);
        self.at += bytes;
    }

    /// Counts a spot that cannot be read, and says where it is.
    fn count_damage(&mut self, what: &str, segment: u64, offset: u64, bytes: u64) {
        self.damage.spots += 1;
        self.damage.bytes += bytes;
        self.named += 1;
        if self.named <= MOST_NAMED {
            let file = segment::path_of(&self.folder, segment);
            let more = if self.named == MOST_NAMED { "; more of this file are only counted" } else { "" };
            tracing::warn!(file = %file.display(), offset, bytes, what, "a part of the queue cannot be read{more}");
        }
    }

    /// Reads on. `false` at the end of the file as it is now.
    fn fill(&mut self) -> Result<bool, Error> {
        let Some(open) = &mut self.open else { return Ok(false) };
        self.bytes.copy_within(self.at..self.end, 0);
        (self.at, self.end) = (0, self.end - self.at);
        if self.bytes.len() < self.end + READ_BYTES {
            self.bytes.resize(self.end + READ_BYTES, 0);
        }
        let room = &mut self.bytes[self.end..][..READ_BYTES];
        let path = || segment::path_of(&self.folder, self.position.segment);
        let filled = segment::read_up_to(&open.file, room, open.read_to).map_err(|e| Error::io("read", path())(e))?;
        open.read_to += filled as u64;
        self.end += filled;
        Ok(filled > 0)
    }

    /// Gives up the rest of a segment that is complete, counting what could not be read, and opens the next.
    fn leave(&mut self, next: u64) {
        let rest = self.end - self.at;
        if rest > 0 {
            self.step_over(rest);
        }
        self.open = None;
        self.position = Position { segment: next, offset: 0 };
    }

    /// Opens the first segment from `number` on. `false` if there is none yet or its header is not written yet.
    fn open_next(&mut self, number: u64, offset: u64) -> Result<bool, Error> {
        let Some(found) = self.next_segment(number)? else { return Ok(false) };
        let path = segment::path_of(&self.folder, found);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(Error::io("open", &path)(e)),
        };
        let salt = segment::salt_of(&file, found).map_err(Error::io("read", &path))?;
        let Some(salt) = salt else { return self.skip_headless(&file, found) };
        self.named = 0;
        if found != number && offset > 0 {
            self.damage.missing_segments += 1;
            tracing::warn!(
                file = %segment::path_of(&self.folder, number).display(),
                "a file of the queue is gone before all of it was read"
            );
        }
        let length = file.metadata().map_err(Error::io("look at", &path))?.len();
        if found == number && offset > length {
            self.count_damage("cut off after it was read", found, length, offset - length);
        }
        let offset =
            if found == number { offset.max(SEGMENT_HEADER_BYTES as u64) } else { SEGMENT_HEADER_BYTES as u64 };
        self.position = Position { segment: found, offset };
        (self.at, self.end) = (0, 0);
        self.open = Some(Open { file, salt, read_to: offset });
        Ok(true)
    }

    /// A segment without a header is being created, or its creation was cut short by a crash.
    fn skip_headless(&mut self, file: &File, number: u64) -> Result<bool, Error> {
        let Some(next) = self.next_segment(number + 1)? else { return Ok(false) };
        if segment::salt_of(file, number).is_ok_and(|salt| salt.is_some()) {
            return self.open_next(number, 0);
        }
        let bytes = file.metadata().map_or(0, |meta| meta.len());
        if bytes > 0 {
            self.count_damage("without a header", number, 0, bytes);
        }
        self.open_next(next, 0)
    }

    fn next_segment(&self, from: u64) -> Result<Option<u64>, Error> {
        first_from(&self.folder, from)
    }

    /// The offset of `at` in the file.
    fn offset(&self) -> u64 {
        let read_to = self.open.as_ref().map_or(0, |open| open.read_to);
        read_to - (self.end - self.at) as u64
    }
}

fn first_from(folder: &Path, number: u64) -> Result<Option<u64>, Error> {
    Ok(segment::list(folder)?.into_iter().find(|found| *found >= number))
}
