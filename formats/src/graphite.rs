//! Graphite's plaintext: `servers.a.load 0.5 1700000000`, and with tags `load;host=a;zone=b 0.5 1700000000`.

use std::borrow::Cow;

use crate::{Measured, Point, kind_by_name};

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no text.
    #[error("it is not UTF-8")]
    Utf8,
    /// There are more or fewer words.
    #[error("a line is a path, a value and a time in seconds")]
    Words,
    /// There is nothing before the first semicolon.
    #[error("it has no path")]
    Path,
    /// A tag is none.
    #[error("a tag is written ;key=value")]
    Tag,
    /// The value is none.
    #[error("the value is no number")]
    Value,
    /// The time is none.
    #[error("the time is no number of seconds")]
    Time,
}

/// Reads one line, with or without its end; `None` if it is empty. `now` is the time of one that says -1 or N.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8], now: i64) -> Result<Option<Point<'_>>, Fault> {
    let line = std::str::from_utf8(line).map_err(|_| Fault::Utf8)?;
    let mut words = line.split_ascii_whitespace();
    let Some(path) = words.next() else { return Ok(None) };
    let (Some(value), Some(time), None) = (words.next(), words.next(), words.next()) else { return Err(Fault::Words) };
    let mut parts = path.split(';');
    let name = parts.next().filter(|name| !name.is_empty()).ok_or(Fault::Path)?;
    let mut labels = Vec::new();
    for part in parts {
        let pair = part.split_once('=').filter(|(key, value)| !key.is_empty() && !value.is_empty());
        let (key, value) = pair.ok_or(Fault::Tag)?;
        labels.push((Cow::Borrowed(key), Cow::Borrowed(value)));
    }
    let value: f64 = value.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(Fault::Value)?;
    let time = match time {
        "-1" | "N" => now,
        seconds => match seconds.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() => (seconds * 1_000.0) as i64,
            _ => return Err(Fault::Time),
        },
    };
    let (name, kind) = (Cow::Borrowed(name), kind_by_name(name));
    Ok(Some(Point { name, labels, kind, time, value: Measured::Float(value) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_point_or_a_fault() {
        let told = |line: &[u8]| match read(line, 7) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(Point { name, labels, time, value: Measured::Float(value), .. })) => {
                let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{name}{{{}}} {value} {time}", labels.join(","))
            }
            Ok(_) => unreachable!(),
            Err(fault) => format!("{fault:?}"),
        };
        let check = |line: &str, expected: &str| assert_eq!(told(line.as_bytes()), expected, "{line}");
        check("a.b 0.5 1700000000\r", "a.b{} 0.5 1700000000000");
        check(" a;k=v;z=x=y\t-1e3  1.5 ", "a{k=v,z=x=y} -1000 1500");
        check("a 1 -1", "a{} 1 7");
        check("a 1 N", "a{} 1 7");
        check("", "nothing");
        for line in ["a", "a 1", "a 1 2 3"] {
            check(line, "Words");
        }
        check(";k=v 1 2", "Path");
        for line in ["a; 1 2", "a;k 1 2", "a;=v 1 2", "a;k= 1 2"] {
            check(line, "Tag");
        }
        for line in ["a b 2", "a nan 2", "a inf 2"] {
            check(line, "Value");
        }
        for line in ["a 1 b", "a 1 inf"] {
            check(line, "Time");
        }
        assert_eq!(told(b"a\xff 1 2"), "Utf8");
    }

    #[test]
    fn every_changed_byte_is_a_line_or_a_fault() {
        let line = b"a.b;k=v 0.5 1700000000";
        for at in 0..line.len() {
            for changed in 0..=255 {
                let mut damaged = *line;
                damaged[at] = changed;
                let _ = read(&damaged[..=at], 0);
                let _ = read(&damaged, 0);
            }
        }
    }
}
