//! Durations and sizes as Prometheus writes them: `1h30m`, `10MB`.

use std::time::Duration;

use serde::Deserialize;
use weir_sample::read_duration;

/// `15s`, `1m30s`, `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub(crate) Duration);

/// `512KB`, `10MiB`, `0`; zero is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Size(pub(crate) u64);

/// As Prometheus has it: powers of 1,024 however they are spelled.
const SIZES: [(&str, u64); 11] = [
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("PB", 1 << 50),
    ("TB", 1 << 40),
    ("GB", 1 << 30),
    ("MB", 1 << 20),
    ("KB", 1 << 10),
    ("B", 1),
];

pub(crate) fn span(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    read_duration(text).ok()
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        span(&text).map(Self).ok_or_else(|| format!("{text:?} is no duration such as 15s or 1m30s"))
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fault = || format!("{text:?} is no size such as 10MB");
        if text == "0" {
            return Ok(Self(0));
        }
        let of = |(unit, bytes): &(&str, u64)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(*bytes);
        SIZES.iter().find_map(of).map(Self).ok_or_else(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_prometheus_own() {
        let check =
            |text: &str, millis: Option<u64>| assert_eq!(span(text), millis.map(Duration::from_millis), "{text}");
        check("0", Some(0));
        check("15s", Some(15_000));
        check("1h30m", Some(5_400_000));
        check("1m500ms", Some(60_500));
        check("1m1m", None);
        check("30s1h", None);
        for text in ["", "15", "s", "1.5s", "-1s", "1 s", "99999999999999999999s"] {
            check(text, None);
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        let check = |text: &str, bytes: Option<u64>| {
            assert_eq!(Size::try_from(text.to_owned()).ok(), bytes.map(Size), "{text}");
        };
        check("0", Some(0));
        check("10MB", Some(10 << 20));
        check("1KiB", Some(1024));
        check("7B", Some(7));
        for text in ["", "10", "MB", "-1MB", "1.5MB", "99999999999PB"] {
            check(text, None);
        }
    }
}
