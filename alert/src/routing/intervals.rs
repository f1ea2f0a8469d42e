//! Time intervals as written: `09:00` to `17:00`, `monday:friday`, `-3:-1`, `january`, `2026`.

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::period::{Intervals, Period};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedIntervals {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) time_intervals: Vec<Spanned<Interval>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Interval {
    #[serde(default)]
    times: Vec<Times>,
    #[serde(default)]
    weekdays: Vec<String>,
    #[serde(default)]
    days_of_month: Vec<String>,
    #[serde(default)]
    months: Vec<String>,
    #[serde(default)]
    years: Vec<String>,
    location: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    start_time: String,
    end_time: String,
}

impl NamedIntervals {
    /// What it means, and what of it is wrong.
    pub(super) fn read(&self) -> (Intervals, Vec<(&Spanned<Interval>, String)>) {
        let (mut periods, mut faults) = (Vec::new(), Vec::new());
        for interval in &self.time_intervals {
            match interval.value.read() {
                Ok(period) => periods.push(period),
                Err(fault) => faults.push((interval, fault)),
            }
        }
        (Intervals(periods), faults)
    }
}

impl Interval {
    fn read(&self) -> Result<Period, String> {
        let all = |texts: &[String], names: &[&str], first, last| {
            texts.iter().map(|text| range(text, names, first, last)).collect::<Result<Vec<_>, _>>()
        };
        let zone = match self.location.as_deref() {
            None => None,
            Some("Local") => Some(TimeZone::system()),
            Some(name) => {
                Some(TimeZone::get(name).map_err(|_| format!("unknown time zone {name:?} (such as Europe/Berlin)"))?)
            }
        };
        Ok(Period {
            minutes: self.times.iter().map(Times::read).collect::<Result<_, _>>()?,
            weekdays: all(&self.weekdays, &WEEKDAYS, 0, 6)?,
            days: self.days_of_month.iter().map(|text| days(text)).collect::<Result<_, _>>()?,
            months: all(&self.months, &MONTHS, 1, 12)?,
            years: all(&self.years, &[], 0, 9999)?,
            zone,
        })
    }
}

impl Times {
    fn read(&self) -> Result<(u16, u16), String> {
        let (from, to) = (minute(&self.start_time)?, minute(&self.end_time)?);
        if from >= to {
            return Err(format!(
                "start_time {} must be before end_time {}; past midnight takes two intervals",
                self.start_time, self.end_time
            ));
        }
        Ok((from, to))
    }
}

fn minute(text: &str) -> Result<u16, String> {
    let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    let parts = parts.and_then(|(hour, minute)| Some((hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?)));
    let minute = parts.filter(|(hour, minute)| *minute < 60 && *hour < 24 || (*hour, *minute) == (24, 0));
    minute
        .map(|(hour, minute)| hour * 60 + minute)
        .ok_or_else(|| format!("{text:?} is no time of day (00:00 to 24:00)"))
}

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// `a` or `a:b`, by name or number.
fn range(text: &str, names: &[&str], first: i16, last: i16) -> Result<(i16, i16), String> {
    let lower = text.to_lowercase();
    let (from, to) = lower.split_once(':').unwrap_or((&lower, &lower));
    let read = |part: &str| {
        let named = names.iter().position(|name| *name == part).map(|at| at as i16 + first);
        // Weekdays have no numbers.
        let numbered = || part.parse::<i16>().ok().filter(|_| first == 1 || names.is_empty());
        named
            .or_else(numbered)
            .filter(|value| (first..=last).contains(value))
            .ok_or_else(|| format!("{text:?} is not known here"))
    };
    let (from, to) = (read(from)?, read(to)?);
    if from > to { Err(format!("{text:?} ends before it begins")) } else { Ok((from, to)) }
}

/// Days of a month, from its end if below zero.
fn days(text: &str) -> Result<(i16, i16), String> {
    let told = || format!("{text:?} are no days of a month (1 to 31, or -31 to -1 from its end)");
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    let read = |part: &str| part.parse::<i16>().ok().filter(|day| *day != 0 && day.abs() <= 31).ok_or_else(told);
    let (from, to) = (read(from)?, read(to)?);
    let backwards = from > to && (from < 0) == (to < 0) || from < 0 && to > 0;
    if backwards { Err(format!("{text:?} ends before it begins")) } else { Ok((from, to)) }
}
