//! StatsD over stream sockets: lines that end in a line feed, or DogStatsD's frames with a length before them.

use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::Result;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

/// What came over all connections, whole lines at a time.
pub(crate) struct Streams {
    chunks: mpsc::Receiver<Vec<u8>>,
    pub(crate) too_long: Arc<AtomicU64>,
}

/// Chunks on their way; a client that is faster waits.
const MAX_CHUNKS: usize = 16;
/// Connections served at once; others wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
const MAX_CHUNK_BYTES: usize = 65_536;
const READ_BYTES: usize = 8_192;
const LENGTH_BYTES: usize = 4;

impl Streams {
    pub(crate) fn new(listener: StdListener) -> Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        let (sender, chunks) = mpsc::channel(MAX_CHUNKS);
        let too_long = Arc::new(AtomicU64::new(0));
        tokio::spawn(accept(listener, sender, Arc::clone(&too_long)));
        Ok(Self { chunks, too_long })
    }

    /// The next whole lines; never ends.
    pub(crate) async fn next(&mut self) -> Vec<u8> {
        match self.chunks.recv().await {
            Some(chunk) => chunk,
            None => std::future::pending().await,
        }
    }

    /// What is there now.
    pub(crate) fn next_now(&mut self) -> Option<Vec<u8>> {
        self.chunks.try_recv().ok()
    }
}

async fn accept(listener: UnixListener, chunks: mpsc::Sender<Vec<u8>>, too_long: Arc<AtomicU64>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while !chunks.is_closed() {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (chunks, too_long) = (chunks.clone(), Arc::clone(&too_long));
        tokio::spawn(async move {
            if !read(stream, &chunks).await {
                too_long.fetch_add(1, Relaxed);
            }
            drop(permit);
        });
    }
}

/// Reads to the end; false if the client sent a line or frame that is too long to be one.
async fn read(mut stream: UnixStream, chunks: &mpsc::Sender<Vec<u8>>) -> bool {
    let mut held = Vec::new();
    let mut framed = None;
    loop {
        held.reserve(READ_BYTES);
        let ended = !matches!(stream.read_buf(&mut held).await, Ok(1..));
        if framed.is_none() && held.len() >= LENGTH_BYTES {
            // No text holds a zero byte, and every length below 64 KiB ends in one.
            framed = Some(held[..LENGTH_BYTES].contains(&0));
        }
        let taken = match framed {
            Some(true) => frames(&mut held),
            _ => lines(&mut held, ended),
        };
        let Some(chunk) = taken else { return false };
        if !chunk.is_empty() && chunks.send(chunk).await.is_err() || ended {
            return true;
        }
    }
}

/// Takes the whole lines out of what is held; `None` if a line is too long.
fn lines(held: &mut Vec<u8>, ended: bool) -> Option<Vec<u8>> {
    let end = match held.iter().rposition(|byte| *byte == b'\n') {
        _ if ended => held.len(),
        Some(at) => at + 1,
        None if held.len() > MAX_CHUNK_BYTES => return None,
        None => 0,
    };
    let rest = held.split_off(end);
    Some(std::mem::replace(held, rest))
}

/// Takes the whole frames out of what is held, a line feed after each; `None` if a length is too long.
fn frames(held: &mut Vec<u8>) -> Option<Vec<u8>> {
    let (mut taken, mut at) = (Vec::new(), 0);
    while let Some((length, rest)) = held[at..].split_first_chunk::<LENGTH_BYTES>() {
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_CHUNK_BYTES {
            return None;
        }
        let Some(frame) = rest.get(..length) else { break };
        taken.extend_from_slice(frame);
        taken.push(b'\n');
        at += LENGTH_BYTES + length;
    }
    held.drain(..at);
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_whole() {
        let check = |held: &[u8], ended, taken: Option<&[u8]>, left: &[u8]| {
            let mut rest = held.to_vec();
            assert_eq!(lines(&mut rest, ended).as_deref(), taken, "{held:?}");
            assert_eq!(rest, left);
        };
        check(b"a:1|c\nb:1|", false, Some(b"a:1|c\n"), b"b:1|");
        check(b"a:1", false, Some(b""), b"a:1");
        check(b"a:1|c", true, Some(b"a:1|c"), b"");
        let long = vec![b'a'; MAX_CHUNK_BYTES + 1];
        check(&long, false, None, &long);
    }

    #[test]
    fn frames_are_taken_whole() {
        let check = |held: &[u8], taken: Option<&[u8]>, left: &[u8]| {
            let mut rest = held.to_vec();
            assert_eq!(frames(&mut rest).as_deref(), taken, "{held:?}");
            assert_eq!(rest, left);
        };
        check(b"\x05\0\0\0a:1|c\x05\0\0\0b:1", Some(b"a:1|c\n"), b"\x05\0\0\0b:1");
        check(b"\x05\0", Some(b""), b"\x05\0");
        check(b"\0\0\x02\0abc", None, b"\0\0\x02\0abc");
    }
}
