//! One line: what it says, or why it says nothing. Names are taken as they stand; one that may not stand there is never mended,
//! since the mended name might be another series'.

use std::borrow::Cow;

use weir_sample::{Series, Timestamp, legal_metric_name};

use super::cursor::Cursor;
use super::fault::Malformed;
use super::labels::{Braces, Labels, unescape};
use crate::Exemplar;

/// What one line says.
#[derive(Debug, PartialEq)]
pub enum Line<'a> {
    /// The type of a family of metrics, as it is spelled: `counter`, `histogram`, ….
    Type {
        /// Name of the family.
        family: Cow<'a, str>,
        /// Its type.
        kind: &'a str,
    },
    /// What a family tells, for people.
    Help {
        /// Name of the family.
        family: Cow<'a, str>,
        /// The sentence.
        help: Cow<'a, str>,
    },
    /// The unit of a family: `seconds`, `bytes`, ….
    Unit {
        /// Name of the family.
        family: Cow<'a, str>,
        /// Its unit.
        unit: &'a str,
    },
    /// A sample.
    Sample(Sample<'a>),
    /// A comment, or nothing at all.
    Nothing,
    /// `# EOF`: OpenMetrics' last line.
    End,
}

/// A value of one series.
#[derive(Debug, PartialEq)]
pub struct Sample<'a> {
    /// The metric's name; of letters, digits, `_` and `:`, or any text that stood in quotes.
    pub name: Cow<'a, str>,
    /// Labels in the order in which they stand. Their names are no more than that either, and none comes twice.
    pub labels: Labels<'a>,
    /// The value; `NaN` is one.
    pub value: f64,
    /// Its time, if it is there.
    pub time: Option<Timestamp>,
    /// What is shown for many, if it is there.
    pub exemplar: Option<Box<Exemplar<'a>>>,
}

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Prometheus' text format: in milliseconds. What only OpenMetrics has makes it that.
    #[default]
    Text,
    /// OpenMetrics: in seconds, with a fraction.
    OpenMetrics,
}

impl<'a> Line<'a> {
    /// Reads one line, with or without its end.
    pub(super) fn read(cursor: &mut Cursor<'a>, form: &mut Form) -> Result<Self, Malformed> {
        cursor.skip_blanks();
        if cursor.rest().is_empty() {
            return Ok(Self::Nothing);
        }
        if cursor.eat('#') { Ok(Self::comment(cursor, form)) } else { Sample::read(cursor, form).map(Self::Sample) }
    }

    fn comment(cursor: &mut Cursor<'a>, form: &mut Form) -> Self {
        let word = cursor.peek_word();
        cursor.step(word);
        let family = match word {
            "TYPE" | "UNIT" | "HELP" => family(cursor),
            "EOF" => None,
            _ => return Self::Nothing,
        };
        let (rest, mut words) = (cursor.peek_word(), cursor.rest().split_ascii_whitespace());
        match (word, family) {
            ("TYPE", Some(family)) => words.next().map_or(Self::Nothing, |kind| Self::Type { family, kind }),
            ("EOF", _) if rest.is_empty() => {
                *form = Form::OpenMetrics;
                Self::End
            }
            ("UNIT", Some(family)) => {
                *form = Form::OpenMetrics;
                words.next().map_or(Self::Nothing, |unit| Self::Unit { family, unit })
            }
            ("HELP", Some(family)) => {
                let help = cursor.rest().trim_ascii();
                if help.is_empty() { Self::Nothing } else { Self::Help { family, help: unescape(help) } }
            }
            _ => Self::Nothing,
        }
    }
}

impl<'a> Sample<'a> {
    fn read(cursor: &mut Cursor<'a>, form: &mut Form) -> Result<Self, Malformed> {
        let (name, labels) = key(cursor)?;
        let word = cursor.peek_word();
        if word.is_empty() {
            return Err(Malformed::NoValue);
        }
        let value = word.parse().map_err(|_| Malformed::Value)?;
        cursor.step(word);
        let (word, mut time) = (cursor.peek_word(), None);
        if !word.is_empty() && !word.starts_with('#') {
            time = Some(read_time(word, form)?);
            cursor.step(word);
        }
        cursor.skip_blanks();
        let mut exemplar = None;
        if cursor.eat('#') {
            *form = Form::OpenMetrics;
            exemplar = Some(Box::new(self::exemplar(cursor).map_err(|_| Malformed::Exemplar)?));
        }
        if cursor.peek_word().is_empty() {
            Ok(Self { name, labels, value, time, exemplar })
        } else {
            Err(Malformed::TooLong)
        }
    }

    /// The series that the sample is of.
    pub fn series(&self) -> Series {
        Series::new(&self.name, self.labels.iter().map(|(label, value)| (label.as_ref(), value.as_ref())))
    }
}

/// The name of a family, which may stand in quotes.
fn family<'a>(cursor: &mut Cursor<'a>) -> Option<Cow<'a, str>> {
    cursor.skip_blanks();
    if cursor.eat('"') {
        return cursor.quoted().ok().map(unescape);
    }
    let word = cursor.peek_word();
    cursor.step(word);
    (!word.is_empty()).then_some(Cow::Borrowed(word))
}

/// Reads `name`, `name{label="value"}` or `{"name",label="value"}`.
pub(super) fn key<'a>(cursor: &mut Cursor<'a>) -> Result<(Cow<'a, str>, Labels<'a>), Malformed> {
    let bare = cursor.peek(|c| c == '{' || c.is_ascii_whitespace());
    if !bare.is_empty() && legal_metric_name(bare) != bare {
        return Err(Malformed::Name);
    }
    cursor.step(bare);
    cursor.skip_blanks();
    if !cursor.eat('{') {
        return Ok((Cow::Borrowed(bare), Labels::new()));
    }
    let Braces { name, labels } = Braces::read(cursor, false)?;
    let name = match (bare, name) {
        ("", Some(name)) => name,
        ("", None) => return Err(Malformed::Name),
        (_, Some(_)) => return Err(Malformed::NameTwice),
        (_, None) => Cow::Borrowed(bare),
    };
    match labels.iter().any(|(label, _)| label == "__name__") {
        true => Err(Malformed::NameTwice),
        false => Ok((name, labels)),
    }
}

/// Reads `{name="value"} 1 1700000000.5`. Its labels may have any name.
fn exemplar<'a>(cursor: &mut Cursor<'a>) -> Result<Exemplar<'a>, Malformed> {
    cursor.skip_blanks();
    if !cursor.eat('{') {
        return Err(Malformed::Exemplar);
    }
    let labels = Braces::read(cursor, true)?.labels;
    let word = cursor.peek_word();
    let value = word.parse().map_err(|_| Malformed::Value)?;
    cursor.step(word);
    let (word, mut time) = (cursor.peek_word(), None);
    if !word.is_empty() {
        time = Some(read_time(word, &mut Form::OpenMetrics)?.millis());
        cursor.step(word);
    }
    Ok(Exemplar { time, value, labels })
}

/// Years 1 to 9999, as calendars and RFC 3339 have them, in milliseconds.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

pub(super) fn read_time(word: &str, form: &mut Form) -> Result<Timestamp, Malformed> {
    let number = word.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or(Malformed::Time)?;
    // Milliseconds have no fraction.
    if word.contains('.') {
        *form = Form::OpenMetrics;
    }
    let millis = match form {
        Form::OpenMetrics => (number * 1_000.0).round() as i64,
        Form::Text if word.contains(['e', 'E']) => return Err(Malformed::Time),
        Form::Text => word.parse().map_err(|_| Malformed::TimeRange)?,
    };
    if TIMES.contains(&millis) { Ok(Timestamp(millis)) } else { Err(Malformed::TimeRange) }
}

#[cfg(test)]
mod tests;
