//! Durations as Prometheus reads and writes them: `1h30m`, `15s`, `0s`.

use std::time::Duration;

/// Units from the largest, in milliseconds; each may stand once, in this order.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDuration {
    /// It is written otherwise.
    Syntax,
    /// No 64 bits hold its milliseconds.
    TooLong,
}

/// Reads a duration; every number needs its unit.
///
/// # Errors
/// Why it is none.
pub fn read_duration(text: &str) -> Result<Duration, BadDuration> {
    let (mut rest, mut next, mut total) = (text, 0, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(BadDuration::Syntax)?;
        let (number, tail) = rest.split_at(digits);
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        let place = UNITS.iter().position(|(name, _)| *name == unit).filter(|place| *place >= next);
        let place = place.filter(|_| !number.is_empty()).ok_or(BadDuration::Syntax)?;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(UNITS[place].1));
        total = part.and_then(|part| total.checked_add(part)).ok_or(BadDuration::TooLong)?;
        (rest, next) = (tail, place + 1);
    }
    if text.is_empty() { Err(BadDuration::Syntax) } else { Ok(Duration::from_millis(total)) }
}

/// Writes a duration as Prometheus does: years and weeks only where nothing is left over.
pub fn write_duration(duration: Duration) -> String {
    let mut left = duration.as_millis() as u64;
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, millis) in UNITS {
        let whole = !["y", "w"].contains(&unit) || left.is_multiple_of(millis);
        if whole && left >= millis {
            text.push_str(&format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_prometheus_writes_them() {
        let check = |text: &str, expected: &str| assert_eq!(write_duration(read_duration(text).unwrap()), expected);
        check("0s", "0s");
        check("90m", "1h30m");
        check("7d", "1w");
        check("8d", "8d");
        check("365d", "1y");
        check("1500ms", "1s500ms");
    }

    #[test]
    fn durations_are_read_with_each_unit_once_and_in_order() {
        let check = |text: &str, expected: Result<u64, BadDuration>| {
            assert_eq!(read_duration(text), expected.map(Duration::from_millis), "{text}");
        };
        check("1h30m", Ok(5_400_000));
        check("1s500ms", Ok(1_500));
        for wrong in ["", "5", "m", "1m1h", "1m2m", "-5m", "1.5h", "5 m", "é"] {
            check(wrong, Err(BadDuration::Syntax));
        }
        check("99999999999999999999y", Err(BadDuration::TooLong));
    }
}
