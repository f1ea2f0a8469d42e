//! What the store asks of an object store.

use std::io::{self, Read};

use crate::Error;

/// An object store, or a part of one that is ours alone. Its calls block; they are made by threads that may wait.
pub trait Remote: Send + Sync + std::fmt::Debug {
    /// Stores an object, in place of one of the same key. It is durable when this returns, and there whole or not at all.
    ///
    /// # Errors
    /// What the object store says, or what reading `body` does.
    fn put(&self, key: &str, body: &mut dyn Read) -> io::Result<()>;

    /// Reads `size` bytes of an object from `offset` on; fewer where it ends.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such object, or what the object store says.
    fn get_range(&self, key: &str, offset: u64, size: usize) -> io::Result<Vec<u8>>;

    /// Deletes an object; one that is gone already is as good.
    ///
    /// # Errors
    /// What the object store says.
    fn delete(&self, key: &str) -> io::Result<()>;

    /// Keys and sizes of the objects whose key begins with `folder` and a slash.
    ///
    /// # Errors
    /// What the object store says.
    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>>;
}

/// Bytes that are read back at once for comparison.
const COMPARED_AT_ONCE: usize = 4 << 20;

/// Stores an object and reads it back; `go_on` is asked between two reads. Returns its size and checksum.
pub(crate) fn put_compared(
    remote: &dyn Remote,
    key: &str,
    body: &mut dyn Read,
    mut go_on: impl FnMut() -> Result<(), Error>,
) -> Result<(u64, u32), Error> {
    let mut body = Summed { body, size: 0, sum: 0 };
    let stored = remote.put(key, &mut body);
    go_on()?;
    stored.map_err(Error::remote("write", key))?;
    let (mut at, mut sum) = (0, 0);
    while at < body.size {
        go_on()?;
        let bytes = remote.get_range(key, at, COMPARED_AT_ONCE).map_err(Error::remote("read back", key))?;
        if bytes.is_empty() {
            break;
        }
        sum = crc32c::crc32c_append(sum, &bytes);
        at += bytes.len() as u64;
    }
    if (at, sum) == (body.size, body.sum) {
        return Ok((at, sum));
    }
    let differs = io::Error::new(io::ErrorKind::InvalidData, "what is read back is not what was written");
    Err(Error::remote("write", key)(differs))
}

/// Size and checksum of bytes.
pub(crate) fn summed(mut body: impl Read) -> io::Result<(u64, u32)> {
    let mut body = Summed { body: &mut body, size: 0, sum: 0 };
    io::copy(&mut body, &mut io::sink())?;
    Ok((body.size, body.sum))
}

/// Bytes, counted and summed up on their way.
struct Summed<'a> {
    body: &'a mut dyn Read,
    size: u64,
    sum: u32,
}

impl Read for Summed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        self.sum = crc32c::crc32c_append(self.sum, &buffer[..read]);
        self.size += read as u64;
        Ok(read)
    }
}
