//! A request as it is read: unpacked once, and then walked series by series where it lies. Memory is that of the unpacked
//! bytes and of one series, whatever is in them.

use std::collections::HashMap;

use weir_sample::{Kind, Metadata, MetricType};

use super::{MOST_BYTES, MOST_METADATA, MOST_SAMPLES, MOST_SERIES, Refused};
use crate::kind_by_name;
use crate::protobuf::{Field, Fields, WRONG_TYPE, message, text};

/// The bytes of a request, unpacked.
#[derive(Default)]
pub struct Unpacked(Vec<u8>);

/// A request that is one, and within the limits.
pub struct Request<'a> {
    bytes: &'a [u8],
    /// Whether metrics are counters, as the metadata say.
    counters: HashMap<&'a str, bool>,
}

/// Labels of a series that are kept: more than any series may have, so that one with too many is known by its number.
const MOST_LABELS_KEPT: usize = 1_000;

/// One series of a request.
#[derive(Default)]
pub struct Entry<'a> {
    /// Its labels as they lie there; [`read_label`] reads one.
    pub labels: Vec<&'a [u8]>,
    /// Its samples.
    pub samples: Vec<(i64, f64)>,
    /// Its native histograms as they lie there; [`read_histogram`](super::read_histogram) reads one.
    pub histograms: Vec<&'a [u8]>,
    /// Its exemplars as they lie there; [`read_exemplar`](super::read_exemplar) reads one.
    pub exemplars: Vec<&'a [u8]>,
    /// It is no series, and has nothing of the above.
    pub is_unreadable: bool,
}

/// The series of a request, one after another.
pub struct Entries<'a> {
    fields: Fields<'a>,
    samples: u64,
}

impl Unpacked {
    /// How long a request says that it is unpacked.
    pub fn length(compressed: &[u8]) -> Result<usize, Refused> {
        let length = snap::raw::decompress_len(compressed)?;
        if length > MOST_BYTES { Err(Refused::TooMuch("bytes unpacked", MOST_BYTES as u64)) } else { Ok(length) }
    }

    /// Unpacks a request as it is sent.
    pub fn read(compressed: &[u8]) -> Result<Self, Refused> {
        let mut unpacked = Self(Vec::new());
        unpacked.read_into(compressed)?;
        Ok(unpacked)
    }

    /// All of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same in the place of what was there before.
    pub fn read_into(&mut self, compressed: &[u8]) -> Result<(), Refused> {
        let length = Self::length(compressed)?;
        self.0.clear();
        // Not by doubling what is there.
        self.0.reserve_exact(length);
        self.0.resize(length, 0);
        snap::raw::Decoder::new().decompress(compressed, &mut self.0)?;
        Ok(())
    }
}

impl<'a> Request<'a> {
    /// Looks over a request, but not into its series: what is wrong with these comes out when they are read.
    pub fn read(unpacked: &'a Unpacked) -> Result<Self, Refused> {
        let (bytes, mut series, mut metadata, mut counters) = (&unpacked.0[..], 0, 0, HashMap::new());
        for field in Fields(bytes) {
            match field? {
                (1, field) => {
                    message(field)?;
                    series += 1;
                    below(series, MOST_SERIES, "series")?;
                }
                (3, field) => {
                    metadata += 1;
                    below(metadata, MOST_METADATA, "entries of metadata")?;
                    // One that cannot be read says nothing of any series.
                    if let Ok((name, counter)) = self::metadata(message(field)?) {
                        counters.entry(name).or_insert(counter);
                    }
                }
                _ => {}
            }
        }
        Ok(Self { bytes, counters })
    }

    /// Its series.
    pub fn entries(&self) -> Entries<'a> {
        Entries { fields: Fields(self.bytes), samples: 0 }
    }

    /// What it tells of families of metrics. What cannot be read is passed over.
    pub fn told(&self) -> impl Iterator<Item = (&'a str, Metadata)> {
        let entries = Fields(self.bytes).filter_map(|field| match field {
            Ok((3, field)) => self::told(message(field).ok()?).ok(),
            _ => None,
        });
        entries.filter(|(_, told)| !told.is_empty())
    }

    /// What the series of a name are: as the metadata say, else as the name ends.
    pub fn kind_of(&self, name: &str) -> Kind {
        match self.counters.get(name) {
            Some(true) => Kind::Counter,
            Some(false) => Kind::Gauge,
            None => kind_by_name(name),
        }
    }
}

impl<'a> Entries<'a> {
    /// Reads the next series in place of the one before. `false`: there is none.
    ///
    /// # Errors
    /// The request is over a limit.
    pub fn read(&mut self, entry: &mut Entry<'a>) -> Result<bool, Refused> {
        for field in self.fields.by_ref() {
            if let (1, field) = field? {
                entry.is_unreadable = match entry.read(message(field)?, MOST_SAMPLES - self.samples) {
                    Ok(()) => false,
                    Err(Refused::Protobuf(_)) => {
                        entry.clear();
                        true
                    }
                    Err(over) => return Err(over),
                };
                self.samples += (entry.samples.len() + entry.histograms.len() + entry.exemplars.len()) as u64;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn below(count: u64, most: u64, what: &'static str) -> Result<(), Refused> {
    if count > most { Err(Refused::TooMuch(what, most)) } else { Ok(()) }
}

impl<'a> Entry<'a> {
    /// Reads a series with at most so many samples. Its memory is bounded while it is read, not only after.
    fn read(&mut self, bytes: &'a [u8], most_samples: u64) -> Result<(), Refused> {
        self.clear();
        for field in Fields(bytes) {
            match field? {
                (1, field) => {
                    let label = message(field)?;
                    if self.labels.len() < MOST_LABELS_KEPT {
                        self.labels.push(label);
                    }
                }
                (2, field) => {
                    self.check_room(most_samples)?;
                    self.samples.push(sample(message(field)?)?);
                }
                (3, field) => {
                    self.check_room(most_samples)?;
                    self.exemplars.push(message(field)?);
                }
                (4, field) => {
                    self.check_room(most_samples)?;
                    self.histograms.push(message(field)?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.labels.clear();
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
    }

    fn check_room(&self, most: u64) -> Result<(), Refused> {
        let has = (self.samples.len() + self.histograms.len() + self.exemplars.len()) as u64;
        if has >= most { Err(Refused::TooMuch("samples", MOST_SAMPLES)) } else { Ok(()) }
    }
}

/// Name and value of a label.
///
/// # Errors
/// It is none.
pub fn read_label(bytes: &[u8]) -> Result<(&str, &str), Refused> {
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

fn sample(bytes: &[u8]) -> Result<(i64, f64), Refused> {
    let mut sample = (0, 0.0);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Fixed64(bits)) => sample.1 = f64::from_bits(bits),
            (2, Field::Varint(millis)) => sample.0 = millis as i64,
            (1 | 2, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok(sample)
}

/// What is told of a family.
fn told(bytes: &[u8]) -> Result<(&str, Metadata), Refused> {
    let (mut name, mut told) = ("", Metadata::default());
    for field in Fields(bytes) {
        match field? {
            (1, Field::Varint(kind)) => told.kind = MetricType::of_number(kind),
            (2, field) => name = text(field)?,
            (4, field) => text(field)?.clone_into(&mut told.help),
            (5, field) => text(field)?.clone_into(&mut told.unit),
            _ => {}
        }
    }
    Ok((name, told))
}

/// A metric's name, and whether it is a counter.
fn metadata(bytes: &[u8]) -> Result<(&str, bool), Refused> {
    let (mut name, mut counter) = ("", false);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Varint(kind)) => counter = kind == 1,
            (2, field) => name = text(field)?,
            (1, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok((name, counter))
}

#[cfg(test)]
mod tests;
