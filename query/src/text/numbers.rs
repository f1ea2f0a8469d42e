//! Numbers that no float holds: the parser would take them for infinity.

/// The first number that is written with digits and is too large.
pub(super) fn too_large(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = word(&bytes[at..]);
        let number = &text[at..at + length];
        let written = bytes[at].is_ascii_digit() || (bytes[at] == b'.' && length > 1);
        if written && number.parse::<f64>().is_ok_and(f64::is_infinite) {
            return Some(number);
        }
        at += length.max(1);
        while !text.is_char_boundary(at) {
            at += 1;
        }
    }
    None
}

/// The length of a word or number, the sign of an exponent included.
fn word(bytes: &[u8]) -> usize {
    let number = bytes.first().is_some_and(|b| b.is_ascii_digit() || *b == b'.');
    let part = |at: usize| match bytes[at] {
        b'+' | b'-' => number && at > 0 && matches!(bytes[at - 1], b'e' | b'E') && !bytes.starts_with(b"0x"),
        byte => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':'),
    };
    (0..bytes.len()).find(|&at| !part(at)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::too_large;

    #[test]
    fn numbers_without_a_float_are_found() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(too_large(text), expected, "{text}");
        check("up == 1e400", Some("1e400"));
        check("up == 1e+400", Some("1e+400"));
        check("up == Inf + 1e308 + x1e400 + .5e3", None);
        check("rate(up[5m]) + é1e400", Some("1e400"));
    }
}
