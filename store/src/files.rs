//! Files that only grow, made of frames with a length and a checksum. What stands after the length that the last
//! checkpoint names was written by a process that died, and is cut off.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crc32c::crc32c;

use crate::Error;

/// A growing file.
#[derive(Debug)]
pub(crate) struct Frames {
    path: PathBuf,
    file: File,
    length: u64,
}

/// Length and checksum.
const FRAME_HEADER: usize = 8;

impl Frames {
    /// Opens or makes a file and cuts it to `length`.
    pub(crate) fn open(path: &Path, length: u64) -> Result<Self, Error> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(Error::io("open", path))?;
        let actual = file.metadata().map_err(Error::io("look at", path))?.len();
        if actual < length {
            return Err(Error::Damaged { path: path.into(), problem: "shorter than the checkpoint says" });
        }
        if actual > length {
            file.set_len(length).map_err(Error::io("cut", path))?;
        }
        Ok(Self { path: path.into(), file, length })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends frames and makes them durable; returns where each payload starts.
    pub(crate) fn append<'a>(&mut self, payloads: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u64>, Error> {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for payload in payloads {
            bytes.extend((payload.len() as u32).to_le_bytes());
            bytes.extend(crc32c(payload).to_le_bytes());
            starts.push(self.length + bytes.len() as u64);
            bytes.extend_from_slice(payload);
        }
        self.file.write_all_at(&bytes, self.length).map_err(Error::io("write to", &self.path))?;
        self.file.sync_data().map_err(Error::io("sync", &self.path))?;
        self.length += bytes.len() as u64;
        Ok(starts)
    }

    /// One payload; `None` if its checksum does not hold.
    pub(crate) fn read(&self, start: u64, size: u32) -> Option<Vec<u8>> {
        let mut frame = vec![0; FRAME_HEADER + size as usize];
        self.file.read_exact_at(&mut frame, start.checked_sub(FRAME_HEADER as u64)?).ok()?;
        let payload = frame.split_off(FRAME_HEADER);
        (frame[..4] == size.to_le_bytes() && frame[4..] == crc32c(&payload).to_le_bytes()).then_some(payload)
    }

    /// Calls `each` with every sound payload and its start; returns how many were damaged.
    pub(crate) fn scan(&self, mut each: impl FnMut(u64, &[u8])) -> Result<u64, Error> {
        let mut bytes = vec![0; self.length as usize];
        self.file.read_exact_at(&mut bytes, 0).map_err(Error::io("read", &self.path))?;
        let (mut at, mut damaged) = (0, 0);
        while let Some(header) = bytes.get(at..at + FRAME_HEADER) {
            let size = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
            let start = at + FRAME_HEADER;
            // A length that leads past the end leaves nothing to go on from.
            let Some(payload) = bytes.get(start..start + size) else { return Ok(damaged + 1) };
            match header[4..] == crc32c(payload).to_le_bytes() {
                true => each(start as u64, payload),
                false => damaged += 1,
            }
            at = start + size;
        }
        Ok(damaged)
    }
}

/// Puts a file in place of another so that after a crash there is the old or the new one, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft).map_err(Error::io("create", &draft))?;
    file.write_all(bytes).map_err(Error::io("write to", &draft))?;
    file.sync_all().map_err(Error::io("sync", &draft))?;
    std::fs::rename(&draft, path).map_err(Error::io("replace", path))?;
    sync_folder(path.parent().unwrap_or(path))
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}
