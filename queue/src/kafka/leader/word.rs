//! What candidates write into the topic by which one of them leads: a few lines of text, and the bytes of a page.
//!
//! ```text
//! host/7/ab12cd34          who writes
//! 41                       how many it has written
//! page states 17 81920     or: claim, alive ADDRESS, gone ADDRESS
//! …                        the page's bytes
//! ```

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) by: &'a str,
    pub(super) seq: u64,
    pub(super) what: What<'a>,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// I lead from here on.
    Claim,
    /// I still do, and answer here.
    Alive(&'a str),
    /// I no longer do.
    Gone,
    /// A page of a file, which is so long now.
    Page { file: &'a str, number: u64, length: u64, bytes: &'a [u8] },
}

impl<'a> Word<'a> {
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let (by, rest) = line(payload)?;
        let (seq, rest) = line(rest)?;
        let (said, bytes) = line(rest)?;
        let mut parts = said.split(' ');
        let what = match parts.next()? {
            "claim" => What::Claim,
            "alive" => What::Alive(parts.next()?),
            "gone" => What::Gone,
            "page" => What::Page {
                file: parts.next()?,
                number: parts.next()?.parse().ok()?,
                length: parts.next()?.parse().ok()?,
                bytes,
            },
            _ => return None,
        };
        Some(Self { by, seq: seq.parse().ok()?, what })
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        let Self { by, seq, what } = self;
        let (said, bytes): (_, &[u8]) = match what {
            What::Claim => ("claim".into(), &[]),
            What::Alive(address) => (format!("alive {address}"), &[]),
            What::Gone => ("gone".into(), &[]),
            What::Page { file, number, length, bytes } => (format!("page {file} {number} {length}"), *bytes),
        };
        let mut payload = format!("{by}\n{seq}\n{said}\n").into_bytes();
        payload.extend(bytes);
        payload
    }

    /// What is forgotten when the same is said again. Claims never are: which pages count follows from them.
    pub(super) fn key(&self) -> String {
        match &self.what {
            What::Claim => format!("claim {}", self.by),
            What::Alive(_) | What::Gone => "alive".into(),
            What::Page { file, number, .. } => format!("page {file} {number}"),
        }
    }
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_and_what_is_none_is_told_apart() {
        let page = What::Page { file: "states", number: 17, length: 81_920, bytes: b"a\nb\0" };
        for what in [What::Claim, What::Alive("http://a:1"), What::Gone, page] {
            let word = Word { by: "host/7/ab", seq: 41, what };
            assert_eq!(Word::read(&word.payload()), Some(word));
        }
        for payload in ["", "a\n1\n", "a\n1\nrule\n", "a\nx\nclaim\n", "a\n1\npage states 1\n"] {
            assert_eq!(Word::read(payload.as_bytes()), None, "{payload:?}");
        }
    }
}
