//! Tags in the five styles that StatsD clients write, read lazily from the line's bytes.

use memchr::{memchr, memchr3};

/// A tag's name and value; a tag without a value counts as `true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name.
    pub name: &'a str,
    /// The value.
    pub value: &'a str,
}

/// Iterator over a line's tags: those inside the name first, then DogStatsD's.
#[derive(Clone, Debug)]
pub struct Tags<'a> {
    inline: Section<'a>,
    dogstatsd: Section<'a>,
}

impl<'a> Tags<'a> {
    pub(crate) fn new(inline: &'a [u8], separator: u8, dogstatsd: &'a [u8]) -> Self {
        Self {
            inline: Section { rest: inline, separator, equals: b'=' },
            dogstatsd: Section { rest: dogstatsd, separator: b',', equals: b':' },
        }
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        self.inline.next().or_else(|| self.dogstatsd.next())
    }
}

#[derive(Clone, Debug)]
struct Section<'a> {
    rest: &'a [u8],
    separator: u8,
    equals: u8,
}

impl<'a> Iterator for Section<'a> {
    type Item = Tag<'a>;

    /// The next tag that has a name.
    fn next(&mut self) -> Option<Tag<'a>> {
        while !self.rest.is_empty() {
            let (tag, rest) = split_once(self.rest, self.separator).unwrap_or((self.rest, &[]));
            self.rest = rest;
            let (name, value) = split_once(tag, self.equals).unwrap_or((tag, b"true"));
            let name = unmarked(name);
            if !name.is_empty() {
                return Some(Tag { name: text(name), value: text(value) });
            }
        }
        None
    }
}

/// A tag's name without blanks and the `#` that some clients write before every tag and not only before the first.
fn unmarked(mut name: &[u8]) -> &[u8] {
    while let [b'#' | b' ' | b'\t', rest @ ..] = name {
        name = rest;
    }
    name
}

/// A metric's name apart from the tags written into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// What is before the tags.
    pub(crate) head: &'a str,
    /// What follows the brackets of SignalFX's style.
    pub(crate) tail: &'a str,
    /// The tags.
    pub(crate) inline: &'a [u8],
    /// What separates them.
    pub(crate) separator: u8,
}

impl<'a> Name<'a> {
    /// Takes apart `name`, `name,tag=v` (InfluxDB), `name#tag=v` (Librato), `name;tag=v` (Graphite) or `name[tag=v]`
    /// (SignalFX).
    pub(crate) fn split(key: &'a [u8]) -> Self {
        if let Some((head, inline, tail)) = in_brackets(key) {
            return Self { head: text(head), tail: text(tail), inline, separator: b',' };
        }
        let Some(at) = memchr3(b',', b'#', b';', key) else {
            return Self { head: text(key), tail: "", inline: &[], separator: b',' };
        };
        let separator = if key[at] == b';' { b';' } else { b',' };
        Self { head: text(&key[..at]), tail: "", inline: &key[at + 1..], separator }
    }
}

fn in_brackets(key: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let open = memchr(b'[', key)?;
    let len = memchr(b']', &key[open..])?;
    Some((&key[..open], &key[open + 1..open + len], &key[open + len + 1..]))
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr(at, text)?;
    Some((&text[..at], &text[at + 1..]))
}

/// The parser has checked the line, and cuts only at ASCII bytes, so this never falls back.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, dogstatsd: &str, expected: &str) {
        let name = Name::split(key.as_bytes());
        let mut got = format!("{}{}", name.head, name.tail);
        for tag in Tags::new(name.inline, name.separator, dogstatsd.as_bytes()) {
            got.push_str(&format!(" {}={}", tag.name, tag.value));
        }
        assert_eq!(got, expected);
    }

    #[test]
    fn every_style_is_read() {
        check("a.b", "", "a.b");
        check("a.b", "x:1,y:2:3,z", "a.b x=1 y=2:3 z=true");
        check("a.b,x=1,y=2", "", "a.b x=1 y=2");
        check("a.b#x=1,y=2", "", "a.b x=1 y=2");
        check("a.b;x=1;y=2,3", "", "a.b x=1 y=2,3");
        check("a.b[x=1,y=2]", "", "a.b x=1 y=2");
        check("a[x=1].b", "z:3", "a.b x=1 z=3");
    }

    #[test]
    fn a_mark_before_every_tag_is_no_part_of_its_name() {
        check("a", "tag1:bar,#tag2:baz", "a tag1=bar tag2=baz");
        check("a", "#a,#b", "a a=true b=true");
        check("a", "#a:#1, #b:2, c", "a a=#1 b=2 c=true");
        check("a", "#,##a,#:b", "a a=true");
        check("a#x=1,#y=2", "#z", "a x=1 y=2 z=true");
        check("a,#x=1", "", "a x=1");
    }

    #[test]
    fn empty_tags_are_passed_over() {
        check("a,,x=1,=2", ",:v,,y:,", "a x=1 y=");
        check("a[]", "", "a");
        check("a[x=1", "", "a[x=1");
    }
}
