//! Pushes of short jobs, as the Pushgateway takes them: the grouping labels in the path, and metrics in Prometheus' text or protobuf.

use std::borrow::Cow;

use weir_sample::{Kind, is_name};

use crate::base64;
use crate::delimited::{self, Forms, Said};
use crate::text::{Described, Families, Fault, Form, Line, Meaning, Reader};
use crate::{Measured, Point};

/// Labels of a group, in the order of its path; none comes twice, and the first is `job`.
pub type Grouping = Vec<(String, String)>;

/// Why a push cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The path is none of a group.
    #[error("the path is /metrics/job/JOB{{/LABEL/VALUE}}, with a job that is not empty")]
    Path,
    /// A name in it is no label's.
    #[error("{0:?} in the path is no name of a label")]
    Label(String),
    /// A label is in it twice.
    #[error("{0:?} is in the path twice")]
    Twice(String),
    /// A value in it is not encoded as it must be.
    #[error("a value in the path is no base64 or percent-encoding of UTF-8")]
    Encoding,
    /// The metrics are not UTF-8.
    #[error("the metrics are not UTF-8")]
    Utf8,
    /// A line of the metrics cannot be read.
    #[error("the metrics, {0}")]
    Line(Fault),
    /// A line says a time; what is pushed is of now.
    #[error("line {0} of the metrics has a timestamp: what is pushed is of the time of its push")]
    Timestamp(usize),
    /// Some families of the metrics cannot be read.
    #[error("{0} families of the metrics are malformed")]
    Families(u64),
}

/// The labels of a group by its path behind `/metrics/`: `job/a/label/value`, each percent-encoded, or `label@base64/…`.
///
/// # Errors
/// It is none.
pub fn grouping(path: &str) -> Result<Grouping, Refused> {
    let mut words = path.strip_suffix('/').unwrap_or(path).split('/');
    let mut grouping = Grouping::new();
    while let Some(name) = words.next() {
        // A value of nothing may be the end of the path.
        let value = words.next().unwrap_or_default();
        let name = unescaped(name)?;
        let (name, value) = match name.strip_suffix("@base64") {
            Some(name) => {
                let bytes = base64::decode(value).ok_or(Refused::Encoding)?;
                (name.to_owned(), String::from_utf8(bytes).map_err(|_| Refused::Encoding)?)
            }
            None => (name, unescaped(value)?),
        };
        if grouping.is_empty() && (name != "job" || value.is_empty()) {
            return Err(Refused::Path);
        }
        if !is_name(&name) || name.starts_with("__") {
            return Err(Refused::Label(name));
        }
        if grouping.iter().any(|(known, _)| *known == name) {
            return Err(Refused::Twice(name));
        }
        grouping.push((name, value));
    }
    Ok(grouping)
}

fn unescaped(text: &str) -> Result<String, Refused> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_first_chunk::<2>().ok_or(Refused::Encoding)?;
        let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(Refused::Encoding);
        bytes.push((digit(digits[0])? << 4 | digit(digits[1])?) as u8);
        rest = behind;
    }
    String::from_utf8(bytes).map_err(|_| Refused::Encoding)
}

/// Calls with each sample of a push, and with its time as `push_time_seconds`. A label of the group stands over one of a sample. Returns what
/// families tell of themselves.
///
/// # Errors
/// The metrics cannot be read. What was told until then must be forgotten.
pub fn read(
    body: &[u8],
    is_protobuf: bool,
    grouping: &Grouping,
    millis: i64,
    mut each: impl FnMut(Point<'_>),
) -> Result<Described, Refused> {
    let mut described = Described::default();
    let mut tell = |name: &str, own: &[(Cow<'_, str>, Cow<'_, str>)], kind, value| {
        let labels = labels(own, grouping);
        each(Point { name: Cow::Borrowed(name), labels, kind, time: millis, value });
    };
    if is_protobuf {
        let malformed = delimited::parse(body, Forms::BOTH, |scraped| {
            let (kind, value) = match scraped.value {
                Said::Gauge(value) => (Kind::Gauge, Measured::Float(value)),
                Said::Total(value) => (Kind::Counter, Measured::Float(value)),
                Said::Histogram(histogram) => (Kind::Distribution, Measured::Histogram(histogram)),
            };
            tell(&scraped.name, &scraped.labels, kind, value);
        });
        described = delimited::describe(body);
        if malformed > 0 {
            return Err(Refused::Families(malformed));
        }
    } else {
        let text = std::str::from_utf8(body).map_err(|_| Refused::Utf8)?;
        let (mut reader, mut families) = (Reader::new(Form::Text), Families::default());
        for (line, number) in text.lines().zip(1..) {
            let line = reader.read(line).map_err(Refused::Line)?;
            described.learn(&line);
            match line {
                Line::Type { family, kind } => families.learn(family, kind),
                Line::Sample(sample) if sample.time.is_some() => return Err(Refused::Timestamp(number)),
                Line::Sample(sample) => {
                    let is_total = families.meaning(&sample.name) == Meaning::Cumulative;
                    let kind = if is_total { Kind::Counter } else { Kind::Gauge };
                    tell(&sample.name, &sample.labels, kind, Measured::Float(sample.value));
                }
                Line::Help { .. } | Line::Unit { .. } | Line::Nothing | Line::End => {}
            }
        }
    }
    tell("push_time_seconds", &[], Kind::Gauge, Measured::Float(millis as f64 / 1_000.0));
    Ok(described)
}

/// A sample's own labels, and those of its group in place of the same.
fn labels<'l>(own: &'l [(Cow<'_, str>, Cow<'_, str>)], grouping: &'l Grouping) -> Vec<(Cow<'l, str>, Cow<'l, str>)> {
    let own = own.iter().filter(|(name, _)| !grouping.iter().any(|(of_group, _)| of_group == name));
    let own = own.map(|(name, value)| (Cow::Borrowed(name.as_ref()), Cow::Borrowed(value.as_ref())));
    let of_group = grouping.iter().map(|(name, value)| (Cow::from(name), Cow::from(value)));
    own.chain(of_group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Malformed;

    #[test]
    fn a_path_is_a_group() {
        let check = |path: &str, expected: Result<&[(&str, &str)], Refused>| {
            let owned = |pairs: &[(&str, &str)]| -> Grouping {
                pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
            };
            assert_eq!(grouping(path), expected.map(owned), "{path}");
        };
        check("job/a", Ok(&[("job", "a")]));
        check("job/a/", Ok(&[("job", "a")]));
        check("job/a%2Fb/zone/x%20y", Ok(&[("job", "a/b"), ("zone", "x y")]));
        check("job@base64/L3Zhcg/path@base64/L3Zhci90bXA=", Ok(&[("job", "/var"), ("path", "/var/tmp")]));
        check("job/a/zone@base64/=", Ok(&[("job", "a"), ("zone", "")]));
        check("job/a/zone/", Ok(&[("job", "a"), ("zone", "")]));
        for path in ["", "job", "job/", "jobs/a", "zone/a/job/b", "job@base64/="] {
            check(path, Err(Refused::Path));
        }
        check("job/a/b-c/d", Ok(&[("job", "a"), ("b-c", "d")]));
        check("job/a/b%01/d", Err(Refused::Label("b\u{1}".into())));
        check("job/a/__name__/d", Err(Refused::Label("__name__".into())));
        check("job/a/job/b", Err(Refused::Twice("job".into())));
        check("job/a/b//b/c", Err(Refused::Twice("b".into())));
        for path in ["job/a%2", "job/%zz", "job/%ff", "job@base64/!", "job@base64/_w"] {
            check(path, Err(Refused::Encoding));
        }
    }

    fn told(body: &[u8]) -> Result<Vec<String>, Refused> {
        let (mut told, group) = (Vec::new(), grouping("job/a").unwrap());
        read(body, false, &group, 1_500, |point| {
            let mut labels: Vec<_> = point.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            labels.sort();
            let Measured::Float(value) = point.value else { unreachable!() };
            told.push(format!("{}{{{}}} {:?} {value} {}", point.name, labels.join(","), point.kind, point.time));
        })?;
        Ok(told)
    }

    #[test]
    fn what_is_pushed_has_the_labels_of_its_group() {
        let body = b"# TYPE done counter\ndone{job=\"own\",b=\"c\"} 3\nsize 2.5\n";
        let expected =
            ["done{b=c,job=a} Counter 3 1500", "size{job=a} Gauge 2.5 1500", "push_time_seconds{job=a} Gauge 1.5 1500"];
        assert_eq!(told(body).unwrap(), expected);
        assert_eq!(told(b"").unwrap(), expected[2..]);
        assert_eq!(told(b"a 1\nb 2 1700000000000"), Err(Refused::Timestamp(2)));
        assert_eq!(told(b"a 1\n\nb"), Err(Refused::Line(Fault { line: 3, column: 2, what: Malformed::NoValue })));
        assert_eq!(told(b"a{b=\"\xff\"} 1"), Err(Refused::Utf8));
        let group = grouping("job/a").unwrap();
        assert_eq!(read(b"up 1", true, &group, 0, |_| {}), Err(Refused::Families(1)));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_a_push_or_a_fault() {
        let body = b"# TYPE done counter\ndone{job=\"own\",b=\"c\\n\"} 3\nsize 2.5\n";
        for at in 0..body.len() {
            let _ = told(&body[..at]);
            for changed in 0..=255 {
                let mut damaged = body.to_vec();
                damaged[at] = changed;
                let _ = told(&damaged);
                let _ = read(&damaged, true, &Grouping::new(), 0, |_| {});
            }
        }
        let path = "job@base64/L3Zhcg==/zone/x%20y";
        for at in 0..path.len() {
            let _ = grouping(&path[..at]);
            let _ = grouping(&path[at..]);
        }
    }
}
