//! One line: what it says, or why it says nothing. Names are taken as they stand; one that is not legal is never mended,
//! since the mended name might be another series'.

use std::borrow::Cow;

use weir_sample::{Series, Timestamp, legal_label_name, legal_metric_name};

/// What one line says.
#[derive(Debug, PartialEq)]
pub enum Line<'a> {
    /// The type of a family of metrics, as it is spelled: `counter`, `histogram`, ….
    Type {
        /// Name of the family.
        family: &'a str,
        /// Its type.
        kind: &'a str,
    },
    /// A sample.
    Sample(Sample<'a>),
    /// A comment, or nothing at all.
    Nothing,
}

/// A value of one series.
#[derive(Debug, PartialEq)]
pub struct Sample<'a> {
    /// The metric's name, which is legal.
    pub name: &'a str,
    /// Labels in the order in which they stand. Their names are legal, and none comes twice.
    pub labels: Labels<'a>,
    /// The value; `NaN` is one.
    pub value: f64,
    /// Its time as it is spelled, if it is there: milliseconds in the text format, seconds in OpenMetrics.
    pub time: Option<&'a str>,
}

/// Names of labels and their values.
pub type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is only one word.
    #[error("a sample has a name and a value")]
    NoValue,
    /// The metric's name holds what no name may hold.
    #[error("the metric's name is not legal: letters, digits, _ and : are, with no digit first")]
    Name,
    /// What stands between braces is no label.
    #[error("a label is written name=\"value\"")]
    Label,
    /// A label's name holds what no name may hold.
    #[error("a label's name is not legal: letters, digits and _ are, with no digit first")]
    LabelName,
    /// Which of two values counts is open.
    #[error("a label comes twice")]
    LabelTwice,
    /// A label's value does not end.
    #[error("a label's value has no closing quote")]
    Unclosed,
    /// The value is none.
    #[error("the value is no number")]
    Value,
    /// The time is none.
    #[error("the timestamp is no number")]
    Time,
    /// Something follows the time.
    #[error("something follows the timestamp")]
    TooLong,
    /// Whoever asks needs a time, and it is not there.
    #[error("the timestamp in milliseconds is missing")]
    NoMillis,
}

impl<'a> Line<'a> {
    /// Reads one line, with or without its end.
    pub fn parse(line: &'a str) -> Result<Self, Malformed> {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_ascii_whitespace();
            return Ok(match (words.next(), words.next(), words.next()) {
                (Some("TYPE"), Some(family), Some(kind)) => Self::Type { family, kind },
                _ => Self::Nothing,
            });
        }
        if line.is_empty() { Ok(Self::Nothing) } else { Sample::parse(line).map(Self::Sample) }
    }
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Result<Self, Malformed> {
        let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace()).ok_or(Malformed::NoValue)?;
        let (name, rest) = line.split_at(end);
        if legal_metric_name(name) != name {
            return Err(Malformed::Name);
        }
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inside) => labels(inside)?,
            None => (Vec::new(), rest),
        };
        let mut words = rest.split_ascii_whitespace();
        let value = words.next().ok_or(Malformed::NoValue)?;
        let value = value.parse().map_err(|_| Malformed::Value)?;
        // An exemplar of OpenMetrics may follow, with or without a time before it.
        let time = words.next().filter(|word| !word.starts_with('#'));
        if time.is_some_and(|time| !time.parse().is_ok_and(f64::is_finite)) {
            return Err(Malformed::Time);
        }
        if time.is_some() && words.next().is_some_and(|word| !word.starts_with('#')) {
            return Err(Malformed::TooLong);
        }
        Ok(Self { name, labels, value, time })
    }

    /// The series that the sample is of.
    pub fn series(&self) -> Series {
        Series::new(self.name, self.labels.iter().map(|(label, value)| (*label, value.as_ref())))
    }

    /// The time where it is in milliseconds, as in the text format.
    pub fn millis(&self) -> Result<Timestamp, Malformed> {
        self.time.and_then(|time| time.parse().ok()).map(Timestamp).ok_or(Malformed::NoMillis)
    }
}

/// Reads `a="b",c="d"}` and hands back what follows.
fn labels(mut rest: &str) -> Result<(Labels<'_>, &str), Malformed> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if let Some(after) = rest.strip_prefix('}') {
            return if named_twice(&labels) { Err(Malformed::LabelTwice) } else { Ok((labels, after)) };
        }
        let (label, after) = rest.split_once('=').ok_or(Malformed::Label)?;
        let quoted = after.trim_start().strip_prefix('"').ok_or(Malformed::Label)?;
        let end = closing_quote(quoted).ok_or(Malformed::Unclosed)?;
        let label = label.trim_end();
        if legal_label_name(label) != label {
            return Err(Malformed::LabelName);
        }
        labels.push((label, unescape(&quoted[..end])));
        rest = &quoted[end + 1..];
    }
}

/// Whether two labels have one name. A few are compared as they are, without another vector.
pub(crate) fn named_twice(labels: &Labels<'_>) -> bool {
    if labels.len() <= FEW {
        return labels.iter().enumerate().any(|(at, (label, _))| labels[..at].iter().any(|(other, _)| other == label));
    }
    let mut names: Vec<_> = labels.iter().map(|(label, _)| *label).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

const FEW: usize = 16;

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Undoes the three escapes of the format; any other character after a backslash stands for itself.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next() } else { None };
        plain.push(match escaped {
            Some('n') => '\n',
            Some(other) => other,
            None => c,
        });
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what a line says: `name[labels] value @time`, `type of family`, nothing, or why it is malformed.
    fn check(line: &str, expected: Result<&str, Malformed>) {
        let said = Line::parse(line).map(|line| match line {
            Line::Type { family, kind } => format!("{kind} of {family}"),
            Line::Nothing => String::new(),
            Line::Sample(Sample { name, labels, value, time }) => {
                let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
                let time = time.map_or(String::new(), |time| format!(" @{time}"));
                format!("{name}[{}] {value}{time}", labels.join(" "))
            }
        });
        assert_eq!(said.as_deref(), expected.as_ref().map(|said| *said), "{line}");
    }

    #[test]
    fn samples_have_a_name_labels_a_value_and_perhaps_a_time() {
        check("up 2 7", Ok("up[] 2 @7"));
        check(" up{} 2\t-7 \r\n", Ok("up[] 2 @-7"));
        check("up:rate5m\t-1e3", Ok("up:rate5m[] -1000"));
        check("up +Inf", Ok("up[] inf"));
        check("up -Inf", Ok("up[] -inf"));
        check("up NaN", Ok("up[] NaN"));
        check("up 1 1700000000.123", Ok("up[] 1 @1700000000.123"));
        check("up{x=\"1\"} 4 # {trace=\"t\"} 1", Ok("up[x=1] 4"));
        check("up 4 1.5 # {trace=\"t\"} 1 2", Ok("up[] 4 @1.5"));
    }

    #[test]
    fn label_values_hold_anything() {
        check(r#"a{ x = "1" , y="2", } 1"#, Ok("a[x=1 y=2] 1"));
        check("a{\tx\t=\"1\",\ty=\"\"} 1", Ok("a[x=1 y=] 1"));
        check(r#"a{x="q\"}\\\n,"} 1"#, Ok("a[x=q\"}\\\n,] 1"));
        check(r#"a{x="\t\é"} 1"#, Ok("a[x=té] 1"));
    }

    #[test]
    fn comments_tell_types_or_nothing() {
        check("# TYPE up counter", Ok("counter of up"));
        check("#TYPE\tup  gauge histogram", Ok("gauge of up"));
        check("# TYPE up", Ok(""));
        check("# HELP up TYPE up counter", Ok(""));
        check("# EOF", Ok(""));
        check(" \t", Ok(""));
    }

    #[test]
    fn what_is_malformed_says_why() {
        check("up", Err(Malformed::NoValue));
        check("up{a=\"1\"}", Err(Malformed::NoValue));
        for name in ["<html> 1", "9a 1", "{} 1", "a-b 1", "a.b{c=\"d\"} 1", "é 1"] {
            check(name, Err(Malformed::Name));
        }
        for label in ["a{x=1} 2", "a{x} 2", "a{x=\"1\" 2", "a{x=\"1\""] {
            check(label, Err(Malformed::Label));
        }
        for label in
            ["a{x-y=\"1\"} 2", "a{9x=\"1\"} 2", "a{=\"1\"} 2", "a{x:y=\"1\"} 2", "a{x y=\"1\"} 2", "a{\"x\",y=\"1\"} 2"]
        {
            check(label, Err(Malformed::LabelName));
        }
        check("a{x=\"1\",y=\"2\",x=\"1\"} 2", Err(Malformed::LabelTwice));
        let many: Vec<_> = (0..FEW + 1).map(|at| format!("x{at}=\"\"")).collect();
        check(&format!("a{{{},x3=\"\"}} 2", many.join(",")), Err(Malformed::LabelTwice));
        check("up{a=\"b} 2 7", Err(Malformed::Unclosed));
        check("up two 7", Err(Malformed::Value));
        check("up # {} 1", Err(Malformed::Value));
        check("up 2 now", Err(Malformed::Time));
        check("up 2 NaN", Err(Malformed::Time));
        check("up 2 7 8", Err(Malformed::TooLong));
    }

    #[test]
    fn milliseconds_are_whole() {
        let check = |line: &str, expected| {
            let Ok(Line::Sample(sample)) = Line::parse(line) else { panic!("{line}") };
            assert_eq!(sample.millis(), expected, "{line}");
        };
        check("up 1 -9007199254740993", Ok(Timestamp(-9_007_199_254_740_993)));
        check("up 1", Err(Malformed::NoMillis));
        check("up 1 1.5", Err(Malformed::NoMillis));
    }
}
