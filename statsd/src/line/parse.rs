//! A datagram's lines, read where they lie: nothing is copied, and a bad line costs only itself.

use memchr::memchr;

use super::event::{Event, ServiceCheck};
use super::number::{self, Number};
use super::refused::{Reason, Refused};
use super::tags::{Name, Tags};

/// What one line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// A metric's value or values.
    Metric(Metric<'a>),
    /// Something happened.
    Event(Event<'a>),
    /// A check's finding.
    ServiceCheck(ServiceCheck<'a>),
}

/// A metric's type on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Type {
    /// `c`, and meters `m`: events to add up.
    Counter,
    /// `g`: the last value stands.
    Gauge,
    /// `ms`: durations in milliseconds.
    Timer,
    /// `h` and `d`: observations.
    Distribution,
    /// `s`: members to tell apart.
    Set,
}

/// `name:value|type|…`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric<'a> {
    /// Everything before the first value: the name, and tags if they are written into it.
    pub(crate) key: &'a [u8],
    /// DogStatsD's tags, without `#`.
    pub(crate) tags: &'a [u8],
    /// The type.
    pub kind: Type,
    /// The share of events that were sent; in `[1e-9, 1]`. See [`share`](Self::share).
    pub rate: f64,
    /// Unix seconds, if given.
    pub timestamp: Option<i64>,
    first: Number,
    /// The packed values after the first, or a set's member.
    text: &'a [u8],
}

impl<'a> Metric<'a> {
    /// The share of events that the values tell of: all, where a timestamp says that the client has added up already.
    #[inline]
    pub fn share(&self) -> f64 {
        if self.timestamp.is_some() { 1.0 } else { self.rate }
    }

    /// The name without tags, as it was sent; SignalFX's style may leave a second part behind its brackets.
    pub fn name(&self) -> (&'a str, &'a str) {
        let name = Name::split(self.key);
        (name.head, name.tail)
    }

    /// All tags, in every style.
    pub fn tags(&self) -> Tags<'a> {
        let name = Name::split(self.key);
        Tags::new(name.inline, name.separator, self.tags)
    }

    /// The values; none for a set.
    #[inline]
    pub fn values(&self) -> Values<'a> {
        let is_set = self.kind == Type::Set;
        Values { next: (!is_set).then_some(self.first), rest: if is_set { &[] } else { self.text } }
    }

    /// A set's member.
    #[inline]
    pub fn member(&self) -> Option<&'a [u8]> {
        (self.kind == Type::Set).then_some(self.text)
    }
}

/// Iterator over the values of a metric.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    next: Option<Number>,
    rest: &'a [u8],
}

impl Iterator for Values<'_> {
    type Item = Number;

    #[inline]
    fn next(&mut self) -> Option<Number> {
        let value = self.next.take()?;
        if let [b':', rest @ ..] = self.rest {
            let (next, len) = number::leading(rest)?;
            self.next = Some(next);
            self.rest = &rest[len..];
        }
        Some(value)
    }
}

/// Gives `each` what every line says, or why the line is refused.
#[inline]
pub fn parse<'a>(datagram: &'a [u8], mut each: impl FnMut(Result<Item<'a>, Refused<'a>>)) {
    parse_lines(datagram, |line, read| each(read.map_err(|reason| Refused { reason, line })));
}

/// As [`parse`], with each line beside what it says.
#[inline]
pub(crate) fn parse_lines<'a>(datagram: &'a [u8], mut each: impl FnMut(&'a [u8], Result<Item<'a>, Reason>)) {
    // One pass over the whole datagram is many times cheaper than a check per line.
    let ascii = datagram.is_ascii();
    let mut rest = datagram;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = trim(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
        if line.is_empty() {
            continue;
        }
        let read = if ascii || std::str::from_utf8(line).is_ok() { read(line, &mut each) } else { Err(Reason::Utf8) };
        if let Err(reason) = read {
            each(line, Err(reason));
        }
    }
}

/// Without the carriage return, blanks and NULs that clients leave at a line's end, and what stands before its name:
/// blanks, or the byte order mark of an editor or a shell.
#[inline]
fn trim(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', tail @ ..] | [0xef, 0xbb, 0xbf, tail @ ..] = line {
        line = tail;
    }
    while let [head @ .., b'\r' | b' ' | b'\t' | 0] = line {
        line = head;
    }
    line
}

#[inline]
fn read<'a>(line: &'a [u8], each: &mut impl FnMut(&'a [u8], Result<Item<'a>, Reason>)) -> Result<(), Reason> {
    if line.starts_with(b"_e{") {
        each(line, Ok(Item::Event(Event::parse(line)?)));
        return Ok(());
    }
    if line.starts_with(b"_sc|") {
        each(line, Ok(Item::ServiceCheck(ServiceCheck::parse(line)?)));
        return Ok(());
    }
    let colon = memchr(b':', line).filter(|&at| at > 0).ok_or(Reason::Malformed)?;
    let (mut key, mut rest) = (&line[..colon], &line[colon + 1..]);
    loop {
        let (metric, more) = match sample(key, rest) {
            Ok(read) => read,
            // The colon may have been inside SignalFX's brackets.
            Err(reason) => {
                (key, rest) = past_brackets(key, line).ok_or(reason)?;
                continue;
            }
        };
        each(line, Ok(Item::Metric(metric)));
        match more {
            Some(more) => rest = more,
            None => return Ok(()),
        }
    }
}

/// Where `key` ends inside an open bracket, the key that ends behind it, and what follows.
#[cold]
fn past_brackets<'a>(key: &[u8], line: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let open = memchr(b'[', key)?;
    if memchr(b']', &key[open..]).is_some() {
        return None;
    }
    let close = key.len() + memchr(b']', &line[key.len()..])?;
    let colon = close + memchr(b':', &line[close..])?;
    Some((&line[..colon], &line[colon + 1..]))
}

type Sample<'a> = (Metric<'a>, Option<&'a [u8]>);

/// Reads `value|type|fields`, and tells where a further sample of the same name begins, as in Etsy's `name:1|c:320|ms`.
#[inline]
fn sample<'a>(key: &'a [u8], rest: &'a [u8]) -> Result<Sample<'a>, Reason> {
    let numbers = numbers(rest).filter(|numbers| rest.get(numbers.end) == Some(&b'|'));
    let end = match numbers {
        Some(numbers) => numbers.end,
        None => memchr(b'|', rest).ok_or(Reason::Malformed)?,
    };
    let (kind, tail) = kind(&rest[end + 1..])?;
    let (first, text) = match numbers {
        _ if kind == Type::Set => (Number { value: 0.0, signed: false }, member(key, &rest[..end])?),
        Some(numbers) => (numbers.first, &rest[numbers.first_end..end]),
        None => return Err(Reason::Value),
    };
    fields(Metric { key, tags: &[], kind, rate: 1.0, timestamp: None, first, text }, tail)
}

/// Values packed as `1:2:3`.
#[derive(Clone, Copy)]
struct Numbers {
    first: Number,
    first_end: usize,
    end: usize,
}

#[inline]
fn numbers(text: &[u8]) -> Option<Numbers> {
    let (first, first_end) = number::leading(text)?;
    let mut end = first_end;
    while text.get(end) == Some(&b':') {
        end += 1 + number::leading(&text[end + 1..])?.1;
    }
    Some(Numbers { first, first_end, end })
}

/// A set's member is any text, so only here can a tag's value that was cut at its colon pass for one.
fn member<'a>(key: &[u8], text: &'a [u8]) -> Result<&'a [u8], Reason> {
    let cut = memchr(b']', text).is_some() && memchr(b'[', key).is_some() && memchr(b']', key).is_none();
    if cut { Err(Reason::Malformed) } else { Ok(text) }
}

#[inline]
fn kind(text: &[u8]) -> Result<(Type, &[u8]), Reason> {
    let (kind, tail) = match text {
        [b'c', tail @ ..] => (Type::Counter, tail),
        [b'g', tail @ ..] => (Type::Gauge, tail),
        [b'm', b's', tail @ ..] => (Type::Timer, tail),
        [b'm', tail @ ..] => (Type::Counter, tail),
        [b'h' | b'd', tail @ ..] => (Type::Distribution, tail),
        [b's', tail @ ..] => (Type::Set, tail),
        _ => return Err(Reason::Type),
    };
    match tail {
        [] | [b'|' | b':', ..] => Ok((kind, tail)),
        _ => Err(Reason::Type),
    }
}

/// Reads the fields behind the type, in any order. Container id (`c:`), external data (`e:`), cardinality (`card:`) and
/// whatever later versions add say nothing of the value and are passed over.
#[inline]
fn fields<'a>(mut metric: Metric<'a>, mut tail: &'a [u8]) -> Result<Sample<'a>, Reason> {
    loop {
        match tail {
            [] => return Ok((metric, None)),
            [b':', more @ ..] => return Ok((metric, Some(more))),
            [_, rest @ ..] => {
                let mut end = memchr(b'|', rest).unwrap_or(rest.len());
                match &rest[..end] {
                    [b'#', tags @ ..] => metric.tags = tags,
                    [b'@', rate @ ..] => {
                        metric.rate = self::rate(rate)?;
                        end = memchr(b':', &rest[..end]).unwrap_or(end);
                    }
                    [b'T', seconds @ ..] if matches!(seconds, [b'0'..=b'9' | b'-', ..]) => {
                        metric.timestamp = Some(self::timestamp(seconds)?);
                    }
                    _ => {}
                }
                tail = &rest[end..];
            }
        }
    }
}

fn rate(text: &[u8]) -> Result<f64, Reason> {
    let (rate, _) = number::leading(text).ok_or(Reason::Rate)?;
    if (MIN_RATE..=1.0).contains(&rate.value) { Ok(rate.value) } else { Err(Reason::Rate) }
}

fn timestamp(text: &[u8]) -> Result<i64, Reason> {
    let seconds = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    seconds.filter(|&seconds| seconds > 0).ok_or(Reason::Timestamp)
}

/// Below this, one line would stand for more than a billion events.
const MIN_RATE: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(datagram: &str, expected: &[&str]) {
        let mut got = Vec::new();
        parse(datagram.as_bytes(), |item| match item {
            Ok(Item::Metric(metric)) => {
                let values: Vec<f64> = metric.values().map(|number| number.value).collect();
                got.push(format!("{:?} {} {values:?}", metric.kind, metric.name().0));
            }
            Ok(other) => got.push(format!("{other:?}")),
            Err(refused) => got.push(refused.reason().to_owned()),
        });
        assert_eq!(got, expected);
    }

    #[test]
    fn good_lines_live_beside_bad_ones() {
        check(
            "a:1|c\nrubbish\n\r\nb:2:3|ms\r\n:1|c\nc:x|g",
            &["Counter a [1.0]", "malformed", "Timer b [2.0, 3.0]", "malformed", "value"],
        );
    }

    #[test]
    fn what_stands_before_a_name_is_no_part_of_it() {
        let mark = "\u{feff}";
        check(
            &format!("{mark}a:1|c\n{mark} b:1|c\n{mark}{mark}c:1|c"),
            &["Counter a [1.0]", "Counter b [1.0]", "Counter c [1.0]"],
        );
        check(
            &format!(" \ta:1|c\n{mark}\n{mark}:1|c\n a b:1|c"),
            &["Counter a [1.0]", "malformed", "Counter a b [1.0]"],
        );
        check(&format!("{mark}_e{{1,1}}:a"), &["event"]);
    }

    #[test]
    fn etsy_samples_share_a_name() {
        check("a:1|c:320|ms|@0.1:5|g", &["Counter a [1.0]", "Timer a [320.0]", "Gauge a [5.0]"]);
    }

    #[test]
    fn colons_inside_brackets_are_part_of_the_tags() {
        check("a[x=b:c]:3|c", &["Counter a [3.0]"]);
        check("a[x=1:2:3]:3|s", &["Set a []"]);
    }
}
