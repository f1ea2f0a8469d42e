//! A request's body with a time by which all of it must have come.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::Sleep;

/// A body that ends with an error when its time is up.
pub(super) struct Timed {
    body: Incoming,
    /// Set when the body is first asked for: until then its client may have to wait.
    deadline: Option<Pin<Box<Sleep>>>,
    late: Arc<AtomicBool>,
}

/// Time for a whole body: 8 MiB of remote write at 420 kB/s.
pub(super) const BODY: Duration = Duration::from_secs(20);

impl Timed {
    /// Its time runs once it is asked for; `late` is set when it is up.
    pub(super) fn new(body: Incoming, late: Arc<AtomicBool>) -> Self {
        Self { body, deadline: None, late }
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // First the time: a body that drips is always ready for a byte more.
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(BODY)));
        if deadline.as_mut().poll(cx).is_ready() {
            self.late.store(true, Relaxed);
            return Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))));
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(axum::Error::new)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
