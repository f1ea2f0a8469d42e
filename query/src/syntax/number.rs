//! Numbers and durations as they are written.

use std::time::Duration;

use weir_sample::{BadDuration, read_duration};

/// A number, or the seconds of a duration.
pub(super) fn number(text: &str) -> Result<f64, String> {
    let wrong = || format!("bad number or duration syntax: {text:?}");
    if let Some(hexadecimal) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(hexadecimal, 16).map(|number| number as f64).map_err(|_| wrong());
    }
    // As Go reads them: what begins with a zero and has nothing but digits is octal.
    let is_octal = text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if is_octal {
        return u64::from_str_radix(text, 8).map(|number| number as f64).map_err(|_| wrong());
    }
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if is_plain && let Ok(number) = text.parse::<f64>() {
        return if number.is_finite() { Ok(number) } else { Err(format!("number {text} is out of range")) };
    }
    let too_long = || format!("duration {text} is out of range");
    match read_duration(text) {
        Ok(duration) if duration.as_millis() <= u128::from(MOST_MS) => Ok(duration.as_millis() as f64 / 1e3),
        Ok(_) | Err(BadDuration::TooLong) => Err(too_long()),
        Err(BadDuration::Syntax) => Err(wrong()),
    }
}

/// The longest that Go's durations hold.
const MOST_MS: u64 = i64::MAX as u64 / 1_000_000;

/// Seconds as a duration.
pub(super) fn seconds(number: f64) -> Option<Duration> {
    let millis = (number * 1e3).round();
    (0.0..=MOST_MS as f64).contains(&millis).then(|| Duration::from_millis(millis as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_gos() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(number(text).ok(), expected, "{text}");
        check("1", Some(1.0));
        check(".5", Some(0.5));
        check("5.", Some(5.0));
        check("1e3", Some(1000.0));
        check("1e-3", Some(0.001));
        check("0x1F", Some(31.0));
        check("017", Some(15.0));
        check("018", Some(18.0));
        check("1m30s", Some(90.0));
        check("1500ms", Some(1.5));
        for wrong in ["1e400", "1z", "1s1m", "1m1m", "0xg", "1.5m", "1_0", "9999999999y"] {
            check(wrong, None);
        }
    }
}
