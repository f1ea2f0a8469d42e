//! Prometheus remote read: which series of which time are asked for, and their samples.

use prost::Message;

use super::{Refused, TimeSeries};

/// What is asked.
#[derive(Clone, PartialEq, Message)]
pub struct ReadRequest {
    /// Each is answered by a result.
    #[prost(message, repeated, tag = "1")]
    pub queries: Vec<ReadQuery>,
}

/// One question.
#[derive(Clone, PartialEq, Message)]
pub struct ReadQuery {
    /// First instant, inclusive, in milliseconds.
    #[prost(int64, tag = "1")]
    pub start_ms: i64,
    /// Last instant, inclusive.
    #[prost(int64, tag = "2")]
    pub end_ms: i64,
    /// All must hold.
    #[prost(message, repeated, tag = "3")]
    pub matchers: Vec<ReadMatcher>,
}

/// A condition on a label.
#[derive(Clone, PartialEq, Message)]
pub struct ReadMatcher {
    /// 0 is `=`, 1 `!=`, 2 `=~`, 3 `!~`.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// The label.
    #[prost(string, tag = "2")]
    pub name: String,
    /// What it is compared with.
    #[prost(string, tag = "3")]
    pub value: String,
}

/// The answer.
#[derive(Clone, PartialEq, Message)]
pub struct ReadResponse {
    /// In the order of the questions.
    #[prost(message, repeated, tag = "1")]
    pub results: Vec<ReadResult>,
}

/// What one question found.
#[derive(Clone, PartialEq, Message)]
pub struct ReadResult {
    /// Series in the order of their labels.
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
}

/// The most that a question may be, unpacked: a few selectors.
const MOST_BYTES: usize = 1 << 20;

impl ReadRequest {
    /// The question as it is sent.
    pub fn packed(&self) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(&self.encode_to_vec()).expect("a question is below 4 GiB")
    }

    /// Reads a body.
    ///
    /// # Errors
    /// It is not snappy-compressed, too long, or no such message.
    pub fn read(body: &[u8]) -> Result<Self, Refused> {
        let length = snap::raw::decompress_len(body)?;
        if length > MOST_BYTES {
            return Err(Refused::TooMuch("bytes", MOST_BYTES as u64));
        }
        let bytes = snap::raw::Decoder::new().decompress_vec(body)?;
        Self::decode(&bytes[..]).map_err(|_| Refused::Protobuf("it is no remote-read request"))
    }
}

impl ReadResponse {
    /// Reads an answer.
    ///
    /// # Errors
    /// It is not snappy-compressed, or no such message.
    pub fn read(body: &[u8]) -> Result<Self, Refused> {
        let bytes = snap::raw::Decoder::new().decompress_vec(body)?;
        Self::decode(&bytes[..]).map_err(|_| Refused::Protobuf("it is no answer to a remote read"))
    }

    /// The answer as it is sent.
    pub fn write(&self) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(&self.encode_to_vec()).expect("an answer is below 4 GiB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_come_back_and_what_is_none_is_refused() {
        let matchers = vec![ReadMatcher { kind: 2, name: "a".into(), value: "b.*".into() }];
        let request = ReadRequest { queries: vec![ReadQuery { start_ms: -5, end_ms: 10, matchers }] };
        let body = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap();
        assert_eq!(ReadRequest::read(&body).unwrap(), request);
        assert!(ReadRequest::read(&body[..body.len() - 1]).is_err() && ReadRequest::read(b"").is_err());
        let large = snap::raw::Encoder::new().compress_vec(&vec![0; MOST_BYTES + 1]).unwrap();
        assert!(matches!(ReadRequest::read(&large), Err(Refused::TooMuch(..))));
    }
}
