//! Frames on a stream: a length, then as many bytes.
//!
//! ```text
//! 0  length u32 (big-endian), not counting itself   4  body …
//! ```
//! What a body is, is the caller's to know. A length over the limit ends the stream before any of it is stored.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Cuts a stream into frames, both ways.
#[derive(Debug)]
pub struct FrameStream<S> {
    stream: S,
    max_frame_bytes: usize,
    /// `incoming[at..end]` has arrived and was not taken.
    incoming: Vec<u8>,
    at: usize,
    end: usize,
    outgoing: Vec<u8>,
}

/// A length that the receiver does not accept.
#[derive(Debug, thiserror::Error)]
#[error("a frame of {bytes} bytes; the limit is {limit}")]
pub struct FrameTooLong {
    /// What was announced.
    pub bytes: usize,
    /// What is allowed.
    pub limit: usize,
}

const LENGTH_BYTES: usize = 4;
/// Enough for a few batches; grows to what the peer's frames need.
const FIRST_BYTES: usize = 4 << 10;

impl<S> FrameStream<S> {
    /// Frames over a stream, of at most `max_frame_bytes` each when received.
    pub fn new(stream: S, max_frame_bytes: usize) -> Self {
        let (incoming, outgoing) = (vec![0; FIRST_BYTES], Vec::new());
        Self { stream, max_frame_bytes, incoming, at: 0, end: 0, outgoing }
    }

    /// The stream underneath.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Gives the stream back; what has arrived and was not taken is lost.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// The next frame that has arrived whole; `None` until [`FrameStream::fill`] has read more.
    ///
    /// # Errors
    /// The peer announces more than the limit; the stream is of no further use.
    pub fn pop(&mut self) -> Result<Option<&mut [u8]>, FrameTooLong> {
        let Some(body) = self.announced()? else { return Ok(None) };
        let start = self.at + LENGTH_BYTES;
        if self.end < start + body {
            return Ok(None);
        }
        self.at = start + body;
        Ok(Some(&mut self.incoming[start..start + body]))
    }

    /// Whether the peer has begun a frame that is not complete: then it owes the rest soon.
    pub fn is_inside_frame(&self) -> bool {
        self.at < self.end
    }

    /// Appends a frame to what the next [`FrameStream::flush`] sends.
    pub fn put(&mut self, body: &[u8]) {
        // Frames are datagrams and tokens; none comes near 4 GiB.
        self.outgoing.extend_from_slice(&(body.len() as u32).to_be_bytes());
        self.outgoing.extend_from_slice(body);
    }

    /// Bytes that wait to be sent.
    pub fn outgoing_bytes(&self) -> usize {
        self.outgoing.len()
    }

    fn announced(&self) -> Result<Option<usize>, FrameTooLong> {
        let Some(length) = self.incoming[self.at..self.end].first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let (bytes, limit) = (u32::from_be_bytes(*length) as usize, self.max_frame_bytes);
        if bytes > limit { Err(FrameTooLong { bytes, limit }) } else { Ok(Some(bytes)) }
    }

    /// Moves what is left to the front, and grows where the announced frame would not fit.
    fn make_room(&mut self) {
        self.incoming.copy_within(self.at..self.end, 0);
        (self.at, self.end) = (0, self.end - self.at);
        let wanted = self.announced().ok().flatten().map_or(0, |body| LENGTH_BYTES + body);
        if self.incoming.len() < wanted.max(self.end + LENGTH_BYTES) {
            self.incoming.resize(wanted.max(self.end + LENGTH_BYTES), 0);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FrameStream<S> {
    /// Waits for more bytes. `false` when the peer has closed. Losing the race of a `select!` loses no byte.
    ///
    /// # Errors
    /// What the stream says.
    pub async fn fill(&mut self) -> io::Result<bool> {
        self.make_room();
        let read = self.stream.read(&mut self.incoming[self.end..]).await?;
        self.end += read;
        Ok(read > 0)
    }

    /// Sends what was put. To be awaited to its end.
    ///
    /// # Errors
    /// What the stream says.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.outgoing).await?;
        self.outgoing.clear();
        self.stream.flush().await
    }

    /// Tells the peer that nothing more will come.
    ///
    /// # Errors
    /// What the stream says.
    pub async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a peer gets that receives in pieces of `piece` bytes.
    async fn cross(bodies: &[Vec<u8>], piece: usize, limit: usize) -> Result<Vec<Vec<u8>>, FrameTooLong> {
        let (here, there) = tokio::io::duplex(piece);
        let mut sender = FrameStream::new(here, 0);
        bodies.iter().for_each(|body| sender.put(body));
        let sending = async move {
            let _ = sender.flush().await;
        };
        let receiving = async move {
            let (mut receiver, mut got) = (FrameStream::new(there, limit), Vec::new());
            loop {
                while let Some(body) = receiver.pop()? {
                    got.push(body.to_vec());
                }
                if !receiver.fill().await.unwrap() {
                    assert!(!receiver.is_inside_frame());
                    return Ok(got);
                }
            }
        };
        tokio::join!(sending, receiving).1
    }

    #[tokio::test]
    async fn frames_cross_whatever_the_pieces() {
        let bodies: Vec<Vec<u8>> = [0, 1, 500, 4_092, 4_093, 20_000, 3].iter().map(|n| vec![*n as u8; *n]).collect();
        for piece in [1, 3, 4, 5, 1_000, 100_000] {
            assert_eq!(cross(&bodies, piece, 20_000).await.unwrap(), bodies, "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_frame_over_the_limit_is_refused_before_it_is_stored() {
        let error = cross(&[vec![0; 10], vec![0; 11]], 64, 10).await.unwrap_err();
        assert_eq!((error.bytes, error.limit), (11, 10));
    }
}
