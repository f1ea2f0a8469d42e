//! Label pairs, each kept once.

use std::collections::HashMap;

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use weir_sample::Series;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::ids::{PairId, SetId};
use crate::matcher::NAME;

/// Which half of a series' labels a set of pairs is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Tail,
    Common,
}

/// Separates label and value, as in a series' key.
pub(crate) const VALUE: char = '\u{2}';
/// Separates labels, as in a series' key.
pub(crate) const LABEL: char = '\u{1}';

/// One label with one value, and the halves that hold it.
pub(crate) struct Pair {
    /// `label ␂ value`, as it stands in a series' key.
    text: Box<str>,
    split: u32,
    /// Place among its label's pairs.
    place: u32,
    pub tails: RoaringBitmap,
    pub commons: RoaringBitmap,
}

/// All pairs of one label, and the halves that hold any of them.
#[derive(Default)]
pub(crate) struct Label {
    pub pairs: Vec<PairId>,
    pub tails: RoaringBitmap,
    pub commons: RoaringBitmap,
}

/// Every label pair in memory.
#[derive(Default)]
pub(crate) struct Pairs {
    pairs: Vec<Option<Pair>>,
    free: Vec<PairId>,
    lookup: HashTable<PairId>,
    labels: HashMap<Box<str>, Label>,
    scratch: String,
}

impl Pair {
    pub(crate) fn label(&self) -> &str {
        &self.text[..self.split as usize]
    }

    pub(crate) fn value(&self) -> &str {
        &self.text[self.split as usize + VALUE.len_utf8()..]
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The share of the pair in the identity of a series. A sum of such does not depend on how labels are halved.
    pub(crate) fn hash(&self) -> u128 {
        xxh3_128(self.text.as_bytes())
    }
}

impl Pairs {
    /// The pairs of a series, its name among them, in the order of their labels. New ones are kept until a set that
    /// holds them is dropped.
    pub(crate) fn intern_series(&mut self, series: &Series, out: &mut Vec<PairId>) {
        let mut parts = series.key().split(LABEL);
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.push_str(NAME);
        scratch.push(VALUE);
        scratch.push_str(parts.next().unwrap_or_default());
        let at = out.len();
        out.push(self.intern(&scratch));
        self.scratch = scratch;
        out.extend(parts.map(|text| self.intern(text)));
        // `__name__` is not always the first label by order of bytes.
        let named = out[at];
        let place = out[at + 1..].iter().take_while(|&&pair| self.label_of(pair) < NAME).count();
        out.copy_within(at + 1..at + 1 + place, at);
        out[at + place] = named;
    }

    fn label_of(&self, pair: PairId) -> &str {
        self.pair(pair).label()
    }

    /// The pair with this text, `label ␂ value`, made if need be.
    pub(crate) fn intern(&mut self, text: &str) -> PairId {
        let hash = xxh3_64(text.as_bytes());
        let pairs = &self.pairs;
        let same = |&id: &PairId| pairs[id as usize].as_ref().is_some_and(|pair| *pair.text == *text);
        if let Some(&id) = self.lookup.find(hash, same) {
            return id;
        }
        let id = self.free.pop().unwrap_or(self.pairs.len() as PairId);
        self.put(id, text);
        id
    }

    /// Puts a pair at a number that is free.
    fn put(&mut self, id: PairId, text: &str) {
        let split = text.find(VALUE).unwrap_or(text.len()) as u32;
        let (label, _) = text.split_once(VALUE).unwrap_or((text, ""));
        if !self.labels.contains_key(label) {
            self.labels.insert(label.into(), Label::default());
        }
        let entry = self.labels.get_mut(label).expect("it was put there above");
        let place = entry.pairs.len() as u32;
        entry.pairs.push(id);
        if self.pairs.len() <= id as usize {
            self.pairs.resize_with(id as usize + 1, || None);
        }
        let (tails, commons) = Default::default();
        self.pairs[id as usize] = Some(Pair { text: text.into(), split, place, tails, commons });
        let pairs = &self.pairs;
        let hash = |&id: &PairId| pairs[id as usize].as_ref().map_or(0, |pair| xxh3_64(pair.text.as_bytes()));
        self.lookup.insert_unique(xxh3_64(text.as_bytes()), id, hash);
    }

    pub(crate) fn pair(&self, id: PairId) -> &Pair {
        self.pairs[id as usize].as_ref().expect("a set holds only pairs that exist")
    }

    /// The pair of a label and value, if any series has it.
    pub(crate) fn find(&self, label: &str, value: &str) -> Option<&Pair> {
        let text = format!("{label}{VALUE}{value}");
        let same = |&id: &PairId| *self.pair(id).text == *text;
        self.lookup.find(xxh3_64(text.as_bytes()), same).map(|&id| self.pair(id))
    }

    pub(crate) fn label(&self, label: &str) -> Option<&Label> {
        self.labels.get(label)
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = (&str, &Label)> {
        self.labels.iter().map(|(name, label)| (&**name, label))
    }

    /// Puts pairs in the order of their labels.
    #[cfg(test)]
    pub(crate) fn sort(&self, pairs: &mut [PairId]) {
        pairs.sort_unstable_by_key(|&pair| self.label_of(pair));
    }

    /// Adds a set to those of its pairs.
    pub(crate) fn link(&mut self, pairs: &[PairId], set: SetId, half: Half) {
        for &id in pairs {
            let Some(pair) = &mut self.pairs[id as usize] else { continue };
            let Some(label) = self.labels.get_mut(&pair.text[..pair.split as usize]) else { continue };
            match half {
                Half::Tail => (pair.tails.insert(set), label.tails.insert(set)),
                Half::Common => (pair.commons.insert(set), label.commons.insert(set)),
            };
        }
    }

    /// Removes a set that is gone; pairs that no set holds any more go too.
    pub(crate) fn unlink(&mut self, pairs: &[PairId], set: SetId, half: Half) {
        for &id in pairs {
            let Some(pair) = &mut self.pairs[id as usize] else { continue };
            let Some(label) = self.labels.get_mut(&pair.text[..pair.split as usize]) else { continue };
            match half {
                Half::Tail => (pair.tails.remove(set), label.tails.remove(set)),
                Half::Common => (pair.commons.remove(set), label.commons.remove(set)),
            };
            if pair.tails.is_empty() && pair.commons.is_empty() {
                self.remove(id);
            }
        }
    }

    fn remove(&mut self, id: PairId) {
        let Some(pair) = self.pairs[id as usize].take() else { return };
        if let Ok(entry) = self.lookup.find_entry(xxh3_64(pair.text.as_bytes()), |&other| other == id) {
            entry.remove();
        }
        let Some(label) = self.labels.get_mut(pair.label()) else { return };
        label.pairs.swap_remove(pair.place as usize);
        if let Some(&moved) = label.pairs.get(pair.place as usize) {
            self.pairs[moved as usize].as_mut().expect("a label lists only pairs that exist").place = pair.place;
        } else if label.pairs.is_empty() {
            self.labels.remove(pair.label());
        }
        self.free.push(id);
    }

    /// The series with the pairs of two halves, each in order.
    pub(crate) fn series(&self, a: &[PairId], b: &[PairId]) -> Series {
        let (mut key, mut labels) = (String::with_capacity(192), String::with_capacity(192));
        let mut halves = [a, b].map(|half| half.iter().map(|&id| self.pair(id)).peekable());
        let [a, b] = &mut halves;
        while let Some(pair) = match (a.peek(), b.peek()) {
            (Some(of_a), Some(of_b)) if of_b.label() < of_a.label() => b.next(),
            (None, _) => b.next(),
            _ => a.next(),
        } {
            if pair.label() == NAME {
                key.push_str(pair.value());
            } else {
                labels.push(LABEL);
                labels.push_str(pair.text());
            }
        }
        key.push_str(&labels);
        Series::from_key(&key).unwrap_or_else(|| Series::named(&key))
    }

    /// Texts by number, gaps included.
    pub(crate) fn texts(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        self.pairs.iter().map(|pair| pair.as_ref().map(Pair::text))
    }

    /// Restores what [`Pairs::texts`] gave.
    pub(crate) fn restore<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut pairs = Self::default();
        for (id, text) in texts.enumerate() {
            match text {
                Some(text) => pairs.put(id as PairId, text),
                None => {
                    pairs.pairs.push(None);
                    pairs.free.push(id as PairId);
                }
            }
        }
        pairs
    }
}
