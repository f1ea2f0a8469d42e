//! One line: where it is from, its fields and its time.

use std::borrow::Cow;

use super::Precision;
use crate::{Measured, Point, kind_by_name};

/// What a line says.
#[derive(Debug, PartialEq)]
pub struct Line<'a> {
    measurement: Cow<'a, str>,
    tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    fields: Vec<(Cow<'a, str>, Number)>,
    /// As it is spelled, if it is there.
    timestamp: Option<i64>,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A number, or one for true and zero for false.
    Is(f64),
    /// It is text.
    Text,
}

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It holds bytes of no character.
    #[error("it is not UTF-8")]
    Utf8,
    /// It begins with a comma or an equals sign, or is empty.
    #[error("it has no measurement")]
    Measurement,
    /// What stands between measurement and fields is no `key=value`.
    #[error("a tag is written key=value, with blanks, commas and equals signs escaped")]
    Tag,
    /// There is no field, or it is no `key=value`.
    #[error("a field is written key=value, and at least one must be there")]
    Field,
    /// A quote does not close.
    #[error("a text has no closing quote")]
    Unclosed,
    /// A field's value is none of the types.
    #[error("a field's value is no number such as 1.5, 2i or 2u, no boolean and no quoted text")]
    Value,
    /// It is no whole number.
    #[error("the timestamp is no whole number: is a blank before it not escaped?")]
    Timestamp,
    /// A blank stands where none may.
    #[error("something follows the timestamp: a blank may not be escaped")]
    Behind,
}

/// Reads one line, without its end.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8]) -> Result<Line<'_>, Fault> {
    let mut rest = Rest(std::str::from_utf8(line).map_err(|_| Fault::Utf8)?);
    let measurement = rest.name(&[',', ' ']);
    if measurement.is_empty() || measurement.starts_with('=') {
        return Err(Fault::Measurement);
    }
    let mut tags = Vec::new();
    while rest.skip(',') {
        tags.push(rest.tag()?);
    }
    let mut fields = Vec::new();
    rest.skip_blanks().then_some(()).ok_or(Fault::Field)?;
    loop {
        fields.push(rest.field()?);
        if !rest.skip(',') {
            break;
        }
    }
    let timestamp = match rest.0.trim_ascii() {
        "" => None,
        _ if !rest.skip_blanks() => return Err(Fault::Field),
        text if text.contains(' ') => return Err(Fault::Behind),
        text => Some(text.parse().map_err(|_| Fault::Timestamp)?),
    };
    Ok(Line { measurement, tags, fields, timestamp })
}

/// What is left of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes up to the first of some characters that is not escaped. A backslash escapes these and is itself anywhere else.
    fn name(&mut self, ends: &[char]) -> Cow<'a, str> {
        let (mut end, mut is_escaped, mut has_escapes) = (self.0.len(), false, false);
        for (at, c) in self.0.char_indices() {
            if is_escaped {
                is_escaped = false;
                has_escapes = true;
            } else if c == '\\' {
                is_escaped = true;
            } else if ends.contains(&c) {
                end = at;
                break;
            }
        }
        let (name, rest) = self.0.split_at(end);
        self.0 = rest;
        if has_escapes { Cow::Owned(plain(name)) } else { Cow::Borrowed(name) }
    }

    fn tag(&mut self) -> Result<(Cow<'a, str>, Cow<'a, str>), Fault> {
        let key = self.name(&[',', '=', ' ']);
        if key.is_empty() || !self.skip('=') {
            return Err(Fault::Tag);
        }
        let value = self.name(&[',', '=', ' ']);
        if value.is_empty() || self.0.starts_with('=') { Err(Fault::Tag) } else { Ok((key, value)) }
    }

    fn field(&mut self) -> Result<(Cow<'a, str>, Number), Fault> {
        let key = self.name(&[',', '=', ' ']);
        if key.is_empty() || !self.skip('=') {
            return Err(Fault::Field);
        }
        if let Some(inside) = self.0.strip_prefix('"') {
            let mut escaped = false;
            let end = inside.find(|c| match c {
                _ if escaped => {
                    escaped = false;
                    false
                }
                '\\' => {
                    escaped = true;
                    false
                }
                c => c == '"',
            });
            self.0 = &inside[end.ok_or(Fault::Unclosed)? + 1..];
            return Ok((key, Number::Text));
        }
        let end = self.0.find([',', ' ']).unwrap_or(self.0.len());
        let (value, rest) = self.0.split_at(end);
        self.0 = rest;
        Ok((key, Number::Is(number(value).ok_or(Fault::Value)?)))
    }

    fn skip(&mut self, wanted: char) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn skip_blanks(&mut self) -> bool {
        let rest = self.0.trim_start_matches(' ');
        let skipped = rest.len() < self.0.len();
        self.0 = rest;
        skipped
    }
}

/// Without the backslashes that escape something.
fn plain(name: &str) -> String {
    let (mut plain, mut chars) = (String::with_capacity(name.len()), name.chars().peekable());
    while let Some(c) = chars.next() {
        let escapes = c == '\\' && chars.peek().is_some_and(|next| matches!(next, ',' | '=' | ' '));
        plain.push(if escapes { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

fn number(text: &str) -> Option<f64> {
    match text {
        "t" | "T" | "true" | "True" | "TRUE" => return Some(1.0),
        "f" | "F" | "false" | "False" | "FALSE" => return Some(0.0),
        _ => {}
    }
    if let Some(whole) = text.strip_suffix('i') {
        return whole.parse::<i64>().ok().map(|whole| whole as f64);
    }
    if let Some(whole) = text.strip_suffix('u') {
        return whole.parse::<u64>().ok().map(|whole| whole as f64);
    }
    // Words such as inf and nan are no numbers here.
    let is_spelled_out = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|number: &f64| is_spelled_out && number.is_finite())
}

impl<'a> Line<'a> {
    /// A point for each field that is a number, and how many are text. `now` is the time of a line without one; `db` becomes a
    /// label unless the line has a tag of that name.
    pub fn points(self, precision: Precision, now: i64, db: &'a str) -> (Vec<Point<'a>>, u64) {
        let Self { measurement, mut tags, fields, timestamp } = self;
        let time = timestamp.map_or(now, |timestamp| precision.millis(timestamp));
        if !db.is_empty() && !tags.iter().any(|(key, _)| key == "db") {
            tags.push((Cow::Borrowed("db"), Cow::Borrowed(db)));
        }
        let (mut points, mut texts) = (Vec::with_capacity(fields.len()), 0);
        for (key, value) in fields {
            let Number::Is(value) = value else {
                texts += 1;
                continue;
            };
            let name = match key.as_ref() {
                "value" => measurement.clone(),
                _ => Cow::Owned(format!("{measurement}_{key}")),
            };
            let (kind, labels, value) = (kind_by_name(&name), tags.clone(), Measured::Float(value));
            points.push(Point { name, labels, kind, time, value });
        }
        (points, texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        let line = match read(line.as_bytes()) {
            Ok(line) => line,
            Err(fault) => return format!("{fault:?}"),
        };
        let (points, texts) = line.points(Precision::Millis, 7, "d");
        let mut told: Vec<_> = points
            .iter()
            .map(|Point { name, labels, time, value, .. }| {
                let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let Measured::Float(value) = value else { unreachable!() };
                format!("{name}{{{}}} {value} @{time}", labels.join(","))
            })
            .collect();
        told.extend((texts > 0).then(|| format!("{texts} texts")));
        told.join("; ")
    }

    #[test]
    fn a_line_is_its_fields() {
        let check = |line: &str, expected: &str| assert_eq!(told(line), expected, "{line}");
        check("cpu,host=a usage=0.5,idle=2i 9", "cpu_usage{host=a,db=d} 0.5 @9; cpu_idle{host=a,db=d} 2 @9");
        check("cpu value=1", "cpu{db=d} 1 @7");
        check("cpu,db=own value=1u  -3 ", "cpu{db=own} 1 @-3");
        check("a b=t,c=F,d=True,e=-1e3", "a_b{db=d} 1 @7; a_c{db=d} 0 @7; a_d{db=d} 1 @7; a_e{db=d} -1000 @7");
        check(r#"a b="x \" y, z=1",c=1 3"#, "a_c{db=d} 1 @3; 1 texts");
        check(r#"a b="x\\" 3"#, "1 texts");
        check(r"my\ cpu\,x,a\ b=c\=d\,e f\ g=1", r"my cpu,x_f g{a b=c=d,e,db=d} 1 @7");
        check(r"a\b,c=d\e value=1", r"a\b{c=d\e,db=d} 1 @7");
        check("a,b=\"c\" value=1", "a{b=\"c\",db=d} 1 @7");
        check("a=b value=1", "a=b{db=d} 1 @7");
    }

    #[test]
    fn a_mistake_is_named() {
        let check = |line: &str, expected: Fault| assert_eq!(told(line), format!("{expected:?}"), "{line}");
        check(",a=b c=1", Fault::Measurement);
        check("=a c=1", Fault::Measurement);
        check("a", Fault::Field);
        check("a ", Fault::Field);
        check("a,b c=1", Fault::Tag);
        check("a,b= c=1", Fault::Tag);
        check("a,=b c=1", Fault::Tag);
        check("a,b=c=d e=1", Fault::Tag);
        check("a,host=b c d=1", Fault::Field);
        check("a b", Fault::Field);
        check("a b=1,", Fault::Field);
        check("a b=1, c=2", Fault::Field);
        check("a b=", Fault::Value);
        check("a b=c", Fault::Value);
        check("a b=nan", Fault::Value);
        check("a b=1e999", Fault::Value);
        check("a b=1.5i", Fault::Value);
        check("a b=-1u", Fault::Value);
        check("a b=9223372036854775808i", Fault::Value);
        check("a b=\"c", Fault::Unclosed);
        check("a b=\"c\"d 1", Fault::Field);
        check("a b=1 c=2", Fault::Timestamp);
        check("a b=1 1.5", Fault::Timestamp);
        check("a b=1 1 2", Fault::Behind);
        assert_eq!(read(b"a b=1 \xff"), Err(Fault::Utf8));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_a_line_or_a_fault() {
        let line = br#"my\ cpu,host=a\,b,c="d" usage=0.5,text="x \"y\"",n=2i,u=3u,t=true 1700000000000000000"#;
        for at in 0..line.len() {
            let _ = read(&line[..at]).map(|line| line.points(Precision::Hours, 0, ""));
            for changed in 0..=255 {
                let mut damaged = line.to_vec();
                damaged[at] = changed;
                let _ = read(&damaged).map(|line| line.points(Precision::Seconds, 0, ""));
                super::super::lines(&damaged).count();
            }
        }
    }

    #[test]
    fn times_are_what_the_precision_says() {
        let of = |text: &str, timestamp| Precision::parse(text).map(|precision| precision.millis(timestamp));
        assert_eq!(of("", -1), Some(-1));
        let all = ["ns", "us", "ms", "s", "m", "h"].map(|text| of(text, 7_000_000).unwrap());
        assert_eq!(all, [7, 7_000, 7_000_000, 7_000_000_000, 420_000_000_000, 25_200_000_000_000]);
        assert_eq!((of("h", i64::MAX), of("d", 1)), (Some(i64::MAX), None));
    }
}
