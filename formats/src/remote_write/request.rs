//! A request as it is read: unpacked once, checked as a whole, and then walked series by series where it lies. Memory is
//! that of the unpacked bytes and of one series, whatever is in them.

use std::collections::HashMap;

use weir_sample::{Kind, Series, legal_label_name};

use super::fields::{Field, Fields, WRONG_TYPE, message, text};
use super::{
    MOST_BYTES, MOST_LABEL_BYTES, MOST_LABELS, MOST_METADATA, MOST_NAME_BYTES, MOST_SAMPLES, MOST_SERIES,
    MOST_TOLD_BYTES, NAME, Refused, Sample, counter_by_name,
};

/// The bytes of a request, unpacked.
pub struct Unpacked(Vec<u8>);

/// A request that is one, and within the limits.
pub struct Request<'a> {
    bytes: &'a [u8],
    /// Whether metrics are counters, as the metadata say.
    counters: HashMap<&'a str, bool>,
}

/// One series of a request.
pub struct Entry<'a> {
    labels: Vec<(&'a str, &'a str)>,
    bytes: &'a [u8],
    /// How many samples it has.
    pub samples: u64,
    /// How many native histograms it has, which are not looked at.
    pub histograms: u64,
}

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
}

/// What [`Request::read`] counts.
#[derive(Default)]
struct Tally {
    series: u64,
    samples: u64,
    metadata: u64,
    /// Bytes of labels, counted once a sample: what the samples take where each is told with its series.
    told_bytes: u64,
}

impl Unpacked {
    /// How long a request says that it is unpacked.
    pub fn length(compressed: &[u8]) -> Result<usize, Refused> {
        let length = snap::raw::decompress_len(compressed)?;
        if length > MOST_BYTES { Err(Refused::TooMuch("bytes unpacked", MOST_BYTES as u64)) } else { Ok(length) }
    }

    /// Unpacks a request as it is sent.
    pub fn read(compressed: &[u8]) -> Result<Self, Refused> {
        Self::length(compressed)?;
        Ok(Self(snap::raw::Decoder::new().decompress_vec(compressed)?))
    }
}

impl<'a> Request<'a> {
    /// Walks all of a request, so that nothing is stored of one that breaks off or is over a limit.
    pub fn read(unpacked: &'a Unpacked) -> Result<Self, Refused> {
        let (bytes, mut tally, mut counters) = (&unpacked.0[..], Tally::default(), HashMap::new());
        for field in Fields(bytes) {
            match field? {
                (1, field) => tally.series(message(field)?)?,
                (3, field) => {
                    let (name, counter) = metadata(message(field)?)?;
                    tally.metadata += 1;
                    below(tally.metadata, MOST_METADATA, "entries of metadata")?;
                    counters.entry(name).or_insert(counter);
                }
                _ => {}
            }
        }
        Ok(Self { bytes, counters })
    }

    /// Its series.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let fields = Fields(self.bytes).filter_map(Result::ok);
        fields.filter_map(|(number, field)| if number == 1 { Entry::read(message(field).ok()?).ok() } else { None })
    }

    /// What the series of a name are: as the metadata say, else as the name ends.
    pub fn kind_of(&self, name: &str) -> Kind {
        let counter = self.counters.get(name).copied().unwrap_or_else(|| counter_by_name(name));
        if counter { Kind::Counter } else { Kind::Gauge }
    }
}

impl Tally {
    fn series(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let entry = Entry::read(bytes)?;
        self.series += 1;
        self.samples += entry.samples;
        let label_bytes: usize = entry.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.told_bytes += entry.samples.saturating_mul(label_bytes.min(MOST_LABEL_BYTES) as u64);
        below(self.series, MOST_SERIES, "series")?;
        below(self.samples, MOST_SAMPLES, "samples")?;
        below(self.told_bytes, MOST_TOLD_BYTES, "bytes of labels, counted once a sample")
    }
}

fn below(count: u64, most: u64, what: &'static str) -> Result<(), Refused> {
    if count > most { Err(Refused::TooMuch(what, most)) } else { Ok(()) }
}

impl<'a> Entry<'a> {
    /// Of labels past the limit only one more is kept, which tells that there are too many.
    fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        let mut entry = Self { labels: Vec::new(), bytes, samples: 0, histograms: 0 };
        for field in Fields(bytes) {
            match field? {
                (1, field) => {
                    let label = label(message(field)?)?;
                    if entry.labels.len() <= MOST_LABELS {
                        entry.labels.push(label);
                    }
                }
                (2, field) => {
                    sample(message(field)?)?;
                    entry.samples += 1;
                }
                (4, _) => entry.histograms += 1,
                _ => {}
            }
        }
        Ok(entry)
    }

    /// Name and labels.
    pub fn series(&self) -> Result<Series, Odd> {
        let label_bytes: usize = self.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.labels.len() > MOST_LABELS || label_bytes > MOST_LABEL_BYTES {
            return Err(Odd::TooLong);
        }
        let mut names: Vec<_> = self.labels.iter().map(|(name, _)| legal_label_name(name)).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| two[0] == two[1]) {
            return Err(Odd::Duplicate);
        }
        let name = self.labels.iter().find(|(label, name)| *label == NAME && !name.is_empty());
        let (_, name) = *name.ok_or(Odd::NoName)?;
        if self.labels.iter().any(|(label, _)| label.is_empty()) {
            return Err(Odd::LabelName);
        }
        if std::iter::once(name).chain(self.labels.iter().map(|(label, _)| *label)).any(|n| n.len() > MOST_NAME_BYTES) {
            return Err(Odd::TooLong);
        }
        Ok(Series::new(name, self.labels.iter().filter(|(label, _)| *label != NAME).copied()))
    }

    /// Its samples.
    pub fn samples(&self) -> impl Iterator<Item = Sample> + use<'a> {
        let fields = Fields(self.bytes).filter_map(Result::ok);
        fields.filter_map(|(number, field)| if number == 2 { sample(message(field).ok()?).ok() } else { None })
    }
}

fn label(bytes: &[u8]) -> Result<(&str, &str), Refused> {
    let (mut name, mut value) = ("", "");
    for field in Fields(bytes) {
        match field? {
            (1, field) => name = text(field)?,
            (2, field) => value = text(field)?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn sample(bytes: &[u8]) -> Result<Sample, Refused> {
    let mut sample = Sample::default();
    for field in Fields(bytes) {
        match field? {
            (1, Field::Fixed64(bits)) => sample.value = f64::from_bits(bits),
            (2, Field::Varint(millis)) => sample.timestamp = millis as i64,
            (1 | 2, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    Ok(sample)
}

/// A metric's name, and whether it is a counter.
fn metadata(bytes: &[u8]) -> Result<(&str, bool), Refused> {
    let (mut name, mut counter) = ("", false);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Varint(kind)) => counter = kind == 1,
            (2, field) => name = text(field)?,
            (1, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    Ok((name, counter))
}

#[cfg(test)]
mod tests;
