//! A connection's stream that does not wait for ever for a client that reads nothing of its answer, and knows whether
//! anything of a request has come.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What is known of a connection, when it ends, of why.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether bytes came since the last head of a request was whole.
    pub began: AtomicBool,
    /// Whether a request was asked.
    pub asked: AtomicBool,
    /// Whether the client was given up while it read.
    pub stalled: AtomicBool,
}

/// A stream whose writes have a pace.
pub(super) struct Paced<S> {
    stream: S,
    progress: Arc<Progress>,
    /// When the client must have taken enough, while it keeps this side waiting.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Bytes taken since the deadline was set.
    taken: usize,
}

/// A client that has to be waited for takes so much in this time, or is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
const ENOUGH: usize = 64 << 10;

impl<S> Paced<S> {
    pub(super) fn new(stream: S, progress: Arc<Progress>) -> Self {
        Self { stream, progress, deadline: None, taken: 0 }
    }

    /// The outcome of one attempt to write, or an error once the client has kept this side waiting for too long.
    fn paced<T>(&mut self, cx: &mut Context<'_>, attempt: Poll<io::Result<T>>, is_done: bool) -> Poll<io::Result<T>> {
        match attempt {
            Poll::Ready(outcome) => {
                if is_done || self.taken >= ENOUGH {
                    (self.deadline, self.taken) = (None, 0);
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
                ready!(deadline.as_mut().poll(cx));
                self.progress.stalled.store(true, Relaxed);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.progress.began.store(true, Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.taken += count;
        }
        self.paced(cx, written, false)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        if let Poll::Ready(Ok(count)) = written {
            self.taken += count;
        }
        self.paced(cx, written, false)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.paced(cx, flushed, true)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.paced(cx, shut, true)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_given_up_and_a_slow_one_is_not() {
        let (ours, mut theirs) = duplex(1 << 10);
        let progress = Arc::<Progress>::default();
        let mut paced = Paced::new(ours, Arc::clone(&progress));
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; ENOUGH];
            for _ in 0..3 {
                tokio::time::sleep(PATIENCE * 3 / 4).await;
                theirs.read_exact(&mut buffer).await.unwrap();
            }
            theirs
        });
        paced.write_all(&vec![0; 3 * ENOUGH]).await.unwrap();
        let _theirs = reader.await.unwrap();
        assert!(!progress.stalled.load(Relaxed));
        let error = paced.write_all(&[0; 2 << 10]).await.unwrap_err();
        assert_eq!((error.kind(), progress.stalled.load(Relaxed)), (io::ErrorKind::TimedOut, true));
    }
}
