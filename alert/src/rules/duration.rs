//! Durations written as Prometheus writes them: `1h30m`, `15s`, `0s`.

use std::time::Duration;

/// Units from the largest, in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

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
    use crate::duration::duration;

    #[test]
    fn durations_are_written_as_prometheus_writes_them() {
        let check = |text: &str, expected: &str| assert_eq!(write_duration(duration(text).unwrap()), expected);
        check("0", "0s");
        check("90m", "1h30m");
        check("7d", "1w");
        check("8d", "8d");
        check("365d", "1y");
        check("1500ms", "1s500ms");
    }
}
