//! Instants and spans as Go prints them, and Go's layouts.

use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, Zoned};
use weir_sample::Timestamp;

/// `time.Time`: an instant, and the zone that it is shown in.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub(super) at: Instant,
    zone: TimeZone,
}

impl Moment {
    /// An instant, in UTC.
    pub fn utc(at: Timestamp) -> Self {
        Self { at: Instant::from_millisecond(at.millis()).unwrap_or_default(), zone: TimeZone::UTC }
    }

    /// Go's zero time, the first second of year 1.
    pub fn zero() -> Self {
        Self { at: Instant::from_second(ZERO_S).unwrap_or_default(), zone: TimeZone::UTC }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.at.as_second() == ZERO_S && self.at.subsec_nanosecond() == 0
    }

    /// The same instant elsewhere.
    pub(super) fn within(&self, zone: &str) -> Result<Self, String> {
        let zone = match zone {
            "" | "UTC" => TimeZone::UTC,
            "Local" => TimeZone::system(),
            name => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"))?,
        };
        Ok(Self { at: self.at, zone })
    }

    pub(super) fn plus(&self, span_ns: i64) -> Self {
        let at = self.at.checked_add(jiff::SignedDuration::from_nanos(span_ns)).unwrap_or(self.at);
        Self { at, zone: self.zone.clone() }
    }

    /// Nanoseconds from `earlier` to here.
    pub(super) fn since(&self, earlier: &Moment) -> i64 {
        let span = self.at.as_nanosecond() - earlier.at.as_nanosecond();
        i64::try_from(span).unwrap_or(if span < 0 { i64::MIN } else { i64::MAX })
    }

    pub(super) fn zoned(&self) -> Zoned {
        self.at.to_zoned(self.zone.clone())
    }

    /// By a layout of Go: the second 2006-01-02 15:04:05 −0700 MST, written as wanted.
    pub fn format(&self, layout: &str) -> String {
        let zoned = self.zoned();
        let (mut out, mut rest) = (String::new(), layout);
        while let Some(first) = rest.chars().next() {
            if let Some(digits) = fraction(rest) {
                out.push_str(&fraction_text(&rest[..digits], zoned.subsec_nanosecond()));
                rest = &rest[digits..];
            } else if let Some(part) = PARTS.iter().find(|part| rest.starts_with(*part)) {
                out.push_str(&shown(part, &zoned));
                rest = &rest[part.len()..];
            } else {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        out
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

const ZERO_S: i64 = -62_135_596_800;

/// Longer ones first where one begins another.
const PARTS: [&str; 31] = [
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "__2",
    "_2",
    "-07:00:00",
    "-07:00",
    "-070000",
    "-0700",
    "-07",
    "Z07:00",
    "Z0700",
    "Z07",
    "PM",
    "pm",
    "1",
    "2",
    "3",
    "4",
    "5",
];

fn shown(part: &str, at: &Zoned) -> String {
    let hour = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    match part {
        "January" => at.strftime("%B").to_string(),
        "Jan" => at.strftime("%b").to_string(),
        "Monday" => at.strftime("%A").to_string(),
        "Mon" => at.strftime("%a").to_string(),
        "MST" => at.time_zone().to_offset_info(at.timestamp()).abbreviation().to_owned(),
        "2006" => format!("{:04}", at.year()),
        "06" => format!("{:02}", at.year() % 100),
        "01" => format!("{:02}", at.month()),
        "1" => at.month().to_string(),
        "02" => format!("{:02}", at.day()),
        "_2" => format!("{:2}", at.day()),
        "2" => at.day().to_string(),
        "002" => format!("{:03}", at.day_of_year()),
        "__2" => format!("{:3}", at.day_of_year()),
        "15" => format!("{:02}", at.hour()),
        "03" => format!("{hour:02}"),
        "3" => hour.to_string(),
        "04" => format!("{:02}", at.minute()),
        "4" => at.minute().to_string(),
        "05" => format!("{:02}", at.second()),
        "5" => at.second().to_string(),
        "PM" => if at.hour() < 12 { "AM" } else { "PM" }.into(),
        "pm" => if at.hour() < 12 { "am" } else { "pm" }.into(),
        zone => offset(zone, at.offset().seconds()),
    }
}

fn offset(part: &str, seconds: i32) -> String {
    if part.starts_with('Z') && seconds == 0 {
        return "Z".into();
    }
    let (sign, s) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let (hours, minutes, seconds) = (s / 3600, s / 60 % 60, s % 60);
    match &part[1..] {
        "07" => format!("{sign}{hours:02}"),
        "0700" => format!("{sign}{hours:02}{minutes:02}"),
        "07:00" => format!("{sign}{hours:02}:{minutes:02}"),
        "070000" => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// The length of `.000` or `.999` (or with a comma) at the beginning, if it is there.
fn fraction(layout: &str) -> Option<usize> {
    let rest = layout.strip_prefix(['.', ','])?;
    let digit = rest.chars().next().filter(|c| "09".contains(*c))?;
    let tail = rest.trim_start_matches(digit);
    (!tail.starts_with(|c: char| c.is_ascii_digit())).then(|| layout.len() - tail.len())
}

fn fraction_text(part: &str, nanos: i32) -> String {
    let digits = &format!("{nanos:09}")[..(part.len() - 1).min(9)];
    let digits = if part.ends_with('9') { digits.trim_end_matches('0') } else { digits };
    if digits.is_empty() { String::new() } else { format!("{}{digits}", &part[..1]) }
}

/// `time.Duration` as Go prints it: `1h2m3.5s`, `1.5ms`, `0s`.
pub(super) fn span_text(span_ns: i64) -> String {
    let sign = if span_ns < 0 { "-" } else { "" };
    let ns = span_ns.unsigned_abs();
    let decimal = |unit: u64| {
        let (whole, rest) = (ns / unit, format!("{:0width$}", ns % unit, width = unit.ilog10() as usize));
        let rest = rest.trim_end_matches('0');
        if unit == 1 || rest.is_empty() { whole.to_string() } else { format!("{whole}.{rest}") }
    };
    match ns {
        0 => return "0s".into(),
        1..1_000 => return format!("{sign}{ns}ns"),
        1_000..1_000_000 => return format!("{sign}{}µs", decimal(1_000)),
        1_000_000..1_000_000_000 => return format!("{sign}{}ms", decimal(1_000_000)),
        _ => {}
    }
    let (hours, minutes) = (ns / 3_600_000_000_000, ns / 60_000_000_000 % 60);
    let seconds = span_seconds(ns % 60_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

fn span_seconds(ns: u64) -> String {
    let rest = format!("{:09}", ns % 1_000_000_000);
    let rest = rest.trim_end_matches('0');
    let whole = ns / 1_000_000_000;
    if rest.is_empty() { whole.to_string() } else { format!("{whole}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_those_of_go() {
        let moment = Moment::utc(Timestamp(1_136_214_245_070));
        for (layout, expected) in [
            ("2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z"),
            ("Mon, 02 Jan 2006 15:04:05 MST", "Mon, 02 Jan 2006 15:04:05 UTC"),
            ("Monday, January _2 3:04 PM -0700", "Monday, January  2 3:04 PM +0000"),
            ("15:04:05.000", "15:04:05.070"),
            ("15:04:05.999", "15:04:05.07"),
            ("at 06/1/2, 5 s", "at 06/1/2, 5 s"),
        ] {
            assert_eq!(moment.format(layout), expected, "{layout}");
        }
        let there = moment.within("Asia/Tokyo").unwrap();
        assert_eq!(there.to_string(), "2006-01-03 00:04:05.07 +0900 JST");
        assert_eq!(Moment::zero().format("2006-01-02T15:04:05Z07:00"), "0001-01-01T00:00:00Z");
        assert!(moment.within("Nowhere/City").is_err());
    }

    #[test]
    fn spans_are_those_of_go() {
        for (ns, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (1_500_000, "1.5ms"),
            (2_000_000_000, "2s"),
            (90_500_000_000, "1m30.5s"),
            (3_600_000_000_000, "1h0m0s"),
            (-61_000_000_000, "-1m1s"),
        ] {
            assert_eq!(span_text(ns), expected);
        }
    }
}
