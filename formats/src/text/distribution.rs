//! A histogram as one line of an export: a comment to whoever does not know it, since the text format has no such value.
//!
//! ```text
//! # WEIR_HISTOGRAM took{host="a"} AAYBAgME 1700000000000
//! ```
//!
//! Behind the series stand the bytes by which it is stored, in base64, and the time in milliseconds.

use weir_sample::{Histogram, Series, Timestamp};

use super::cursor::Cursor;
use super::fault::Malformed;
use super::line::{Form, key, read_time};
use crate::base64;

/// What such a line begins with.
pub(super) const WORD: &str = "WEIR_HISTOGRAM";

/// What such a line says.
#[derive(Debug, PartialEq)]
pub struct Distribution {
    /// Whose it is.
    pub series: Series,
    /// The end of its window, or when it had come so far.
    pub time: Timestamp,
    /// What was counted.
    pub histogram: Histogram,
}

impl Distribution {
    /// Reads a line; `None` of any other.
    ///
    /// # Errors
    /// It begins as one, and cannot be read.
    pub fn read(line: &str) -> Result<Option<Self>, Malformed> {
        let Some(line) = line.strip_prefix("# ").and_then(|line| line.strip_prefix(WORD)) else { return Ok(None) };
        let mut cursor = Cursor::new(line);
        cursor.skip_blanks();
        let (name, labels) = key(&mut cursor)?;
        let mut words = cursor.rest().split_ascii_whitespace();
        let (Some(histogram), Some(time), None) = (words.next(), words.next(), words.next()) else {
            return Err(Malformed::Distribution);
        };
        let bytes = base64::decode(histogram).ok_or(Malformed::Distribution)?;
        let mut rest = bytes.as_slice();
        let histogram = Histogram::decode(&mut rest).filter(|_| rest.is_empty()).ok_or(Malformed::Distribution)?;
        let time = read_time(time, &mut Form::Text)?;
        let series = Series::new(&name, labels.iter().map(|(label, value)| (label.as_ref(), value.as_ref())));
        Ok(Some(Self { series, time, histogram }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;
    use weir_sample::ResetHint;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let (mut timer, mut counts_on) = (Histogram::new(), Histogram::new());
        [0.1, -3.0, 0.0, f64::NAN, 1e300].iter().for_each(|value| timer.insert(*value));
        counts_on.insert_weighted(2.0, 0.5);
        let series = Series::new("a.b", [("c d", "é\"\n\\ 1"), ("e", "")]);
        let (times, all) = ([-7, 1_700_000_000_123], [timer, counts_on.with_hint(ResetHint::NotReset)]);
        let mut writer = Writer::new(Vec::new());
        writer.histograms(&series, &times, &all).unwrap();
        let text = String::from_utf8(std::mem::take(writer.out())).unwrap();
        assert_eq!(text.lines().count(), 2);
        for ((line, time), histogram) in text.lines().zip(times).zip(all) {
            let Distribution { series: found, time: at, histogram: read } = Distribution::read(line).unwrap().unwrap();
            assert_eq!((found, at), (series.clone(), Timestamp(time)));
            let bytes = |one: &Histogram| {
                let mut bytes = Vec::new();
                one.encode(&mut bytes);
                bytes
            };
            assert_eq!(bytes(&read), bytes(&histogram));
        }
    }

    #[test]
    fn another_line_is_another_matter_and_a_damaged_one_is_told() {
        let check = |line: &str, expected| assert_eq!(Distribution::read(line).map(|one| one.is_some()), expected);
        check("# a comment", Ok(false));
        check("#WEIR_HISTOGRAM a", Ok(false));
        check("a 1 1", Ok(false));
        check("# WEIR_HISTOGRAM", Err(Malformed::Distribution));
        check("# WEIR_HISTOGRAM a{b=\"c\"}", Err(Malformed::Distribution));
        check("# WEIR_HISTOGRAM a{b=\"c\",b=\"c\"} AA== 1", Err(Malformed::LabelTwice));
        check("# WEIR_HISTOGRAM a AA== 1", Err(Malformed::Distribution));
        check("# WEIR_HISTOGRAM a zz 1 2", Err(Malformed::Distribution));
        let mut bytes = Vec::new();
        Histogram::new().encode(&mut bytes);
        let line = |end: &str| format!("# WEIR_HISTOGRAM a {} {end}", base64::encode(&bytes));
        check(&line("1"), Ok(true));
        check(&line("x"), Err(Malformed::Time));
        check(&line("99999999999999999"), Err(Malformed::TimeRange));
    }
}
