//! Spans as Prometheus and Alertmanager write them: `90s`, `1h30m`, `5d`.

use std::time::Duration;

use weir_query::syntax::read_duration;

/// Reads a span; `0` needs no unit.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    read_duration(text).map_err(|_| format!("not a valid duration string: {text:?} (such as 30s, 5m or 1h30m)"))
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
