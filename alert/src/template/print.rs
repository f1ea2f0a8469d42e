//! Values as Go's `fmt` prints them: `%v` and `printf`.

use std::fmt::Write;

use weir_query::syntax::quoted;

use super::format::{exponential, fixed, general};
use super::time::span_text;
use super::value::{Table, Value};

/// `%v`
pub(super) fn print(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => general(*number, None),
        Value::Text(text) | Value::Html(text) => text.to_string(),
        Value::List(values) => format!("[{}]", values.iter().map(print).collect::<Vec<_>>().join(" ")),
        Value::Map(table) => print_table(table),
        Value::Record(record) => match &record.shown {
            Some(shown) => shown.clone(),
            None => {
                format!("{{{}}}", record.fields.iter().map(|(_, value)| print(value)).collect::<Vec<_>>().join(" "))
            }
        },
        Value::Time(moment) => moment.to_string(),
        Value::Span(span_ns) => span_text(*span_ns),
    }
}

fn print_table(table: &Table) -> String {
    let entries = table.entries.iter();
    if !table.pairs {
        let entries: Vec<String> = entries.map(|(key, value)| format!("{key}:{}", print(value))).collect();
        return format!("map[{}]", entries.join(" "));
    }
    let (name, others): (Vec<_>, Vec<_>) = entries.partition(|(key, _)| &***key == "alertname");
    let all = name.into_iter().chain(others);
    all.map(|(key, value)| format!("{key}={}", print(value))).collect::<Vec<_>>().join(", ")
}

/// `print`: a space between two operands of which neither is a text.
pub(super) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    let is_text = |value: &Value| matches!(value, Value::Text(_) | Value::Html(_));
    for (at, value) in values.iter().enumerate() {
        if at > 0 && !is_text(value) && !is_text(&values[at - 1]) {
            out.push(' ');
        }
        out.push_str(&print(value));
    }
    out
}

/// `println`: spaces between all.
pub(super) fn sprintln(values: &[Value]) -> String {
    values.iter().map(print).collect::<Vec<_>>().join(" ") + "\n"
}

/// `printf`. What does not fit is told in the text, as by Go.
pub(super) fn sprintf(format: &str, values: &[Value]) -> String {
    let (mut out, mut used) = (String::new(), 0);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (verb, tail) = Verb::read(&rest[at + 1..], values, &mut used);
        rest = tail;
        match (verb.letter, values.get(used)) {
            (None, _) => out.push_str("%!(NOVERB)"),
            (Some('%'), _) => out.push('%'),
            (Some(letter), None) => _ = write!(out, "%!{letter}(MISSING)"),
            (Some(letter), Some(value)) => {
                used += 1;
                out.push_str(&verb.padded(verb.show(letter, value), value));
            }
        }
    }
    out.push_str(rest);
    if used < values.len() {
        let extra = values[used..].iter().map(|value| format!("{}={}", value.kind(), print(value)));
        _ = write!(out, "%!(EXTRA {})", extra.collect::<Vec<_>>().join(", "));
    }
    out
}

/// Wider than this is taken for a mistake, as by Go.
const WIDEST: usize = 1_000;

#[derive(Default)]
struct Verb {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    letter: Option<char>,
}

impl Verb {
    fn read<'f>(format: &'f str, values: &[Value], used: &mut usize) -> (Self, &'f str) {
        let mut verb = Self::default();
        let mut rest = format;
        while let Some(flag) = rest.chars().next().filter(|c| "+-# 0".contains(*c)) {
            match flag {
                '+' => verb.plus = true,
                '-' => verb.minus = true,
                '#' => verb.sharp = true,
                ' ' => verb.space = true,
                _ => verb.zero = true,
            }
            rest = &rest[1..];
        }
        let mut number = |rest: &mut &'f str| {
            if let (Some(tail), Some(Value::Int(wide))) = (rest.strip_prefix('*'), values.get(*used)) {
                (*rest, *used) = (tail, *used + 1);
                return usize::try_from(*wide).unwrap_or(0).min(WIDEST);
            }
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (text, tail) = rest.split_at(digits);
            *rest = tail;
            text.parse().unwrap_or(0usize).min(WIDEST)
        };
        verb.width = number(&mut rest);
        if let Some(tail) = rest.strip_prefix('.') {
            rest = tail;
            verb.precision = Some(number(&mut rest));
        }
        verb.letter = rest.chars().next();
        let taken = verb.letter.map_or(0, char::len_utf8);
        (verb, &rest[taken..])
    }

    fn show(&self, letter: char, value: &Value) -> String {
        let precision = self.precision.unwrap_or(6);
        match (letter, value) {
            ('v', Value::Float(number)) => self.signed(general(*number, self.precision), *number < 0.0),
            ('v', _) => print(value),
            ('T', _) => value.kind().into(),
            ('t', Value::Bool(truth)) => truth.to_string(),
            ('d', Value::Int(number) | Value::Span(number)) => self.signed(number.to_string(), *number < 0),
            ('x', Value::Int(number)) if *number >= 0 => format!("{}{number:x}", if self.sharp { "0x" } else { "" }),
            ('X', Value::Int(number)) if *number >= 0 => format!("{}{number:X}", if self.sharp { "0X" } else { "" }),
            ('x' | 'X', Value::Int(number)) => format!("-{}", self.show(letter, &Value::Int(number.saturating_neg()))),
            ('o', Value::Int(number)) => format!("{number:o}"),
            ('b', Value::Int(number)) => format!("{number:b}"),
            ('c', Value::Int(number)) => {
                u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').into()
            }
            ('f' | 'F', Value::Float(number)) => self.signed(fixed(*number, precision), *number < 0.0),
            ('e', Value::Float(number)) => self.signed(exponential(*number, precision), *number < 0.0),
            ('E', Value::Float(number)) => self.signed(exponential(*number, precision).to_uppercase(), *number < 0.0),
            ('g', Value::Float(number)) => self.signed(general(*number, self.precision), *number < 0.0),
            ('G', Value::Float(number)) => self.signed(general(*number, self.precision).to_uppercase(), *number < 0.0),
            ('s', Value::Text(text) | Value::Html(text)) => self.cut(text),
            ('s', Value::Time(_) | Value::Span(_)) => print(value),
            ('q', Value::Text(text) | Value::Html(text)) => quoted(&self.cut(text)),
            ('q', Value::Int(number)) => format!("'{}'", self.show('c', &Value::Int(*number))),
            ('x', Value::Text(text) | Value::Html(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('X', Value::Text(text) | Value::Html(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
            (_, Value::List(values)) => {
                format!("[{}]", values.iter().map(|value| self.show(letter, value)).collect::<Vec<_>>().join(" "))
            }
            (_, Value::Map(table)) if !table.pairs => {
                let entries = table.entries.iter();
                let key = |key: &str| self.show(letter, &Value::text(key));
                let entries = entries.map(|(name, value)| format!("{}:{}", key(name), self.show(letter, value)));
                format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
            }
            ('s', Value::Map(_) | Value::Record(_)) => print(value),
            (letter, Value::Nil) => format!("%!{letter}(<nil>)"),
            (letter, value) => format!("%!{letter}({}={})", value.kind(), print(value)),
        }
    }

    fn signed(&self, text: String, negative: bool) -> String {
        match (negative || text.starts_with(['+', '-']), self.plus, self.space) {
            (false, true, _) => format!("+{text}"),
            (false, false, true) => format!(" {text}"),
            _ => text,
        }
    }

    fn cut(&self, text: &str) -> String {
        self.precision.map_or_else(|| text.to_owned(), |longest| text.chars().take(longest).collect())
    }

    fn padded(&self, text: String, value: &Value) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        let number = matches!(value, Value::Int(_) | Value::Float(_));
        if self.minus {
            format!("{text}{}", " ".repeat(missing))
        } else if self.zero && number {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-', ' '])));
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else {
            format!("{}{text}", " ".repeat(missing))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printf_is_that_of_go() {
        use Value::{Bool, Float, Int};
        for (format, values, expected) in [
            (
                "%.2f|%6.1f|%-6.1f|%06.1f",
                vec![Float(1.005), Float(2.25), Float(2.35), Float(-1.5)],
                "1.00|   2.2|2.4   |-001.5",
            ),
            ("%s is %q", vec![Value::text("a"), Value::text("b\"\n")], r#"a is "b\"\n""#),
            ("%d %+d %03d %x", vec![Int(5), Int(5), Int(7), Int(255)], "5 +5 007 ff"),
            ("%v %v %v %t", vec![Float(1e6), Bool(true), Value::text("x"), Bool(false)], "1e+06 true x false"),
            ("%e %g %.3g", vec![Float(1234.5), Float(0.1), Float(1234.5)], "1.234500e+03 0.1 1.23e+03"),
            ("%d%%", vec![Int(5)], "5%"),
            ("%d %s", vec![Float(1.5), Int(3)], "%!d(float64=1.5) %!s(int=3)"),
            ("%s", vec![], "%!s(MISSING)"),
            ("a", vec![Int(1)], "a%!(EXTRA int=1)"),
            ("%", vec![], "%!(NOVERB)"),
            ("%5s|%-5s|%.1s", vec![Value::text("ab"), Value::text("ab"), Value::text("ab")], "   ab|ab   |a"),
            ("%v", vec![Value::labels([("b", "2"), ("a", "1")])], "map[a:1 b:2]"),
            ("%s", vec![Value::texts(["a", "b"])], "[a b]"),
            ("%*d", vec![Int(4), Int(7)], "   7"),
        ] {
            assert_eq!(sprintf(format, &values), expected, "{format}");
        }
    }

    #[test]
    fn print_puts_spaces_where_go_does() {
        let values = [Value::Int(1), Value::Int(2), Value::text("a"), Value::Float(2.5)];
        assert_eq!(sprint(&values), "1 2a2.5");
        assert_eq!(sprintln(&values), "1 2 a 2.5\n");
        assert_eq!(print(&Value::pairs([("a", "1"), ("alertname", "X")])), "alertname=X, a=1");
    }
}
