//! Times and durations as Prometheus' API takes them.

use std::time::Duration;
use weir_query::syntax::read_duration;

use weir_sample::Timestamp;

/// Unix seconds with a fraction, or RFC 3339. What lies past [`MAX_SECONDS`] means "since ever" or "for ever" and is
/// taken as that far.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.abs() <= GO_SECONDS => {
            Some(Timestamp((seconds.clamp(-MAX_SECONDS, MAX_SECONDS) * 1e3).round() as i64))
        }
        Ok(_) => None,
        Err(_) if text == GO_FIRST => Some(Timestamp(-(MAX_SECONDS as i64) * 1_000)),
        Err(_) if text == GO_LAST => Some(Timestamp(MAX_SECONDS as i64 * 1_000)),
        Err(_) => rfc3339(text),
    }
}

/// The first and the last time of Prometheus' clients, as they write them, and their distance from 1970.
const GO_FIRST: &str = "-292273086-05-16T16:47:06Z";
const GO_LAST: &str = "292277025-08-18T07:12:54.999999999Z";
const GO_SECONDS: f64 = 9_223_372_036_854_775.807;

/// Seconds with a fraction, or a PromQL duration such as `1h30m`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok().filter(|duration| duration.as_secs_f64() < MAX_SECONDS);
    }
    read_duration(text).ok().filter(|duration| duration.as_millis() < MAX_SECONDS as u128 * 1_000)
}

/// Far past any date, and far from where milliseconds overflow.
const MAX_SECONDS: f64 = 1e13;

/// `2026-11-23T13:20:00.5+01:00`.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':')?;
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    let offset = match zone.split_at(1) {
        ("Z" | "z", "") => 0,
        (sign, zone) => {
            let [hours, minutes] = numbers(zone, ':').filter(|[h, m]| *h < 24 && *m < 60)?;
            (hours * 60 + minutes) * if sign == "-" { -60 } else { 60 }
        }
    };
    let legal = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    legal.then(|| Timestamp(seconds * 1_000 + (fraction * 1e3).round() as i64))
}

/// As many short numbers as asked for, without signs.
fn numbers<const N: usize>(text: &str, between: char) -> Option<[i64; N]> {
    let number = |part: &str| (part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok());
    let numbers: Vec<i64> = text.split(between).map(|part| number(part).flatten()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

/// Days from 1970-01-01 to a date; years are counted from March so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(timestamp(text).map(Timestamp::millis), expected, "{text}");
        check("1435781451.781", Some(1_435_781_451_781));
        check("-1", Some(-1_000));
        check("2015-07-01T20:10:51.781Z", Some(1_435_781_451_781));
        check("2015-07-01T22:10:51.781+02:00", Some(1_435_781_451_781));
        check("2000-02-29T00:00:00Z", Some(951_782_400_000));
        check("1969-12-31T23:00:00-01:00", Some(0));
        check("-9223372036854775.808", Some(-10_000_000_000_000_000));
        check("9223372036854775.807", Some(10_000_000_000_000_000));
        check("-292273086-05-16T16:47:06Z", Some(-10_000_000_000_000_000));
        check("1e17", None);
        check("NaN", None);
        check("1e300", None);
        check("2015-13-01T00:00:00Z", None);
        check("2015-07-01T20:10:51", None);
        check("2015-07-01Té", None);
        check("", None);
    }

    #[test]
    fn durations_are_read() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration(text).map(|d| d.as_millis() as u64), expected, "{text}");
        };
        check("15", Some(15_000));
        check("0.5", Some(500));
        check("1h30m", Some(5_400_000));
        check("10ms", Some(10));
        check("1m1h", None);
        check("-5", None);
        check("5", Some(5_000));
        check("5x", None);
        check("é", None);
        check("m", None);
        check("99999999999999999999d", None);
        check("", None);
    }
}
