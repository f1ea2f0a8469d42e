//! A file that grows: what was added since the last look, through rotation and truncation.

use std::fs::File;
use std::io::{Error, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

/// Where reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub inode: u64,
    pub offset: u64,
    /// A sum of what stands before the offset at the file's start, by which a new file at the same inode is known; none where an earlier
    /// version of this program wrote the position.
    pub head: Option<u64>,
}

/// One file by its path.
pub(super) struct Tail {
    path: PathBuf,
    open: Option<Open>,
    /// What stood at the path before, and until when it is read on: a server writes there until it has heard of the rotation.
    renamed: Option<(Open, Instant)>,
    buffer: Vec<u8>,
    /// Where the first file is begun; later ones are read whole.
    start: Start,
    /// Lines that were longer than a line may be.
    pub(super) too_long: u64,
}

/// A file that is being read.
struct Open {
    file: File,
    inode: u64,
    offset: u64,
    /// Bytes of a line whose end is not written yet.
    held: Vec<u8>,
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
/// Bytes at the start of a file by which it is known.
const HEAD_BYTES: u64 = 256;
/// Time after which nobody writes to a renamed file. logrotate tells a server at once; one that is busy ends its requests first.
const RENAMED_FOR: Duration = Duration::from_secs(60);

impl Tail {
    pub(super) fn new(path: &Path, start: Start) -> Self {
        Self { path: path.to_owned(), open: None, renamed: None, buffer: Vec::new(), start, too_long: 0 }
    }

    /// Hands over whole lines, at most about `max_bytes` of them; whether there may be more.
    ///
    /// # Errors
    /// What the system says of reading; the next look tries again.
    pub(super) fn read(
        &mut self,
        max_bytes: usize,
        now: Instant,
        mut line: impl FnMut(&[u8]),
    ) -> std::io::Result<bool> {
        let mut left = max_bytes;
        self.buffer.resize(BUFFER_BYTES, 0);
        if let Some((renamed, until)) = &mut self.renamed {
            while left > 0 {
                match renamed.read(&mut self.buffer, &mut self.too_long, &mut line)? {
                    0 => break,
                    size => left = left.saturating_sub(size),
                }
            }
            if left == 0 {
                return Ok(true);
            }
            if now >= *until {
                // Its last line stays unfinished.
                self.renamed = None;
            }
        }
        loop {
            if self.open.is_none() && !self.begin()? {
                return Ok(false);
            }
            let Some(open) = &mut self.open else { return Ok(false) };
            open.rewind_if_cut()?;
            let size = open.read(&mut self.buffer, &mut self.too_long, &mut line)?;
            if size > 0 {
                left = left.saturating_sub(size);
                if left == 0 {
                    return Ok(true);
                }
            } else if !self.is_replaced() {
                return Ok(false);
            } else {
                self.renamed = self.open.take().map(|renamed| (renamed, now + RENAMED_FOR));
                self.start = Start::Beginning;
            }
        }
    }

    /// Where reading stands at the end of the last whole line.
    pub(super) fn position(&self) -> Option<Position> {
        let open = self.open.as_ref()?;
        let offset = open.offset - open.held.len() as u64;
        Some(Position { inode: open.inode, offset, head: head(&open.file, offset) })
    }

    /// Bytes that wait to be read.
    pub(super) fn behind(&self) -> u64 {
        let renamed = self.renamed.iter().map(|(renamed, _)| renamed);
        self.open.iter().chain(renamed).map(Open::behind).sum()
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
            Start::At(Position { inode, offset, head: known })
                if inode == meta.ino()
                    && offset <= meta.len()
                    && known.is_none_or(|known| head(&file, offset) == Some(known)) =>
            {
                offset
            }
            Start::At(_) | Start::Beginning => 0,
            Start::End => meta.len(),
        };
        file.seek(SeekFrom::Start(offset))?;
        self.open = Some(Open { file, inode: meta.ino(), offset, held: Vec::new() });
        Ok(true)
    }

    /// Whether another file stands at the path now.
    fn is_replaced(&self) -> bool {
        let here = std::fs::metadata(&self.path).map(|meta| meta.ino()).ok();
        here.is_some() && self.open.as_ref().map(|open| open.inode) != here
    }
}

impl Open {
    /// Reads on and hands over whole lines; how many bytes there were.
    fn read(&mut self, buffer: &mut [u8], too_long: &mut u64, line: &mut impl FnMut(&[u8])) -> std::io::Result<usize> {
        let size = self.file.read(buffer)?;
        self.offset += size as u64;
        let mut rest = &buffer[..size];
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
            *too_long += 1;
            self.held.clear();
        }
        Ok(size)
    }

    /// Goes back to the start of a file that was cut to nothing and is written anew, as logrotate's copytruncate does.
    fn rewind_if_cut(&mut self) -> std::io::Result<()> {
        if self.file.metadata()?.len() < self.offset {
            self.file.seek(SeekFrom::Start(0))?;
            self.offset = 0;
            self.held.clear();
        }
        Ok(())
    }

    fn behind(&self) -> u64 {
        self.file.metadata().map_or(0, |meta| meta.len().saturating_sub(self.offset))
    }
}

/// A sum of the first bytes of a file, as far as they stand before an offset.
fn head(file: &File, offset: u64) -> Option<u64> {
    let mut bytes = vec![0; offset.min(HEAD_BYTES) as usize];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(xxh3_64(&bytes))
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
        read_at(tail, Instant::now())
    }

    fn read_at(tail: &mut Tail, now: Instant) -> String {
        let mut lines = Vec::new();
        while tail.read(1 << 20, now, |line| lines.push(String::from_utf8_lossy(line).into_owned())).unwrap() {}
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
    fn a_renamed_file_is_read_on_beside_the_new_one() {
        let log = log();
        log.add("a\n");
        let (mut tail, now) = (Tail::new(&log.path(), Start::Beginning), Instant::now());
        assert_eq!(read_at(&mut tail, now), "a");
        let mut old = File::options().append(true).open(log.path()).unwrap();
        std::fs::rename(log.path(), log.folder.path().join("access.log.1")).unwrap();
        log.add("n1\n");
        assert_eq!(read_at(&mut tail, now), "n1");
        old.write_all(b"b\nc").unwrap();
        assert_eq!((tail.behind(), read_at(&mut tail, now)), (3, "b".into()));
        old.write_all(b"\nd\n").unwrap();
        log.add("n2\n");
        // The last look after its time still takes what is there.
        assert_eq!(read_at(&mut tail, now + RENAMED_FOR), "c,d,n2");
        old.write_all(b"e\n").unwrap();
        assert_eq!(read_at(&mut tail, now + RENAMED_FOR), "");
    }

    #[test]
    fn a_new_file_at_the_same_inode_is_a_new_file() {
        let log = log();
        log.add("a\nb\n");
        let mut tail = Tail::new(&log.path(), Start::Beginning);
        assert_eq!(read(&mut tail), "a,b");
        let position = tail.position().unwrap();
        std::fs::write(log.path(), "x\ny\nz\n").unwrap();
        assert_eq!(std::fs::metadata(log.path()).unwrap().ino(), position.inode);
        assert_eq!(read(&mut Tail::new(&log.path(), Start::At(position))), "x,y,z");
        // What an earlier version kept says nothing of the start.
        assert_eq!(read(&mut Tail::new(&log.path(), Start::At(Position { head: None, ..position }))), "z");
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
        assert!(tail.too_long > 0 && tail.open.unwrap().held.len() <= MAX_LINE_BYTES);
    }
}
