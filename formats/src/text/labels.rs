//! What stands between braces: labels, and in Prometheus 3 perhaps the metric's name.

use std::borrow::Cow;

use weir_sample::{is_name, legal_label_name};

use super::cursor::Cursor;
use super::fault::Malformed;

/// Names of labels and their values.
pub type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

#[derive(Default)]
pub(super) struct Braces<'a> {
    /// The metric's name, quoted and without a value.
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) labels: Labels<'a>,
}

impl<'a> Braces<'a> {
    /// Reads `a="b",c="d"}`; the opening brace is behind. Names stand bare where they are of letters, digits and `_`, or of anything if
    /// `any_bare`, and else in quotes.
    pub(super) fn read(cursor: &mut Cursor<'a>, any_bare: bool) -> Result<Self, Malformed> {
        let mut braces = Self::default();
        loop {
            cursor.skip_blanks();
            if cursor.eat('}') {
                break;
            }
            if cursor.rest().starts_with(',') {
                return Err(Malformed::Comma);
            }
            braces.item(cursor, any_bare)?;
            cursor.skip_blanks();
            if cursor.eat('}') {
                break;
            }
            if !cursor.eat(',') {
                return Err(Malformed::AfterLabel);
            }
        }
        if named_twice(&braces.labels) { Err(Malformed::LabelTwice) } else { Ok(braces) }
    }

    fn item(&mut self, cursor: &mut Cursor<'a>, any_bare: bool) -> Result<(), Malformed> {
        if cursor.rest().starts_with('"') {
            return self.quoted_item(cursor);
        }
        let name = cursor.peek(|c| "=,{}\"".contains(c) || c.is_ascii_whitespace());
        if !any_bare && legal_label_name(name) != name {
            return Err(Malformed::LabelName);
        }
        cursor.step(name);
        self.label(cursor, Cow::Borrowed(name))
    }

    /// A name of a label that is quoted, or the metric's.
    fn quoted_item(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        cursor.eat('"');
        let mut ahead = Cursor::new(cursor.rest());
        let name = unescape(ahead.quoted()?);
        ahead.skip_blanks();
        let is_label = ahead.rest().starts_with('=');
        if !is_name(&name) {
            return Err(if is_label { Malformed::LabelName } else { Malformed::Name });
        }
        if !is_label && self.name.is_some() {
            return Err(Malformed::NameTwice);
        }
        cursor.quoted()?;
        if is_label {
            return self.label(cursor, name);
        }
        self.name = Some(name);
        Ok(())
    }

    fn label(&mut self, cursor: &mut Cursor<'a>, name: Cow<'a, str>) -> Result<(), Malformed> {
        cursor.skip_blanks();
        if !cursor.eat('=') {
            return Err(Malformed::Label);
        }
        cursor.skip_blanks();
        if !cursor.eat('"') {
            return Err(Malformed::Label);
        }
        self.labels.push((name, unescape(cursor.quoted()?)));
        Ok(())
    }
}

/// Whether two labels have one name. A few are compared as they are, without another vector.
pub(crate) fn named_twice(labels: &Labels<'_>) -> bool {
    if labels.len() <= FEW {
        return labels.iter().enumerate().any(|(at, (label, _))| labels[..at].iter().any(|(other, _)| other == label));
    }
    let mut names: Vec<_> = labels.iter().map(|(label, _)| label).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

pub(super) const FEW: usize = 16;

/// Undoes the three escapes of the format; any other character after a backslash stands for itself.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
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
