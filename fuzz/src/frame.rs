//! Frames of a TLS stream, cut out of reads of any size.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use weir_link::FrameStream;

/// The first byte bounds frames, the second reads; the rest arrives. What comes out is what a plain loop finds.
pub fn run(data: &[u8]) {
    let [limit, step, rest @ ..] = data else { return };
    let (limit, step) = (usize::from(*limit) * 16, usize::from(*step) + 1);
    let mut stream = FrameStream::new(Pieces { rest: rest.to_vec(), at: 0, step }, limit);
    let (mut frames, mut failed) = (Vec::new(), false);
    'reading: loop {
        loop {
            match stream.pop() {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(error) => {
                    assert!(error.bytes > limit);
                    failed = true;
                    break 'reading;
                }
            }
        }
        let Poll::Ready(filled) = pin!(stream.fill()).poll(&mut Context::from_waker(Waker::noop())) else {
            unreachable!("pieces are always ready")
        };
        if !filled.expect("pieces do not fail") {
            break;
        }
    }
    assert_eq!((frames, failed), expected(rest, limit));
}

fn expected(mut rest: &[u8], limit: usize) -> (Vec<Vec<u8>>, bool) {
    let mut frames = Vec::new();
    while let Some((length, body)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if length > limit {
            return (frames, true);
        }
        let Some((frame, next)) = body.split_at_checked(length) else { break };
        frames.push(frame.to_vec());
        rest = next;
    }
    (frames, false)
}

/// Hands out its bytes a few at a time.
struct Pieces {
    rest: Vec<u8>,
    at: usize,
    step: usize,
}

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let size = self.step.min(buffer.remaining()).min(self.rest.len() - self.at);
        buffer.put_slice(&self.rest[self.at..self.at + size]);
        self.at += size;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Frames whole, empty, and cut short.
pub fn seeds() -> Vec<Vec<u8>> {
    let framed = |bodies: &[&[u8]]| -> Vec<u8> {
        let frame = |body: &&[u8]| [&(body.len() as u32).to_be_bytes(), *body].concat();
        [vec![60, 6], bodies.iter().flat_map(frame).collect()].concat()
    };
    let whole = framed(&[b"a token", b"", &[7; 900], b"x"]);
    vec![whole[..whole.len() - 3].to_vec(), whole, framed(&[])]
}
