//! An answer's body: unpacked as it comes, and never larger than its limit.

use std::io::Write;
use std::sync::Arc;

use flate2::write::GzDecoder;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{HeaderMap, Response, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::Failure;

/// A whole answer with status 200.
#[derive(Debug)]
pub struct Answer {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, unpacked.
    pub body: Vec<u8>,
    /// Of what all large answers may take together.
    _room: Vec<OwnedSemaphorePermit>,
}

/// What all large answers may take together: each waits, with its own time running, until there is room.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

/// Bytes of an answer that nobody asks room for.
const SMALL: usize = 1 << 20;
/// What room is counted in.
const PIECE: usize = 1 << 16;

impl Room {
    /// So many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / PIECE)))
    }
}

impl Answer {
    /// Reads a body to its end.
    pub(super) async fn read(response: Response<Incoming>, limit: usize, room: &Room) -> Result<Self, Failure> {
        let (head, mut frames) = response.into_parts();
        let mut body = Body::of(&head.headers, limit)?;
        let mut permits = Vec::new();
        while let Some(frame) = frames.frame().await {
            let frame = frame.map_err(|error| Failure::of(&error))?;
            let Some(piece) = frame.data_ref() else { continue };
            body.take(piece)?;
            let wanted = body.plain().len().saturating_sub(SMALL).div_ceil(PIECE);
            if wanted > permits.len() {
                let more = room.0.clone().acquire_many_owned((wanted - permits.len()) as u32).await;
                let mut more = more.expect("nobody closes it");
                permits.extend(std::iter::from_fn(|| more.split(1)));
            }
        }
        Ok(Self { headers: head.headers, body: body.end()?, _room: permits })
    }

    /// A header's value, if it is text.
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A body as it grows.
enum Body {
    Plain(Limited),
    Packed(Box<GzDecoder<Limited>>),
}

/// Bytes up to a limit.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
    is_over: bool,
}

impl Body {
    fn of(headers: &HeaderMap, limit: usize) -> Result<Self, Failure> {
        let plain = Limited { bytes: Vec::new(), limit, is_over: false };
        let encoding = headers.get(header::CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes()));
        match encoding.as_deref() {
            None | Some("" | "identity") => Ok(Self::Plain(plain)),
            Some("gzip" | "x-gzip") => Ok(Self::Packed(Box::new(GzDecoder::new(plain)))),
            Some(other) => Err(Failure::Encoding(other.to_owned())),
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let done = match self {
            Self::Plain(plain) => plain.write_all(piece),
            Self::Packed(packed) => packed.write_all(piece),
        };
        let plain = self.plain_limited();
        match done {
            _ if plain.is_over => Err(Failure::TooLarge(plain.limit)),
            Ok(()) => Ok(()),
            Err(_) => Err(Failure::Gzip),
        }
    }

    fn end(self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Plain(plain) => Ok(plain.bytes),
            Self::Packed(packed) => match packed.finish() {
                Ok(plain) if plain.is_over => Err(Failure::TooLarge(plain.limit)),
                Ok(plain) => Ok(plain.bytes),
                Err(_) => Err(Failure::Gzip),
            },
        }
    }

    fn plain(&self) -> &[u8] {
        &self.plain_limited().bytes
    }

    fn plain_limited(&self) -> &Limited {
        match self {
            Self::Plain(plain) => plain,
            Self::Packed(packed) => packed.get_ref(),
        }
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            self.is_over = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
