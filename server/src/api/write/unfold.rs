//! Bodies folded by gzip. How long one is unfolded it says itself, in its last four bytes; room is made for that much, and one
//! that goes on past it is refused before more is written.

use std::io::Read;

use axum::http::HeaderValue;
use weir_formats::remote_write::MOST_BYTES;

use super::refused::Refused;

/// A body as it came.
pub(super) enum Folded {
    Plain(Vec<u8>),
    Gzip(Vec<u8>),
}

/// Shorter is no gzip: its head and its end take as much.
const LEAST_GZIP: usize = 18;

impl Folded {
    /// A body with its `Content-Encoding`.
    pub(super) fn of(body: Vec<u8>, encoding: Option<&HeaderValue>) -> Result<Self, Refused> {
        match encoding.map(|encoding| encoding.as_bytes().to_ascii_lowercase()).as_deref() {
            None | Some(b"" | b"identity") => Ok(Self::Plain(body)),
            Some(b"gzip" | b"x-gzip") => Ok(Self::Gzip(body)),
            Some(_) => Err(Refused::ContentType("Content-Encoding here is gzip, or none")),
        }
    }

    /// Its length unfolded, as far as it says the truth.
    pub(super) fn length(&self) -> Result<usize, Refused> {
        let length = match self {
            Self::Plain(body) => body.len(),
            Self::Gzip(body) => match body.last_chunk::<4>().filter(|_| body.len() >= LEAST_GZIP) {
                Some(length) => u32::from_le_bytes(*length) as usize,
                None => return Err(Refused::Malformed("its body is no gzip: it is too short".to_owned())),
            },
        };
        if length > MOST_BYTES { Err(Refused::too_much("bytes unfolded", MOST_BYTES as u64)) } else { Ok(length) }
    }

    /// The body unfolded.
    pub(super) fn unfold(self) -> Result<Vec<u8>, Refused> {
        let length = self.length()?;
        let Self::Gzip(body) = self else {
            let Self::Plain(body) = self else { return Err(Refused::Fault) };
            return Ok(body);
        };
        let mut unfolded = Vec::with_capacity(length);
        let mut decoder = flate2::bufread::GzDecoder::new(body.as_slice());
        let read = decoder.by_ref().take(length as u64 + 1).read_to_end(&mut unfolded);
        read.map_err(|error| Refused::Malformed(format!("its body is no gzip: {error}")))?;
        if unfolded.len() != length || !decoder.into_inner().is_empty() {
            return Err(Refused::Malformed("its body is not one piece of gzip of the length that it says".to_owned()));
        }
        Ok(unfolded)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unfolded(body: Vec<u8>) -> Option<Vec<u8>> {
        Folded::Gzip(body).unfold().ok()
    }

    #[test]
    fn a_body_unfolds_to_what_it_says_or_not_at_all() {
        for bytes in [&b""[..], b"up 1", &[7; 100_000]] {
            assert_eq!(unfolded(gzip(bytes)).as_deref(), Some(bytes));
        }
        let whole = gzip(b"up 1");
        for cut in 0..whole.len() {
            assert_eq!(unfolded(whole[..cut].to_vec()), None, "{cut}");
        }
        let mut lies = gzip(&vec![0; 20 << 20]);
        let end = lies.len() - 4;
        lies[end..].copy_from_slice(&7_u32.to_le_bytes());
        assert_eq!(unfolded(lies), None);
        assert_eq!(unfolded(gzip(&vec![0; MOST_BYTES + 1])), None);
        assert_eq!(unfolded([whole.clone(), whole].concat()), None);
        assert!(Folded::of(Vec::new(), Some(&HeaderValue::from_static("br"))).is_err());
    }
}
