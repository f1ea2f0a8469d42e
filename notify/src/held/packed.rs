//! Labels in one allocation.

use weir_alert::event::Pairs;
use weir_alert::routing::Labels;

/// Names and values one after the other, each with its length before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    pub(crate) fn of(pairs: &Pairs) -> Self {
        let mut bytes = Vec::with_capacity(pairs.iter().map(|(name, value)| name.len() + value.len() + 8).sum());
        for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        Self(bytes.into())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || Some((take(&mut rest)?, take(&mut rest)?)))
    }

    pub(crate) fn pairs(&self) -> Pairs {
        self.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

fn take<'b>(rest: &mut &'b [u8]) -> Option<&'b str> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (text, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

impl Labels for Packed {
    fn label(&self, name: &str) -> &str {
        self.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_out_as_they_went_in() {
        let pairs: Pairs = [("a", ""), ("b", "x\ny"), ("ü", "1")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        let packed = Packed::of(&pairs);
        assert_eq!(packed.pairs(), pairs);
        assert_eq!((packed.label("b"), packed.label("none")), ("x\ny", ""));
    }
}
