//! Reading, and bytes that say themselves whether they are sound.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use crate::Error;

/// The bytes of a file, or `None` if there is none.
///
/// # Errors
/// What the file system says.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes).map_err(Error::io("read", path)).map(|_| Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}

/// Writes `bytes`, fewer than 4 GiB, after their length and CRC-32C (u32 each, little-endian).
///
/// # Errors
/// What the file says.
pub fn put_checked(file: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    file.write_all(&(bytes.len() as u32).to_le_bytes())?;
    file.write_all(&crc32c::crc32c(bytes).to_le_bytes())?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_if_there(&folder.path().join("none")).unwrap(), None);
        std::fs::write(folder.path().join("some"), b"x").unwrap();
        assert_eq!(read_if_there(&folder.path().join("some")).unwrap(), Some(b"x".to_vec()));
        assert_eq!(read_if_there(folder.path()).unwrap_err().action, "read", "a folder is no file");
    }

    #[test]
    fn checked_bytes_follow_their_length_and_checksum() {
        let mut out = Vec::new();
        put_checked(&mut out, b"123456789").unwrap();
        // The check value of CRC-32C.
        assert_eq!(out, [&[9, 0, 0, 0], &0xE306_9283_u32.to_le_bytes(), b"123456789".as_slice()].concat());
    }
}
