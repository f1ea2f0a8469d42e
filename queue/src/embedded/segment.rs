//! Segment files: their names, their header, and the cut of a torn tail.
//!
//! A segment starts with its header twice, so that one damaged byte cannot make a whole segment unreadable.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crc32c::crc32c;

use crate::{
    Error,
    record::{Frame, next_header, u32_at, u64_at},
};

/// Both copies of the header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 2 * COPY_BYTES;
const COPY_BYTES: usize = 32;
const MAGIC: &[u8; 8] = b"WEIRLOG1";
const SUFFIX: &str = ".seg";

/// The file of segment `number` in a log's folder.
pub(crate) fn path_of(log: &Path, number: u64) -> PathBuf {
    log.join(format!("{number:016x}{SUFFIX}"))
}

/// The numbers of the segments in a log's folder, ascending; none if the folder is gone.
pub(crate) fn list(log: &Path) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::new();
    let entries = match fs::read_dir(log) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        entries => entries.map_err(Error::io("list", log))?,
    };
    for entry in entries {
        let name = entry.map_err(Error::io("list", log))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        numbers.extend(number.and_then(|hex| u64::from_str_radix(hex, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Creates a segment, durably including its name. One that fails is removed: tries on a full disk must not pile up.
pub(crate) fn create(log: &Path, number: u64, salt: u32) -> Result<File, Error> {
    let path = path_of(log, number);
    let file = weir_files::create_new(&path)?;
    let begun = weir_files::write_at(&file, &path, &header(number, salt), 0)
        .and_then(|()| weir_files::sync(&file, &path))
        .and_then(|()| weir_files::sync_folder(log));
    if begun.is_err() {
        // What cannot be removed has no record in it, and a reader passes it.
        let _ = weir_files::remove(&path);
    }
    begun.map(|()| file).map_err(Error::from)
}

fn header(number: u64, salt: u32) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut copy = [0; COPY_BYTES];
    copy[..8].copy_from_slice(MAGIC);
    copy[8..16].copy_from_slice(&number.to_le_bytes());
    copy[16..20].copy_from_slice(&salt.to_le_bytes());
    let crc = crc32c(&copy[..28]);
    copy[28..].copy_from_slice(&crc.to_le_bytes());
    let mut both = [0; SEGMENT_HEADER_BYTES];
    both[..COPY_BYTES].copy_from_slice(&copy);
    both[COPY_BYTES..].copy_from_slice(&copy);
    both
}

/// The salt in a segment's header; `None` if the header is incomplete or both copies are damaged.
pub(crate) fn salt_of(file: &File, number: u64) -> io::Result<Option<u32>> {
    let mut both = [0; SEGMENT_HEADER_BYTES];
    let filled = read_up_to(file, &mut both, 0)?;
    let sound = |copy: &[u8]| {
        let matches = copy.len() == COPY_BYTES && copy[..8] == *MAGIC && u64_at(copy, 8) == number;
        (matches && crc32c(&copy[..28]) == u32_at(copy, 28)).then(|| u32_at(copy, 16))
    };
    Ok(both[..filled].chunks(COPY_BYTES).find_map(sound))
}

/// Fills `buffer` from `offset` on; fewer bytes mean the file ends there.
pub(crate) fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// Cuts what follows the last sound frame of a segment that nobody writes any more. Returns the bytes cut.
pub(crate) fn cut_torn_tail(log: &Path, number: u64) -> Result<u64, Error> {
    let path = path_of(log, number);
    let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(Error::io("open", &path))?;
    let salt = salt_of(&file, number).map_err(Error::io("read", &path))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    let keep = match (salt, bytes.get(SEGMENT_HEADER_BYTES..)) {
        (Some(salt), Some(frames)) => SEGMENT_HEADER_BYTES + end_of_last_frame(frames, salt),
        (_, None) => 0,
        // Both headers damaged, yet records follow: not a crash while creating. Leave it to be looked at.
        (None, Some(_)) => bytes.len(),
    };
    let cut = bytes.len() - keep;
    if cut > 0 {
        weir_files::cut(&file, &path, keep as u64)?;
    }
    Ok(cut as u64)
}

/// Damage in the middle stays for the reader to count; only what no sound frame follows is a tail.
fn end_of_last_frame(bytes: &[u8], salt: u32) -> usize {
    let (mut at, mut end) = (0, 0);
    loop {
        match Frame::decode(&bytes[at..], salt) {
            Frame::Sound(header) => {
                at += header.frame_bytes();
                end = at;
            }
            Frame::Damaged(frame_bytes) => at += frame_bytes,
            Frame::Broken | Frame::Short => match next_header(&bytes[at..], salt) {
                Some(skip) => at += skip,
                None => return end,
            },
        }
    }
}
