//! The time, and durations as operators write and read them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};
use weir_alert::template::Moment;
use weir_sample::Timestamp;

pub(crate) use weir_meters::clock::now;

/// A duration as an operator writes it: `90s`, `15m`, `1h30m`, `30d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let mend = || format!("{text:?} is no duration: write 90s, 15m, 12h or 30d");
    weir_sample::read_duration(text).ok().filter(|duration| !duration.is_zero()).ok_or_else(mend)
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
        check("1h30m", Some(5_400));
        check("2w", Some(1_209_600));
        for bad in ["", "s", "0s", "-1s", "10", "10q", "1.5h", "5µ"] {
            check(bad, None);
        }
    }
}
