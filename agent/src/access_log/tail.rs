//! A file that grows: what was added since the last look, through rotation and truncation.

use std::fs::File;
use std::io::{Error, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub inode: u64,
    pub offset: u64,
}

/// One file by its path.
pub(super) struct Tail {
    path: PathBuf,
    open: Option<(File, Position)>,
    /// Bytes of a line whose end is not written yet.
    held: Vec<u8>,
    buffer: Vec<u8>,
    /// Where the first file is begun; later ones are read whole.
    start: Start,
    /// Lines that were longer than a line may be.
    pub(super) too_long: u64,
}

/// Where to begin a file that is met for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Beginning,
    End,
    /// Where an earlier run stopped, if it is the same file still.
    At(Position),
}

const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
const BUFFER_BYTES: usize = 64 << 10;
const MAX_LINE_BYTES: usize = 32 << 10;

impl Tail {
    pub(super) fn new(path: &Path, start: Start) -> Self {
        Self { path: path.to_owned(), open: None, held: Vec::new(), buffer: Vec::new(), start, too_long: 0 }
    }

    /// Hands over whole lines, at most about `max_bytes` of them; whether there may be more.
    ///
    /// # Errors
    /// What the system says of reading; the next look tries again.
    pub(super) fn read(&mut self, max_bytes: usize, mut line: impl FnMut(&[u8])) -> std::io::Result<bool> {
        let mut left = max_bytes;
        self.buffer.resize(BUFFER_BYTES, 0);
        loop {
            if self.open.is_none() && !self.begin()? {
                return Ok(false);
            }
            let Some((file, position)) = &mut self.open else { return Ok(false) };
            if file.metadata()?.len() < position.offset {
                // Cut to nothing and written anew, as logrotate's copytruncate does.
                file.seek(SeekFrom::Start(0))?;
                position.offset = 0;
                self.held.clear();
            }
            let size = file.read(&mut self.buffer)?;
            if size > 0 {
                position.offset += size as u64;
                self.hand_over(size, &mut line);
                left = left.saturating_sub(size);
                if left == 0 {
                    return Ok(true);
                }
            } else if !self.is_replaced() {
                return Ok(false);
            } else {
                // Renamed, and read to its end: its last line stays unfinished.
                self.held.clear();
                self.open = None;
                self.start = Start::Beginning;
            }
        }
    }

    /// Where reading stands at the end of the last whole line.
    pub(super) fn position(&self) -> Option<Position> {
        let (_, Position { inode, offset }) = self.open.as_ref()?;
        Some(Position { inode: *inode, offset: offset - self.held.len() as u64 })
    }

    /// Bytes that wait to be read.
    pub(super) fn behind(&self) -> u64 {
        let Some((file, position)) = &self.open else { return 0 };
        file.metadata().map_or(0, |meta| meta.len().saturating_sub(position.offset))
    }

    /// Opens the file, if there is one.
    fn begin(&mut self) -> std::io::Result<bool> {
        // A pipe that nobody writes to must not hold up whoever opens it.
        let mut file = match File::options().read(true).custom_flags(NONBLOCK).open(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Whatever comes to stand here was not there to be skipped.
                self.start = Start::Beginning;
                return Ok(false);
            }
            opened => opened?,
        };
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(Error::other("it is no plain file"));
        }
        let offset = match self.start {
            Start::At(Position { inode, offset }) if inode == meta.ino() && offset <= meta.len() => offset,
            Start::At(_) | Start::Beginning => 0,
            Start::End => meta.len(),
        };
        file.seek(SeekFrom::Start(offset))?;
        self.open = Some((file, Position { inode: meta.ino(), offset }));
        Ok(true)
    }

    /// Whether another file stands at the path now.
    fn is_replaced(&self) -> bool {
        let here = std::fs::metadata(&self.path).map(|meta| meta.ino()).ok();
        here.is_some() && self.open.as_ref().map(|(_, position)| position.inode) != here
    }

    fn hand_over(&mut self, size: usize, line: &mut impl FnMut(&[u8])) {
        let mut rest = &self.buffer[..size];
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            match self.held.is_empty() {
                true => line(&rest[..at]),
                false => {
                    self.held.extend_from_slice(&rest[..at]);
                    line(&self.held);
                    self.held.clear();
                }
            }
            rest = &rest[at + 1..];
        }
        self.held.extend_from_slice(rest);
        if self.held.len() > MAX_LINE_BYTES {
            self.too_long += 1;
            self.held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    struct Log {
        folder: tempfile::TempDir,
    }

    impl Log {
        fn path(&self) -> PathBuf {
            self.folder.path().join("access.log")
        }

        fn add(&self, text: &str) {
            let mut file = File::options().create(true).append(true).open(self.path()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
    }

    fn log() -> Log {
        Log { folder: tempfile::tempdir().unwrap() }
    }

    fn read(tail: &mut Tail) -> String {
        let mut lines = Vec::new();
        while tail.read(1 << 20, |line| lines.push(String::from_utf8_lossy(line).into_owned())).unwrap() {}
        lines.join(",")
    }

    #[test]
    fn whole_lines_are_read_once() {
        let log = log();
        log.add("old\n");
        let mut tail = Tail::new(&log.path(), Start::End);
        assert_eq!(read(&mut tail), "");
        log.add("a\nb");
        assert_eq!(read(&mut tail), "a");
        log.add("c\n");
        assert_eq!(read(&mut tail), "bc");
        assert_eq!(read(&mut tail), "");
    }

    #[test]
    fn a_rotated_file_is_read_to_its_end_first() {
        let log = log();
        log.add("a\n");
        let mut tail = Tail::new(&log.path(), Start::Beginning);
        assert_eq!(read(&mut tail), "a");
        log.add("b\n");
        std::fs::rename(log.path(), log.folder.path().join("access.log.1")).unwrap();
        assert_eq!(read(&mut tail), "b");
        log.add("c\n");
        assert_eq!(read(&mut tail), "c");
    }

    #[test]
    fn a_truncated_file_is_read_from_its_start() {
        let log = log();
        log.add("a long line\n");
        let mut tail = Tail::new(&log.path(), Start::Beginning);
        read(&mut tail);
        File::create(log.path()).unwrap();
        log.add("b\n");
        assert_eq!(read(&mut tail), "b");
    }

    #[test]
    fn an_earlier_runs_position_is_taken_up_if_it_is_the_same_file() {
        let log = log();
        log.add("a\nb\nhalf");
        let mut tail = Tail::new(&log.path(), Start::Beginning);
        assert_eq!(read(&mut tail), "a,b");
        let position = tail.position().unwrap();
        log.add("\nc\n");
        assert_eq!(read(&mut Tail::new(&log.path(), Start::At(position))), "half,c");
        let other = Position { inode: position.inode + 1, ..position };
        assert_eq!(read(&mut Tail::new(&log.path(), Start::At(other))), "a,b,half,c");
    }

    #[test]
    fn a_file_that_comes_later_is_read_whole() {
        let log = log();
        let mut tail = Tail::new(&log.path(), Start::End);
        assert_eq!(read(&mut tail), "");
        log.add("a\n");
        assert_eq!(read(&mut tail), "a");
    }

    #[test]
    fn an_endless_line_does_not_fill_memory() {
        let log = log();
        log.add(&"x".repeat(200_000));
        let mut tail = Tail::new(&log.path(), Start::Beginning);
        assert_eq!(read(&mut tail), "");
        assert!(tail.too_long > 0 && tail.held.len() <= MAX_LINE_BYTES);
    }
}
