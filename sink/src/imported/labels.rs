//! The labels of one request, each read and checked once: in a request most series have most of their labels in common.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use weir_sample::{Kind, Series, is_name};
use weir_store::NAME;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Labels of one series, and their bytes.
pub const MOST_LABELS: usize = 128;
/// See [`MOST_LABELS`].
pub const MOST_LABEL_BYTES: usize = 16 << 10;
/// Length of a metric's or label's name.
pub const MOST_NAME_BYTES: usize = 1_024;

/// Why a series is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// It has no metric name, or an empty one.
    NoName,
    /// A label's name is empty.
    LabelName,
    /// Two of its labels have one name.
    Duplicate,
    /// Its labels, or one of their names, are over a limit.
    TooLong,
    /// A label cannot be read, or its name holds U+0000, U+0001 or U+0002, which no name has here.
    Unreadable,
    /// Its name, or a label's, is no longer told from another one once it is mended.
    Mended,
}

/// The number of a label, or of a metric's name, within its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(u32);

/// The labels of a request. How they lie there, in whatever protocol it is, is what they are known by.
#[derive(Default)]
pub struct Labels<'a> {
    known: HashMap<&'a [u8], Pair, Seeded>,
    pairs: Vec<Known>,
    texts: String,
    names: Names,
    /// Pairs that stand in place of what a sender says.
    enforced: Vec<Pair>,
}

/// What is known of a label.
struct Known {
    /// End of its text, which begins where the one before ends: name ␂ value, as a series has it.
    end: u32,
    name: u32,
    /// Bytes of name and value as they came.
    bytes: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Metric(Kind),
    Label,
    /// A label without a value is none.
    Empty,
    Odd(Odd),
    /// Another value stands in its place.
    Overruled,
}

/// Names of labels by number. The metric's is the first.
#[derive(Default)]
struct Names {
    numbers: HashMap<Box<str>, u32>,
    /// By number, the series that had it last: so that a series with a name twice is noticed.
    seen: Vec<u64>,
    series: u64,
}

impl<'a> Labels<'a> {
    /// With labels that every series gets, whatever it says itself.
    pub fn enforcing<'l>(labels: impl IntoIterator<Item = (&'l str, &'l str)>) -> Self {
        let mut all = Self::default();
        for (name, value) in labels {
            let pair = all.push(name, value, State::Label);
            all.enforced.push(pair);
        }
        all
    }

    /// The label that lies there as `raw`, if it was met before.
    pub fn find(&self, raw: &[u8]) -> Option<Pair> {
        self.known.get(raw).copied()
    }

    /// Number of labels that were met.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether no label was met yet.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// A metric's name, which lies there as `raw`, and what its series are.
    pub fn metric(&mut self, raw: &'a [u8], name: &str, kind: Kind) -> Pair {
        let state = match name.len() {
            0 => State::Odd(Odd::NoName),
            1..=MOST_NAME_BYTES if !is_name(name) => State::Odd(Odd::Unreadable),
            1..=MOST_NAME_BYTES => State::Metric(kind),
            _ => State::Odd(Odd::TooLong),
        };
        let pair = self.push(NAME, name, state);
        self.known.insert(raw, pair);
        pair
    }

    /// A label, which lies there as `raw`.
    pub fn label(&mut self, raw: &'a [u8], name: &str, value: &str) -> Pair {
        let state = match (name.len(), value.len()) {
            (0, _) => State::Odd(Odd::LabelName),
            (1..=MOST_NAME_BYTES, _) if !is_name(name) => State::Odd(Odd::Unreadable),
            (1..=MOST_NAME_BYTES, 0) => State::Empty,
            (1..=MOST_NAME_BYTES, ..=MOST_LABEL_BYTES) => State::Label,
            _ => State::Odd(Odd::TooLong),
        };
        let pair = self.push(name, value, state);
        self.known.insert(raw, pair);
        pair
    }

    /// A label, which lies there as `raw`, of which it is known already that no series with it is stored.
    pub fn odd(&mut self, raw: &'a [u8], odd: Odd) -> Pair {
        let pair = self.push("", "", State::Odd(odd));
        self.known.insert(raw, pair);
        pair
    }

    fn push(&mut self, name: &str, value: &str, state: State) -> Pair {
        let bytes = name.len() + value.len();
        let number = self.names.number(name);
        let overruled = self.enforced.iter().any(|&pair| self.pairs[pair.0 as usize].name == number);
        let state = if overruled && state == State::Label { State::Overruled } else { state };
        if matches!(state, State::Metric(_) | State::Label) {
            self.texts.push_str(name);
            self.texts.push('\u{2}');
            self.texts.extend(value.chars().map(|c| if matches!(c, '\u{1}' | '\u{2}') { '\u{FFFD}' } else { c }));
        }
        self.pairs.push(Known { end: self.texts.len() as u32, name: number, bytes: bytes as u32, state });
        Pair(self.pairs.len() as u32 - 1)
    }

    /// The labels of a series as they are stored, and its kind. What has no value is left out.
    ///
    /// # Errors
    /// What is odd about it.
    pub fn series(&mut self, pairs: &[Pair], own: &mut Vec<Pair>) -> Result<Kind, Odd> {
        own.clear();
        if pairs.len() > MOST_LABELS + 1 {
            return Err(Odd::TooLong);
        }
        let (mut kind, mut odd, mut bytes) = (None, None, 0);
        self.names.series += 1;
        for &pair in pairs {
            let known = &self.pairs[pair.0 as usize];
            bytes += known.bytes as usize;
            if !self.names.is_first(known.name) {
                odd = odd.or(Some(Odd::Duplicate));
            }
            match known.state {
                State::Metric(its) => {
                    kind = Some(its);
                    own.push(pair);
                }
                State::Label => own.push(pair),
                State::Empty | State::Overruled => {}
                State::Odd(what) => odd = odd.or(Some(what)),
            }
        }
        own.extend_from_slice(&self.enforced);
        if bytes > MOST_LABEL_BYTES {
            return Err(Odd::TooLong);
        }
        odd.map_or_else(|| kind.ok_or(Odd::NoName), Err)
    }

    /// A label as text.
    pub(crate) fn text(&self, pair: Pair) -> &str {
        let at = pair.0 as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.pairs[before].end);
        &self.texts[start as usize..self.pairs[at].end as usize]
    }

    /// The series that these labels make.
    pub fn build(&self, own: &[Pair]) -> Series {
        series_of(own.iter().map(|&pair| self.text(pair)))
    }
}

impl Pair {
    pub(crate) const fn at(self) -> usize {
        self.0 as usize
    }
}

/// The series that some labels, as text, make.
pub(crate) fn series_of<'t>(texts: impl Iterator<Item = &'t str> + Clone) -> Series {
    let split = texts.filter_map(|text| text.split_once('\u{2}'));
    let name = split.clone().find(|(label, _)| *label == NAME).map_or("", |(_, name)| name);
    Series::new(name, split.filter(|(label, _)| *label != NAME))
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.seen.len() as u32;
        self.numbers.insert(name.into(), number);
        self.seen.push(0);
        number
    }

    /// Whether the series of now did not have this name yet.
    fn is_first(&mut self, name: u32) -> bool {
        std::mem::replace(&mut self.seen[name as usize], self.series) != self.series
    }
}

/// Hashes whole byte strings, from a start that no sender knows.
pub(crate) struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for Seeded {
    type Hasher = Whole;

    fn build_hasher(&self) -> Whole {
        Whole(self.0)
    }
}

/// See [`Seeded`].
pub(crate) struct Whole(u64);

impl Hasher for Whole {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    // The length ahead of a slice's bytes: it adds nothing to them.
    fn write_usize(&mut self, _: usize) {}
}
