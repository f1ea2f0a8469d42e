//! A place in a line; where reading fails, it stands at what is wrong.

use super::fault::Malformed;

pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Column of the place, in characters from one.
    pub(super) fn column(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    pub(super) fn skip_blanks(&mut self) {
        self.at += self.peek(|c| !c.is_ascii_whitespace()).len();
    }

    /// What stands before the first character that ends it.
    pub(super) fn peek(&self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        &rest[..rest.find(ends).unwrap_or(rest.len())]
    }

    /// The next word, behind blanks.
    pub(super) fn peek_word(&mut self) -> &'a str {
        self.skip_blanks();
        self.peek(|c| c.is_ascii_whitespace())
    }

    /// Goes past what was peeked at.
    pub(super) fn step(&mut self, over: &str) {
        self.at += over.len();
    }

    /// Goes past a character if it is the next.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let is_next = self.rest().starts_with(c);
        self.at += if is_next { c.len_utf8() } else { 0 };
        is_next
    }

    /// What stands before the quote that no backslash escapes; the opening one is behind.
    pub(super) fn quoted(&mut self) -> Result<&'a str, Malformed> {
        let (rest, mut escaped) = (self.rest(), false);
        let end = rest.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        let end = end.ok_or(Malformed::Unclosed)?;
        self.at += end + 1;
        Ok(&rest[..end])
    }
}
