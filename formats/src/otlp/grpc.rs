//! gRPC around OTLP: the frame of a message, and the status of a request that was not taken.
//!
//! Frames are as gRPC over HTTP/2 has them (a byte that says whether the message is packed, four of its length, the message); the status
//! is a `google.rpc.Status`, whose `google.rpc.RetryInfo` says when to send again.

use crate::base64;
use crate::pen::{bytes, message, number};

/// Bytes before a message.
pub const HEAD_BYTES: usize = 5;

/// Bytes of a frame, its head with them, as that says.
pub fn frame_bytes(head: &[u8]) -> usize {
    let length = head.get(1..HEAD_BYTES).and_then(|length| length.try_into().ok()).map_or(0, u32::from_be_bytes);
    HEAD_BYTES.saturating_add(length as usize)
}

/// A message, and whether it is packed; `None` where the bytes are not one frame whole.
pub fn unframed(mut frame: Vec<u8>) -> Option<(Vec<u8>, bool)> {
    let is_packed = match frame.first()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    if frame.len() < HEAD_BYTES || frame.len() != frame_bytes(&frame) {
        return None;
    }
    frame.drain(..HEAD_BYTES);
    Some((frame, is_packed))
}

/// The frame of a message that is not packed.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// A status for the header `grpc-status-details-bin`; `after` are the seconds after which to send again.
pub fn status_details(code: u8, why: &str, after: Option<u64>) -> String {
    let mut status = Vec::new();
    number(&mut status, 1, code.into());
    bytes(&mut status, 2, why.as_bytes());
    if let Some(seconds) = after {
        message(&mut status, 3, |any| {
            bytes(any, 1, RETRY_INFO);
            // A RetryInfo has one field, a Duration, and that its seconds.
            message(any, 2, |retry| message(retry, 1, |delay| number(delay, 1, seconds)));
        });
    }
    base64::encode(&status)
}

/// A text as `grpc-message` has it: what is not printable ASCII, and `%`, as `%XX`.
pub fn message_text(why: &str) -> String {
    let mut text = String::with_capacity(why.len());
    for byte in why.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_or_none() {
        let frame = framed(b"abc");
        assert_eq!((frame.as_slice(), frame_bytes(&frame)), (&b"\0\0\0\0\x03abc"[..], 8));
        assert_eq!(unframed(frame.clone()), Some((b"abc".to_vec(), false)));
        assert_eq!(unframed(b"\x01\0\0\0\x01x".to_vec()), Some((b"x".to_vec(), true)));
        (0..frame.len()).for_each(|end| assert_eq!(unframed(frame[..end].to_vec()), None, "{end}"));
        assert_eq!(unframed([frame.as_slice(), b"d"].concat()), None);
        assert_eq!(unframed(b"\x02\0\0\0\0".to_vec()), None);
    }

    #[test]
    fn a_status_says_when_to_send_again() {
        let now = base64::decode(&status_details(3, "no", None)).unwrap();
        assert_eq!(now, b"\x08\x03\x12\x02no");
        let later = base64::decode(&status_details(14, "no", Some(30))).unwrap();
        let any = [b"\x0a\x28", RETRY_INFO, b"\x12\x04\x0a\x02\x08\x1e"].concat();
        assert_eq!(later, [b"\x08\x0e\x12\x02no\x1a\x30", any.as_slice()].concat());
    }

    #[test]
    fn a_text_is_printable() {
        assert_eq!(message_text("50 % of é\n"), "50 %25 of %C3%A9%0A");
    }
}
