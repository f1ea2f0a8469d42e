//! The time, and durations as operators write and read them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};
use weir_alert::template::Moment;
use weir_sample::Timestamp;

pub(crate) use weir_meters::clock::now;

/// A duration as an operator writes it: `90s`, `15m`, `12h`, `30d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let mend = || format!("{text:?} is no duration: write 90s, 15m, 12h or 30d");
    let unit_at = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at)).ok_or_else(mend)?;
    let (number, unit) = text.split_at(unit_at);
    let unit_s = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(mend()),
    };
    let seconds = number.parse::<u32>().ok().and_then(|number| u64::from(number).checked_mul(unit_s));
    seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(mend)
}

/// The same as a key of a file has it.
pub(crate) fn read_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    duration(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// The same of a key that may be left out.
pub(crate) fn read_some_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    read_duration(from).map(Some)
}

/// A time as Prometheus and Alertmanager write it in JSON: `2026-11-25T18:00:00.000Z`.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    Moment::utc(time).format("2006-01-02T15:04:05.000Z")
}

/// A duration in its largest whole unit, for people.
pub(crate) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        let check = |text: &str, seconds: Option<u64>| {
            assert_eq!(duration(text).ok(), seconds.map(Duration::from_secs), "{text:?}");
        };
        check("90s", Some(90));
        check("15m", Some(900));
        check("12h", Some(43_200));
        check("30d", Some(2_592_000));
        for bad in ["", "s", "0s", "-1s", "10", "10w", "1.5h", "5µ"] {
            check(bad, None);
        }
    }
}
