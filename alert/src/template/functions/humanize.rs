//! Numbers for people, as Prometheus' `humanize` family writes them.

use weir_sample::Timestamp;

use super::super::format::general;
use super::super::time::Moment;
use super::super::value::Value;
use super::arguments::{number_of, wrong_count};

pub(super) const NAMES: &[&str] =
    &["humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp"];

pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let [value] = arguments else { return Err(wrong_count(name)) };
    let number = number_of(value)?;
    let text = match name {
        "humanize" => scaled(number),
        "humanize1024" => by_1024(number),
        "humanizeDuration" => duration(number),
        "humanizePercentage" => format!("{}%", four(number * 100.0)),
        _ => timestamp(number)?,
    };
    Ok(Value::text(text))
}

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

fn four(number: f64) -> String {
    general(number, Some(4))
}

/// Divides while the number is at least `base`, and names the last step.
fn shrunk(mut number: f64, base: f64, prefixes: &[&'static str]) -> (f64, &'static str) {
    let mut named = "";
    for prefix in prefixes {
        if number.abs() < base {
            break;
        }
        (number, named) = (number / base, prefix);
    }
    (number, named)
}

fn grown(mut number: f64) -> (f64, &'static str) {
    let mut named = "";
    for prefix in SMALL {
        if number.abs() >= 1.0 {
            break;
        }
        (number, named) = (number * 1000.0, prefix);
    }
    (number, named)
}

fn scaled(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return four(number);
    }
    let (number, prefix) = if number.abs() >= 1.0 { shrunk(number, 1000.0, &LARGE) } else { grown(number) };
    format!("{}{prefix}", four(number))
}

fn by_1024(number: f64) -> String {
    if number.abs() <= 1.0 || !number.is_finite() {
        return four(number);
    }
    let (number, prefix) = shrunk(number, 1024.0, &BINARY);
    format!("{}{prefix}", four(number))
}

fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return four(seconds);
    }
    if seconds == 0.0 {
        return format!("{}s", four(seconds));
    }
    if seconds.abs() < 1.0 {
        let (number, prefix) = grown(seconds);
        return format!("{}{prefix}s", four(number));
    }
    let (sign, number) = (if seconds < 0.0 { "-" } else { "" }, seconds.abs());
    let whole = number as i64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four(number)),
        (0, 0, _) => format!("{sign}{minutes}m {rest}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {rest}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {rest}s"),
    }
}

fn timestamp(seconds: f64) -> Result<String, String> {
    if !seconds.is_finite() {
        return Ok(four(seconds));
    }
    if seconds.abs() * 1e9 > i64::MAX as f64 {
        return Err(format!(
            "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
            general(seconds, None)
        ));
    }
    Ok(Moment::utc(Timestamp((seconds * 1e3).floor() as i64)).to_string())
}
