//! Parts of a date in UTC, from seconds since the Unix epoch.

/// The part that a function of that name takes of a date.
pub(crate) fn part(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "minute" => |v| of(v, |s| s.rem_euclid(3_600) / 60),
        "hour" => |v| of(v, |s| s.rem_euclid(DAY) / 3_600),
        "day_of_week" => |v| of(v, |s| (days(s) + 4).rem_euclid(7)),
        "day_of_month" => |v| of(v, |s| civil(days(s)).2),
        "day_of_year" => |v| of(v, |s| days(s) - days_to(civil(days(s)).0, 1, 1) + 1),
        "days_in_month" => |v| of(v, |s| days_in_month(civil(days(s)))),
        "month" => |v| of(v, |s| civil(days(s)).1),
        "year" => |v| of(v, |s| civil(days(s)).0),
        _ => return None,
    })
}

const DAY: i128 = 86_400;

fn of(seconds: f64, part: fn(i128) -> i128) -> f64 {
    // What no integer holds is the lowest one on the processors that Prometheus mostly runs on.
    let fits = seconds.abs() < (1_u64 << 63) as f64;
    part(wrapped(if fits { seconds as i64 } else { i64::MIN })) as f64
}

/// Go counts seconds from the year −292,277,022,399 in 64 bits; what lies before comes out at the other end.
fn wrapped(seconds: i64) -> i128 {
    let seconds = i128::from(seconds);
    if seconds < GO_FIRST_SECOND { seconds + (1 << 64) } else { seconds }
}

/// The first second that Go's clock knows.
const GO_FIRST_SECOND: i128 = -9_223_371_966_579_724_800;

fn days(seconds: i128) -> i128 {
    seconds.div_euclid(DAY)
}

/// Year, month and day of a count of days since the epoch. Years are counted from March, so that the leap day is the
/// last; 719,468 days lie between 0000-03-01 and the epoch, 146,097 in 400 years.
fn civil(days: i128) -> (i128, i128, i128) {
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let (month, day) = ((month + 2) % 12 + 1, day_of_year - (153 * month + 2) / 5 + 1);
    (era * 400 + year + i128::from(month <= 2), month, day)
}

/// Days from the epoch to a date.
fn days_to(year: i128, month: i128, day: i128) -> i128 {
    let year = year - i128::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468
}

/// Seconds since the epoch as RFC 3339 writes them, in UTC.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let seconds = i128::from(seconds);
    let ((year, month, day), of_day) = (civil(days(seconds)), seconds.rem_euclid(DAY));
    let (hour, minute, second) = (of_day / 3_600, of_day % 3_600 / 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn days_in_month((year, month, _): (i128, i128, i128)) -> i128 {
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_to(next.0, next.1, 1) - days_to(year, month, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_their_parts() {
        let check = |seconds: f64, expected: [i64; 8]| {
            let names =
                ["year", "month", "day_of_month", "hour", "minute", "day_of_week", "day_of_year", "days_in_month"];
            let got = names.map(|name| part(name).map_or(-1, |part| part(seconds) as i64));
            assert_eq!(got, expected, "{seconds}");
        };
        check(0.0, [1970, 1, 1, 0, 0, 4, 1, 31]);
        check(-1.0, [1969, 12, 31, 23, 59, 3, 365, 31]);
        check(f64::NAN, [292_277_026_596, 12, 4, 15, 30, 0, 339, 31]);
        check(951_782_400.0 + 3_661.0, [2000, 2, 29, 1, 1, 2, 60, 29]);
        check(1_795_440_000.0, [2026, 11, 23, 13, 20, 1, 327, 30]);
    }

    #[test]
    fn days_go_there_and_back() {
        for day in (-1_000_000..1_000_000).step_by(37) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days_to(year, month, of_month), day);
        }
    }
}
