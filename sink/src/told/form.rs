//! The form in which what is told of metrics stands in a record, and in the sink's saved state.
//!
//! ```text
//! 0 version 1    then, until the end, for each: type u8, and name, unit and help, each a length u16 and its bytes    (little-endian)
//! ```

use weir_sample::{Metadata, MetricType};

const VERSION: u8 = 1;

/// A record is closed when it has grown past this size, which is well below what a queue takes.
const RECORD_BYTES: usize = 256 << 10;

/// What is kept of a help and of a unit; longer ones are cut.
pub(super) const MOST_HELP_BYTES: usize = 1_024;
pub(super) const MOST_UNIT_BYTES: usize = 64;

/// Puts what is told of metrics into records.
#[derive(Default)]
pub struct MetadataWriter {
    done: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl MetadataWriter {
    /// Adds what is told of a metric. One whose name no series may have is left out.
    pub fn push(&mut self, metric: &str, told: &Metadata) {
        if metric.is_empty() || metric.len() > crate::MOST_NAME_BYTES {
            return;
        }
        if self.open.is_empty() {
            self.open.push(VERSION);
        }
        put(&mut self.open, metric, told);
        if self.open.len() > RECORD_BYTES {
            self.done.push(std::mem::take(&mut self.open));
        }
    }

    /// The payloads of the records.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        if !self.open.is_empty() {
            self.done.push(self.open);
        }
        self.done
    }
}

/// Appends one entry.
pub(super) fn put(out: &mut Vec<u8>, metric: &str, told: &Metadata) {
    out.push(told.kind.number());
    let texts = [metric, cut(&told.unit, MOST_UNIT_BYTES), cut(&told.help, MOST_HELP_BYTES)];
    for text in texts {
        out.extend((text.len() as u16).to_le_bytes());
        out.extend(text.as_bytes());
    }
}

/// Calls with what a payload tells, up to what cannot be read; `false` if there is such.
pub(super) fn read(payload: &[u8], mut each: impl FnMut(&str, Metadata)) -> bool {
    let Some((&VERSION, mut rest)) = payload.split_first() else { return false };
    while !rest.is_empty() {
        let Some((metric, told)) = take(&mut rest) else { return false };
        each(metric, told);
    }
    true
}

/// Reads one entry.
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Option<(&'a str, Metadata)> {
    let (&kind, tail) = rest.split_first()?;
    *rest = tail;
    let (metric, unit, help) = (text(rest)?, text(rest)?, text(rest)?);
    let kind = MetricType::of_number(u64::from(kind));
    Some((metric, Metadata { kind, unit: unit.to_owned(), help: help.to_owned() }))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, tail) = rest.split_first_chunk()?;
    let (text, tail) = tail.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

/// As much of a text as there is room for, up to a whole character.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(help: &str) -> Metadata {
        Metadata { kind: MetricType::Counter, unit: "seconds".into(), help: help.into() }
    }

    fn entries(payloads: &[Vec<u8>]) -> Vec<(String, Metadata)> {
        let mut entries = Vec::new();
        for payload in payloads {
            assert!(read(payload, |metric, told| entries.push((metric.to_owned(), told))));
        }
        entries
    }

    #[test]
    fn what_is_told_comes_back_cut_to_what_is_kept() {
        let mut writer = MetadataWriter::default();
        writer.push("a", &told("Ä \"b\"\n"));
        writer.push("", &told("of none"));
        writer.push(&"n".repeat(2_000), &told("of a name that no series has"));
        writer.push("long", &told(&"é".repeat(1_000)));
        let expected = [("a".to_owned(), told("Ä \"b\"\n")), ("long".to_owned(), told(&"é".repeat(512)))];
        assert_eq!(entries(&writer.finish()), expected);
        assert!(MetadataWriter::default().finish().is_empty());
    }

    #[test]
    fn records_stay_small_and_what_is_cut_off_is_found() {
        let mut writer = MetadataWriter::default();
        (0..1_000).for_each(|number| writer.push(&format!("m{number}"), &told(&"h".repeat(1_000))));
        let payloads = writer.finish();
        assert!(payloads.len() > 3 && payloads.iter().all(|payload| payload.len() < RECORD_BYTES + 4_096));
        assert_eq!(entries(&payloads).len(), 1_000);
        assert!(!read(&payloads[0][..100], |_, _| {}) && !read(&[9], |_, _| {}) && !read(&[], |_, _| {}));
    }
}
