//! An answer that goes on for as long as something happens: lines as they come.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;

use super::failure::Failure;

/// Lines of an answer with status 200.
pub struct Stream {
    frames: Incoming,
    read: Vec<u8>,
    /// Bytes of a line.
    most: usize,
}

impl Stream {
    pub(super) fn new(response: Response<Incoming>, most: usize) -> Self {
        Self { frames: response.into_body(), read: Vec::new(), most }
    }

    /// The next line, without its end; none when the answer is over.
    pub async fn line(&mut self, patience: Duration) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.pop();
                return Ok(Some(line));
            }
            let frame = tokio::time::timeout(patience, self.frames.frame()).await;
            match frame.map_err(|_| Failure::Timeout(patience))? {
                None => return Ok(None),
                Some(frame) => {
                    let frame = frame.map_err(|error| Failure::of(&error))?;
                    self.read.extend_from_slice(frame.data_ref().map_or(&[], |piece| piece));
                }
            }
            if self.read.len() > self.most {
                return Err(Failure::TooLarge(self.most));
            }
        }
    }
}
