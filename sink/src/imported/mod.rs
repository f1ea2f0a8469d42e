//! Samples from elsewhere, with times and running totals of their own: what remote write brings, and any other protocol
//! that names series and samples.
//!
//! A protocol's labels are read by [`Labels`], its samples travel through the queue in the records of a [`SampleWriter`],
//! and the sink stores them here. To store one twice is to store it once, so they need no numbers: a request may be
//! repeated, and a crash undone by reading the queue again.

pub(crate) mod form;
pub(crate) mod labels;
mod old;
pub(crate) mod places;

use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

use weir_queue::Record;
use weir_sample::Kind;
use weir_store::{Place, Placed};

use crate::Error;
use crate::ingest::Ingest;
use crate::series::Limit;
use form::Unreadable;
use places::{Home, Key, Places, key, share};

/// What storing samples needs from record to record.
#[derive(Default)]
pub(crate) struct Importer {
    pub places: Places,
    series: Vec<Told>,
    /// Labels of all series of a record, by their place in it.
    own: Vec<u32>,
    samples: Vec<Placed>,
}

/// A series of a record.
struct Told {
    key: Key,
    kind: Kind,
    own: Range<usize>,
    /// Its samples among those of the record.
    samples: Range<usize>,
    home: Home,
}

impl Importer {
    /// Reads a record, and looks up each of its series. Returns its labels.
    fn read<'a>(&mut self, record: &Record<'_>, payload: &'a [u8]) -> Result<Vec<&'a str>, Unreadable> {
        self.series.clear();
        self.own.clear();
        self.samples.clear();
        let (mut input, mut time) = (payload, 0);
        let labels = form::labels(&mut input)?;
        let shares: Vec<Key> = labels.iter().map(|text| share(text)).collect();
        while !input.is_empty() {
            let (from, first) = (self.own.len(), self.samples.len());
            let (kind, count) = form::series(&mut input, labels.len(), &mut self.own)?;
            let sum = self.own[from..].iter().fold(0, |sum: Key, &at| sum.wrapping_add(shares[at as usize]));
            let key = key(sum, record.tenant, kind);
            let home = self.places.find(key, record.received);
            let place = if let Home::At(place) = home { place } else { Place::default() };
            let series = self.series.len() as u32;
            for _ in 0..count {
                let value = form::sample(&mut input, &mut time)?;
                self.samples.push(Placed { place, series, time, value });
            }
            self.series.push(Told { key, kind, own: from..self.own.len(), samples: first..self.samples.len(), home });
        }
        Ok(labels)
    }

    /// Gives the samples of some series the places found for these.
    fn take_places(&mut self, series: &[u32]) {
        for told in series.iter().map(|&at| &self.series[at as usize]) {
            if let Home::At(place) = told.home {
                self.samples[told.samples.clone()].iter_mut().for_each(|sample| sample.place = place);
            }
        }
    }

    fn strangers(&self) -> Vec<u32> {
        let unknown = |&at: &u32| self.series[at as usize].home == Home::Unknown;
        (0..self.series.len() as u32).filter(unknown).collect()
    }
}

impl Ingest {
    /// Stores what a record tells, as rules and the tenant's limit have it. What is over the limit is left out and
    /// counted: running totals of several series have no sum that would stay true.
    pub(crate) fn samples(&mut self, record: &Record<'_>, payload: &[u8]) -> Result<(), Error> {
        let Ok(labels) = self.importer.read(record, payload) else { return self.refuse(record) };
        let strangers = self.importer.strangers();
        if !strangers.is_empty() {
            self.settle(record, &labels, &strangers);
            self.importer.take_places(&strangers);
        }
        let Importer { series, samples, .. } = &mut self.importer;
        let before = samples.len();
        if series.iter().any(|told| told.home == Home::Nowhere) {
            samples.retain(|sample| series[sample.series as usize].home != Home::Nowhere);
        }
        let stored = samples.len();
        self.store.append_samples(&mut self.importer.samples)?;
        while !self.importer.samples.is_empty() {
            self.again(record, &labels)?;
        }
        self.counters.samples.fetch_add(stored as u64, Relaxed);
        self.counters.imported_left_out.fetch_add((before - stored) as u64, Relaxed);
        Ok(())
    }

    /// Decides over series that are not known, and finds those that are stored their places.
    fn settle(&mut self, record: &Record<'_>, labels: &[&str], strangers: &[u32]) {
        let Importer { series, own, places, .. } = &mut self.importer;
        let (mut limit, mut admitted, mut wanted) = (Limit::default(), Vec::new(), Vec::new());
        let mut judge = self.admission.judge(record.tenant, None, &mut limit, record.received);
        for &at in strangers {
            let told = &mut series[at as usize];
            let sent = labels::series_of(own[told.own.clone()].iter().map(|&at| labels[at as usize]));
            match judge.place_imported(&sent, told.kind) {
                Some(stored) => {
                    admitted.push(at);
                    wanted.push((stored, told.kind));
                }
                None => {
                    places.insert(told.key, None, record.received);
                    told.home = Home::Nowhere;
                }
            }
        }
        // The store is asked without the lock on the accounts.
        drop(judge);
        for (at, place) in admitted.into_iter().zip(self.store.places(&wanted)) {
            let told = &mut series[at as usize];
            places.insert(told.key, Some(place), record.received);
            told.home = Home::At(place);
        }
    }

    /// Finds new places for the samples that are left, because the store has forgotten their series since.
    fn again(&mut self, record: &Record<'_>, labels: &[&str]) -> Result<(), Error> {
        let mut strangers: Vec<u32> = self.importer.samples.iter().map(|sample| sample.series).collect();
        strangers.sort_unstable();
        strangers.dedup();
        self.settle(record, labels, &strangers);
        let Importer { series, samples, .. } = &mut self.importer;
        samples.retain_mut(|sample| match series[sample.series as usize].home {
            Home::At(place) => {
                sample.place = place;
                true
            }
            Home::Nowhere | Home::Unknown => false,
        });
        self.store.append_samples(samples)?;
        Ok(())
    }
}
