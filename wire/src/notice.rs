//! Why a batch was refused, said on a TLS stream: datagrams that do not open are answered by nobody.
//!
//! ```text
//! frame: "WHY " ‖ reason ‖ " " ‖ server time (decimal, ms)
//! ```
//! The stream vouches for it. It does not begin as a datagram does, so a sender that does not know it counts it and goes on.

use weir_sample::Timestamp;

/// A gateway's word on a frame that it has refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// As the `reason` label of `weir_gateway_refused_total`.
    pub reason: String,
    /// The gateway's clock.
    pub server_time: Timestamp,
}

const BEGIN: &[u8] = b"WHY ";
const MAX_BYTES: usize = 100;

impl Notice {
    /// The frame.
    pub fn encode(reason: &str, server_time: Timestamp) -> Vec<u8> {
        format!("WHY {reason} {}", server_time.millis()).into_bytes()
    }

    /// Reads a frame; `None` if it is something else.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(frame.strip_prefix(BEGIN).filter(|_| frame.len() <= MAX_BYTES)?).ok()?;
        let (reason, time) = text.split_once(' ')?;
        let is_word = reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let server_time = Timestamp(time.parse().ok()?);
        is_word.then(|| Self { reason: reason.to_owned(), server_time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_comes_back_and_nothing_else_is_one() {
        let notice = Notice { reason: "unknown_key".into(), server_time: Timestamp(1_800_000_000_123) };
        assert_eq!(Notice::decode(&Notice::encode("unknown_key", notice.server_time)), Some(notice));
        for other in
            ["", "WHY", "WHY tag", "WHY tag now", "WHY \u{1b}[0m 7", "WR tag 7", &format!("WHY {} 7", "a".repeat(200))]
        {
            assert_eq!(Notice::decode(other.as_bytes()), None, "{other}");
        }
    }
}
