//! Spans as Prometheus and Alertmanager write them: `90s`, `1h30m`, `5d`.

use std::time::Duration;

/// Units from the largest on; each may stand once, in this order.
const UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a span; `0` needs no unit.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn duration(text: &str) -> Result<Duration, String> {
    let told = || format!("not a valid duration string: {text:?} (such as 30s, 5m or 1h30m)");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut next_unit, mut total_ms) = (text, 0, 0u64);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let place =
            UNITS.iter().position(|(name, _)| *name == unit).filter(|place| *place >= next_unit).ok_or_else(told)?;
        let added =
            number.parse::<u64>().ok().and_then(|number| number.checked_mul(UNITS[place].1)).ok_or_else(told)?;
        total_ms = total_ms.checked_add(added).ok_or_else(told)?;
        (rest, next_unit) = (tail, place + 1);
    }
    if text.is_empty() { Err(told()) } else { Ok(Duration::from_millis(total_ms)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_by_prometheus() {
        for (text, ms) in [("0", 0), ("5m", 300_000), ("1h30m", 5_400_000), ("1d12h", 129_600_000), ("1s500ms", 1_500)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "m", "1m1h", "1m2m", "-5m", "1.5h", "5 m", "99999999999999999999y"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
