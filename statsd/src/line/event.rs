//! DogStatsD's events and service checks: what is written beside metrics, for people.

use memchr::memchr;
use weir_sample::CheckStatus;

use super::refused::Reason;
use super::tags::{Tags, text};

/// `_e{5,4}:title|text|d:…|h:…|p:…|t:…|k:…|s:…|#tags`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'a> {
    title: &'a [u8],
    text: &'a [u8],
    fields: Fields<'a>,
}

impl<'a> Event<'a> {
    /// Reads a line that starts with `_e{`.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Reason> {
        Self::try_parse(line).ok_or(Reason::Event)
    }

    fn try_parse(line: &'a [u8]) -> Option<Self> {
        let lengths = line.strip_prefix(b"_e{")?;
        let close = memchr(b'}', lengths)?;
        let (title_len, text_len) = text(&lengths[..close]).split_once(',')?;
        let (title_len, text_len): (usize, usize) = (title_len.parse().ok()?, text_len.parse().ok()?);
        let body = lengths[close + 1..].strip_prefix(b":")?;
        let (title, rest) = body.split_at_checked(title_len)?;
        let (text, fields) = rest.strip_prefix(b"|")?.split_at_checked(text_len)?;
        let cut_within = std::str::from_utf8(title).is_err() || std::str::from_utf8(text).is_err();
        let ended = fields.is_empty() || fields[0] == b'|';
        (ended && !cut_within && !title.is_empty()).then_some(Self { title, text, fields: Fields(fields) })
    }

    /// The title, with `\n` still escaped as it was sent.
    pub fn title(&self) -> &'a str {
        text(self.title)
    }

    /// The text, with `\n` still escaped as it was sent.
    pub fn text(&self) -> &'a str {
        text(self.text)
    }

    /// Unix seconds, if given.
    pub fn timestamp(&self) -> Option<i64> {
        self.fields.timestamp()
    }

    /// The host it tells of, if given.
    pub fn hostname(&self) -> Option<&'a str> {
        self.fields.after(b"h:")
    }

    /// `normal` or `low`; `normal` if not given.
    pub fn priority(&self) -> &'a str {
        self.fields.after(b"p:").unwrap_or("normal")
    }

    /// `info`, `success`, `warning` or `error`; `info` if not given.
    pub fn alert_type(&self) -> &'a str {
        self.fields.after(b"t:").unwrap_or("info")
    }

    /// Events with one key belong together.
    pub fn aggregation_key(&self) -> Option<&'a str> {
        self.fields.after(b"k:")
    }

    /// The kind of program it came from.
    pub fn source_type(&self) -> Option<&'a str> {
        self.fields.after(b"s:")
    }

    /// Its tags.
    pub fn tags(&self) -> Tags<'a> {
        self.fields.tags()
    }
}

/// `_sc|name|status|d:…|h:…|#tags|m:message`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceCheck<'a> {
    name: &'a [u8],
    status: CheckStatus,
    fields: Fields<'a>,
    message: &'a [u8],
}

impl<'a> ServiceCheck<'a> {
    /// Reads a line that starts with `_sc|`.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Reason> {
        Self::try_parse(line).ok_or(Reason::ServiceCheck)
    }

    fn try_parse(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"_sc|")?;
        let (name, rest) = rest.split_at(memchr(b'|', rest)?);
        let status = match rest.get(1)? {
            b'0' => CheckStatus::Ok,
            b'1' => CheckStatus::Warning,
            b'2' => CheckStatus::Critical,
            b'3' => CheckStatus::Unknown,
            _ => return None,
        };
        let fields = &rest[2..];
        let ended = fields.is_empty() || fields[0] == b'|';
        // The message is the last field and may hold any byte; of several the last counts.
        let at = fields.windows(3).rposition(|field| field == b"|m:");
        let (fields, message) = at.map_or((fields, &b""[..]), |at| (&fields[..at], &fields[at + 3..]));
        (ended && !name.is_empty()).then_some(Self { name, status, fields: Fields(fields), message })
    }

    /// The check's name.
    pub fn name(&self) -> &'a str {
        text(self.name)
    }

    /// What it found.
    pub fn status(&self) -> CheckStatus {
        self.status
    }

    /// Unix seconds, if given.
    pub fn timestamp(&self) -> Option<i64> {
        self.fields.timestamp()
    }

    /// The host it tells of, if given.
    pub fn hostname(&self) -> Option<&'a str> {
        self.fields.after(b"h:")
    }

    /// What it says, with `\n` still escaped as it was sent; empty if not given.
    pub fn message(&self) -> &'a str {
        text(self.message)
    }

    /// Its tags.
    pub fn tags(&self) -> Tags<'a> {
        self.fields.tags()
    }
}

/// `|`-separated fields in any order; those that are not known are passed over, and of the same the last counts.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn after(&self, prefix: &[u8]) -> Option<&'a str> {
        self.0.rsplit(|&b| b == b'|').find_map(|field| field.strip_prefix(prefix)).map(text)
    }

    fn timestamp(&self) -> Option<i64> {
        self.after(b"d:")?.parse().ok()
    }

    fn tags(&self) -> Tags<'a> {
        Tags::new(&[], b',', self.after(b"#").unwrap_or_default().as_bytes())
    }
}
