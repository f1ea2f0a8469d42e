//! One record of samples: read, and each of its series looked up.

use std::ops::Range;

use weir_queue::Record;
use weir_sample::Kind;
use weir_store::{Place, Placed};

use super::places::{Home, Key, Places, key, share};
use super::reading::{self, Unreadable};
use super::running::{Counted, Difference, NANOS_IN_MILLI, Running};

/// What storing samples needs from record to record.
#[derive(Default)]
pub(crate) struct Importer {
    pub places: Places,
    /// Of series that are sent as differences.
    pub running: Running,
    pub(super) series: Vec<Told>,
    /// Labels of all series of a record, by their place in it.
    pub(super) own: Vec<u32>,
    pub(super) samples: Vec<Placed>,
}

/// A series of a record.
pub(super) struct Told {
    pub key: Key,
    pub kind: Kind,
    pub own: Range<usize>,
    /// Its samples among those of the record.
    pub samples: Range<usize>,
    pub home: Home,
}

impl Importer {
    /// With the totals of a checkpoint.
    pub(crate) fn resume(running: Running) -> Self {
        Self { running, ..Self::default() }
    }

    /// Reads a record, and looks up each of its series. Returns its labels.
    pub(super) fn read<'a>(&mut self, record: &Record<'_>, payload: &'a [u8]) -> Result<Vec<&'a str>, Unreadable> {
        self.series.clear();
        self.own.clear();
        self.samples.clear();
        let (mut input, mut time) = (payload, 0);
        let labels = reading::labels(&mut input)?;
        let shares: Vec<Key> = labels.iter().map(|text| share(text)).collect();
        while !input.is_empty() {
            let (from, first) = (self.own.len(), self.samples.len());
            let (kind, count) = reading::series(&mut input, labels.len(), &mut self.own)?;
            let sum = self.own[from..].iter().fold(0, |sum: Key, &at| sum.wrapping_add(shares[at as usize]));
            let key = key(sum, record.tenant, kind);
            let home = self.places.find(key, record.received);
            let place = if let Home::At(place) = home { place } else { Place::default() };
            let series = self.series.len() as u32;
            for _ in 0..count {
                let value = reading::sample(&mut input, &mut time)?;
                self.samples.push(Placed { place, series, time, value });
            }
            self.series.push(Told { key, kind, own: from..self.own.len(), samples: first..self.samples.len(), home });
        }
        Ok(labels)
    }

    /// Reads a record of differences, once all of it can be read counts each once, and makes samples of their totals. Returns its labels, and
    /// how many differences were left out.
    pub(super) fn read_differences<'a>(
        &mut self,
        record: &Record<'_>,
        payload: &'a [u8],
    ) -> Result<(Vec<&'a str>, u64), Unreadable> {
        self.series.clear();
        self.own.clear();
        self.samples.clear();
        let (mut input, mut time, mut differences) = (payload, 0, Vec::new());
        let labels = reading::difference_labels(&mut input)?;
        let shares: Vec<Key> = labels.iter().map(|text| share(text)).collect();
        while !input.is_empty() {
            let from = self.own.len();
            let count = reading::histogram_series(&mut input, labels.len(), &mut self.own)?;
            let sum = self.own[from..].iter().fold(0, |sum: Key, &at| sum.wrapping_add(shares[at as usize]));
            let (kind, first) = (Kind::Counter, differences.len());
            let key = key(sum, record.tenant, kind);
            for _ in 0..count {
                differences.push(reading::difference(&mut input, &mut time)?);
            }
            let home = Home::Unknown;
            self.series.push(Told { key, kind, own: from..self.own.len(), samples: first..differences.len(), home });
        }
        Ok((labels, self.count(record, &differences)))
    }

    fn count(&mut self, record: &Record<'_>, differences: &[Difference]) -> u64 {
        let mut left_out = 0;
        for (at, told) in self.series.iter_mut().enumerate() {
            told.home = self.places.find(told.key, record.received);
            let place = if let Home::At(place) = told.home { place } else { Place::default() };
            let first = self.samples.len();
            let mut put = |time, value| self.samples.push(Placed { place, series: at as u32, time, value });
            for difference in &differences[told.samples.clone()] {
                match self.running.count(told.key, *difference, record.received) {
                    Counted::First { at, total } => {
                        // From here on it grew.
                        let since = difference.since / NANOS_IN_MILLI;
                        if since > 0 {
                            put(since.min(at - 1), 0.0);
                        }
                        put(at, total);
                    }
                    Counted::Next { at, total } => put(at, total),
                    Counted::Late => {}
                    Counted::LeftOut => left_out += 1,
                }
            }
            told.samples = first..self.samples.len();
        }
        left_out
    }

    /// Gives the samples of some series the places found for these.
    pub(super) fn take_places(&mut self, series: &[u32]) {
        for told in series.iter().map(|&at| &self.series[at as usize]) {
            if let Home::At(place) = told.home {
                self.samples[told.samples.clone()].iter_mut().for_each(|sample| sample.place = place);
            }
        }
    }

    pub(super) fn strangers(&self) -> Vec<u32> {
        let unknown = |&at: &u32| self.series[at as usize].home == Home::Unknown;
        (0..self.series.len() as u32).filter(unknown).collect()
    }
}
