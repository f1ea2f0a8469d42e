//! A text, line by line. A line that cannot be read costs itself only.

use super::cursor::Cursor;
use super::fault::{Fault, Malformed};
use super::line::{Form, Line};

/// Where reading stands in a text.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    form: Form,
    lines: usize,
    ended: bool,
}

const BYTE_ORDER_MARK: char = '\u{feff}';

impl Reader {
    /// Begins a text.
    pub fn new(form: Form) -> Self {
        Self { form, ..Self::default() }
    }

    /// Reads the next line, with or without its end.
    ///
    /// # Errors
    /// It is malformed; those that follow may be read.
    pub fn read<'a>(&mut self, line: &'a str) -> Result<Line<'a>, Fault> {
        self.lines += 1;
        let mut cursor = Cursor::new(line);
        if self.lines == 1 {
            cursor.eat(BYTE_ORDER_MARK);
        }
        let said = match Line::read(&mut cursor, &mut self.form) {
            Ok(Line::Nothing) => Ok(Line::Nothing),
            _ if self.ended => {
                cursor = Cursor::new(line);
                Err(Malformed::AfterEnd)
            }
            said => said,
        };
        self.ended |= said == Ok(Line::End);
        said.map_err(|what| Fault { line: self.lines, column: cursor.column(), what })
    }

    /// As [`read`](Self::read), of a line that may not be UTF-8.
    ///
    /// # Errors
    /// It is not, or it is malformed.
    pub fn read_bytes<'a>(&mut self, line: &'a [u8]) -> Result<Line<'a>, Fault> {
        std::str::from_utf8(line).map(|line| self.read(line)).unwrap_or_else(|error| {
            self.lines += 1;
            let before = String::from_utf8_lossy(&line[..error.valid_up_to()]);
            Err(Fault { line: self.lines, column: before.chars().count() + 1, what: Malformed::Utf8 })
        })
    }

    /// Ends the text.
    ///
    /// # Errors
    /// It is OpenMetrics without its last line.
    pub fn end(&self) -> Result<(), Fault> {
        match self.form == Form::OpenMetrics && !self.ended {
            true => Err(Fault { line: self.lines + 1, column: 1, what: Malformed::NoEnd }),
            false => Ok(()),
        }
    }

    /// The fault of a sample in the line read last.
    pub fn fault(&self, what: Malformed) -> Fault {
        Fault { line: self.lines, column: 1, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(form: Form, text: &str) -> (usize, Vec<String>) {
        let (mut reader, mut samples, mut faults) = (Reader::new(form), 0, Vec::new());
        for line in text.lines() {
            match reader.read(line) {
                Ok(line) => samples += usize::from(matches!(line, Line::Sample(_))),
                Err(fault) => faults.push(format!("{}:{} {:?}", fault.line, fault.column, fault.what)),
            }
        }
        faults.extend(reader.end().err().map(|fault| format!("{}:{} {:?}", fault.line, fault.column, fault.what)));
        (samples, faults)
    }

    #[test]
    fn a_bad_line_costs_itself_and_is_named() {
        let check = |text: &str, samples, expected: &[&str]| {
            assert_eq!(faults(Form::Text, text), (samples, expected.iter().map(|fault| fault.to_string()).collect()));
        };
        check("a 1\na{é=\"1\"} 1\nb 1", 2, &["2:3 LabelName"]);
        check("a{b=\"é\"} x\n\n  <html> 2 5", 0, &["1:10 Value", "3:3 Name"]);
        check("a{b=\"c\",,} 1\na 1 2 3\na 1 x", 0, &["1:9 Comma", "2:7 TooLong", "3:5 Time"]);
        check("b{name=\"Mac 14\" reg R/W\",id=\"2\"} -7", 0, &["1:17 AfterLabel"]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_name() {
        assert_eq!(faults(Form::Text, "\u{feff}a 1\nb 1"), (2, vec![]));
        assert_eq!(faults(Form::Text, "\u{feff}# TYPE a counter\n\u{feff}b 1"), (0, vec!["2:1 Name".into()]));
    }

    #[test]
    fn a_line_that_is_not_utf8_costs_itself() {
        let mut reader = Reader::default();
        assert!(reader.read_bytes(b"a 1").is_ok());
        let fault = reader.read_bytes(b"a{b=\"\xc3\xa9\xff\"} 1").unwrap_err();
        assert_eq!(fault, Fault { line: 2, column: 7, what: Malformed::Utf8 });
        assert!(reader.read_bytes(b"a 1").is_ok());
        assert_eq!(reader.read_bytes(b"a").unwrap_err().line, 4);
    }

    #[test]
    fn openmetrics_ends_with_its_last_line() {
        assert_eq!(faults(Form::OpenMetrics, "a 1\n# EOF\n\n"), (1, vec![]));
        assert_eq!(faults(Form::OpenMetrics, "a 1\n"), (1, vec!["2:1 NoEnd".into()]));
        assert_eq!(faults(Form::Text, "a 1 1.5\n"), (1, vec!["2:1 NoEnd".into()]), "a fraction is of OpenMetrics");
        assert_eq!(faults(Form::Text, "# UNIT a seconds\n"), (0, vec!["2:1 NoEnd".into()]));
        assert_eq!(faults(Form::Text, "a 1\n# EOF\nb 1\n# x\n"), (1, vec!["3:1 AfterEnd".into()]));
        assert_eq!(faults(Form::Text, ""), (0, vec![]));
    }
}
