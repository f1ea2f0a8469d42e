//! String literals, taken out before the parser sees a query and put back into its tree.
//!
//! The parser would read escapes in raw strings and compile regular expressions of a dialect that is not RE2's. So it
//! gets short texts without meaning, and what was written is read here, by the rules of Go's strings.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{BinModifier, Expr, LabelModifier, VectorMatchCardinality};

use crate::text::tree::children_mut;

/// Begins each text that stands for a literal; private use, so nobody's label.
const MARK: char = '\u{E000}';

/// Follows the mark where the operator before it was negated.
const NOT: &str = "!";

/// A query whose literals are elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The query with marks for literals, comments left out.
    pub(super) text: String,
    values: Vec<String>,
}

impl Taken {
    /// Takes the literals out of a query.
    ///
    /// # Errors
    /// A sentence about a string that does not end, or an escape that means nothing.
    pub(super) fn out_of(query: &str) -> Result<Self, String> {
        let mut taken = Self { text: String::with_capacity(query.len()), values: Vec::new() };
        let mut rest = query;
        while let Some(at) = rest.find(['"', '\'', '`', '#']) {
            taken.text.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            rest = match rest.as_bytes()[at] {
                b'#' => after.find(['\n', '\r']).map_or("", |end| &after[end..]),
                b'`' => {
                    let (raw, after) = after.split_once('`').ok_or("unterminated raw string")?;
                    taken.add(raw.to_owned());
                    after
                }
                quote => {
                    let (value, after) = unquote(after, quote)?;
                    taken.add(value);
                    after
                }
            };
        }
        taken.text.push_str(rest);
        Ok(taken)
    }

    /// In a selector the parser refuses conditions that are met by no label at all, and would think so of any mark behind `!=`
    /// or `!~`. It gets the operator without its negation, and the mark says that there was one.
    fn add(&mut self, value: String) {
        let in_braces = self.text.rfind('{') > self.text.rfind('}');
        let written = self.text.trim_end().len();
        let negation = match &self.text[..written] {
            before if in_braces && before.ends_with("!=") => Some("="),
            before if in_braces && before.ends_with("!~") => Some("=~"),
            _ => None,
        };
        if let Some(operator) = negation {
            self.text.truncate(written - 2);
            self.text.push_str(operator);
        }
        let not = if negation.is_some() { NOT } else { "" };
        self.text.push_str(&format!("\"{MARK}{not}{}\"", self.values.len()));
        self.values.push(value);
    }

    /// The text of an error with the literals in their places.
    pub(super) fn in_error(&self, error: &str) -> String {
        let backwards = self.values.iter().enumerate().rev();
        let back = |error: String, mark: String, value: &str| error.replace(&mark, value);
        backwards.fold(error.to_owned(), |error, (at, value)| {
            back(back(error, format!("{MARK}{NOT}{at}"), value), format!("{MARK}{at}"), value)
        })
    }

    /// Puts the literals into a tree.
    pub(super) fn put_into(&self, root: &mut Expr) {
        let mut open = vec![root];
        while let Some(expr) = open.pop() {
            match expr {
                Expr::StringLiteral(literal) => self.put(&mut literal.val),
                Expr::VectorSelector(selector) => self.put_into_matchers(&mut selector.matchers.matchers),
                Expr::MatrixSelector(range) => self.put_into_matchers(&mut range.vs.matchers.matchers),
                Expr::Aggregate(e) => e.modifier.iter_mut().for_each(|labels| self.put_into_labels(labels)),
                Expr::Binary(e) => e.modifier.iter_mut().for_each(|modifier| self.put_into_modifier(modifier)),
                _ => {}
            }
            open.extend(children_mut(expr));
        }
    }

    fn put(&self, text: &mut String) {
        let place = text.strip_prefix(MARK).and_then(|place| place.parse::<usize>().ok());
        if let Some(value) = place.and_then(|place| self.values.get(place)) {
            value.clone_into(text);
        }
    }

    fn put_into_matchers(&self, matchers: &mut [Matcher]) {
        for matcher in matchers {
            self.put(&mut matcher.name);
            let mark = matcher.value.strip_prefix(MARK).and_then(|mark| mark.strip_prefix(NOT));
            if let Some(mark) = mark.map(|place| format!("{MARK}{place}")) {
                matcher.value = mark;
                matcher.op = match std::mem::replace(&mut matcher.op, MatchOp::Equal) {
                    MatchOp::Equal => MatchOp::NotEqual,
                    MatchOp::Re(regex) => MatchOp::NotRe(regex),
                    negated => negated,
                };
            }
            self.put(&mut matcher.value);
        }
    }

    fn put_into_labels(&self, labels: &mut LabelModifier) {
        let (LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = labels;
        labels.labels.iter_mut().for_each(|label| self.put(label));
    }

    fn put_into_modifier(&self, modifier: &mut BinModifier) {
        modifier.matching.iter_mut().for_each(|labels| self.put_into_labels(labels));
        if let VectorMatchCardinality::ManyToOne(labels) | VectorMatchCardinality::OneToMany(labels) =
            &mut modifier.card
        {
            labels.labels.iter_mut().for_each(|label| self.put(label));
        }
    }
}

/// The value of a string up to its quote, and what follows.
fn unquote(text: &str, quote: u8) -> Result<(String, &str), String> {
    let mut value = Vec::new();
    let mut rest = text;
    while let Some(&byte) = rest.as_bytes().first() {
        if byte == quote {
            let value = String::from_utf8(value).map_err(|_| "a string is no UTF-8")?;
            return Ok((value, &rest[1..]));
        }
        match byte {
            b'\n' => break,
            b'\\' => rest = escape(&rest[1..], quote, &mut value)?,
            _ => {
                let length = rest.chars().next().map_or(1, char::len_utf8);
                value.extend_from_slice(&rest.as_bytes()[..length]);
                rest = &rest[length..];
            }
        }
    }
    Err("unterminated quoted string".into())
}

/// Reads what follows a backslash; `\x` and octal digits give bytes, `\u` and `\U` characters.
fn escape<'t>(after: &'t str, quote: u8, value: &mut Vec<u8>) -> Result<&'t str, String> {
    let unknown = || format!("unknown escape sequence \\{}", after.chars().next().unwrap_or(' '));
    let digits = |from: usize, count: usize, radix: u32| {
        let digits = after.get(from..from + count).filter(|d| d.bytes().all(|b| b.is_ascii_alphanumeric()));
        digits.and_then(|digits| u32::from_str_radix(digits, radix).ok()).ok_or_else(unknown)
    };
    let (byte, length) = match after.as_bytes().first() {
        Some(b'a') => (7, 1),
        Some(b'b') => (8, 1),
        Some(b'f') => (12, 1),
        Some(b'n') => (b'\n', 1),
        Some(b'r') => (b'\r', 1),
        Some(b't') => (b'\t', 1),
        Some(b'v') => (11, 1),
        Some(b'\\') => (b'\\', 1),
        Some(&same) if same == quote => (quote, 1),
        Some(b'x') => (u8::try_from(digits(1, 2, 16)?).map_err(|_| unknown())?, 3),
        Some(b'0'..=b'7') => (u8::try_from(digits(0, 3, 8)?).map_err(|_| unknown())?, 3),
        Some(b'u' | b'U') => {
            let count = if after.starts_with('u') { 4 } else { 8 };
            let c = char::from_u32(digits(1, count, 16)?).ok_or_else(unknown)?;
            value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(&after[1 + count..]);
        }
        _ => return Err(unknown()),
    };
    value.push(byte);
    Ok(&after[length..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_as_go_reads_them() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let got = Taken::out_of(text).map(|taken| taken.values.concat());
            assert_eq!(got.as_deref().map_err(String::as_str), expected, "{text}");
        };
        check(r#""a\.b""#, Err(r"unknown escape sequence \."));
        check(r"`a\.b`", Ok(r"a\.b"));
        check("`a\nb\"`", Ok("a\nb\""));
        check(r#""\a\n\\\"\x41\101\u00e9\U0001F600""#, Ok("\u{7}\n\\\"AA\u{e9}\u{1F600}"));
        check(r#""\xc3\xa9""#, Ok("é"));
        check(r#""\xff""#, Err("a string is no UTF-8"));
        check(r#"'\"'"#, Err("unknown escape sequence \\\""));
        check(r#"'\''"#, Ok("'"));
        check("\"a\nb\"", Err("unterminated quoted string"));
        check("\"a", Err("unterminated quoted string"));
        check("`a", Err("unterminated raw string"));
        check("x # it's a comment\n + 'y'", Ok("y"));
    }
}
