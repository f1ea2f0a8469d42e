//! Memory of remote write: what all requests in flight may take together, as bodies and unpacked.

use std::sync::Arc;
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::header;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weir_formats::remote_write::MOST_BYTES;

use super::refused::{MOST_BODY_BYTES, Refused};

/// What all bodies in memory may take.
const BODY_BYTES: usize = 16 << 20;

/// Time for which a request waits for room before its sender shall try again.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same for one whose head was read already: the time for its body runs, and being told to come again comes before its end.
#[cfg(feature = "otlp-grpc")]
const PATIENCE_OF_A_HEAD: Duration = Duration::from_secs(10);

/// What a request takes at least beside its body: a piece of its samples, each with its labels, and the records of it.
const LEAST_BYTES: usize = 4 << 20;

/// Room is counted in pages of so many bytes: a semaphore counts in 32 bits.
const PAGE: usize = 1 << 10;

/// Room for bodies, and for what they are unpacked.
#[derive(Clone)]
pub(super) struct Budget {
    bodies: Arc<Semaphore>,
    unpacked: Arc<Semaphore>,
}

impl Default for Budget {
    fn default() -> Self {
        let of = |bytes: usize| Arc::new(Semaphore::new(bytes.div_ceil(PAGE)));
        Self { bodies: of(BODY_BYTES), unpacked: of(MOST_BYTES) }
    }
}

impl Budget {
    /// What all that is unpacked may take.
    pub(super) const MOST_UNPACKED: usize = MOST_BYTES;

    /// A request's body, once there is room for all of it.
    pub(super) async fn body(&self, request: Request) -> Result<(Vec<u8>, OwnedSemaphorePermit), Refused> {
        let length =
            request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let length = length.unwrap_or(MOST_BODY_BYTES);
        if length > MOST_BODY_BYTES {
            return Err(Refused::body_too_large());
        }
        let room = room(&self.bodies, length, PATIENCE).await?;
        // At its full length at once: a body that grows by doubling takes twice its room.
        let body = Vec::with_capacity(length);
        Ok((rest(request.into_body().into_data_stream(), body, length).await?, room))
    }

    /// A body that says in its first bytes how long it is, once there is room for all of it. `told` is asked as soon as
    /// there are `head` bytes.
    #[cfg(feature = "otlp-grpc")]
    pub(super) async fn told_body(
        &self,
        request: Request,
        head: usize,
        told: impl Fn(&[u8]) -> usize,
    ) -> Result<(Vec<u8>, OwnedSemaphorePermit), Refused> {
        let (mut pieces, mut first) = (request.into_body().into_data_stream(), Vec::new());
        while first.len() < head {
            match pieces.next().await {
                Some(piece) => first.extend_from_slice(&piece.map_err(broken)?),
                None => return Err(Refused::Malformed("its body ends before it has said how long it is".to_owned())),
            }
        }
        let length = told(&first[..head]);
        if length.saturating_sub(head) > MOST_BODY_BYTES || first.len() > length {
            return Err(Refused::body_too_large());
        }
        let room = room(&self.bodies, length, PATIENCE_OF_A_HEAD).await?;
        let mut body = Vec::with_capacity(length);
        body.append(&mut first);
        Ok((rest(pieces, body, length).await?, room))
    }

    /// Room for what a body says that it is unpacked, and for what becomes of it.
    pub(super) async fn unpacked(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refused> {
        room(&self.unpacked, bytes.max(LEAST_BYTES), PATIENCE).await
    }
}

/// A body whose first bytes are there, to its end.
async fn rest(mut pieces: BodyDataStream, mut body: Vec<u8>, length: usize) -> Result<Vec<u8>, Refused> {
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(broken)?;
        if body.len() + piece.len() > length {
            return Err(Refused::body_too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn broken(error: axum::Error) -> Refused {
    Refused::Malformed(format!("its body breaks off: {error}"))
}

async fn room(of: &Arc<Semaphore>, bytes: usize, patience: Duration) -> Result<OwnedSemaphorePermit, Refused> {
    let pages = u32::try_from(bytes.div_ceil(PAGE)).map_err(|_| Refused::Busy)?;
    match tokio::time::timeout(patience, of.clone().acquire_many_owned(pages)).await {
        Ok(Ok(room)) => Ok(room),
        _ => Err(Refused::Busy),
    }
}
