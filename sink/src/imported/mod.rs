//! Samples from elsewhere, with times and running totals of their own: what remote write brings, and any other protocol
//! that names series and samples.
//!
//! A protocol's labels are read by `Labels`, its samples travel through the queue in the records of a `SampleWriter`,
//! and the sink stores them here. What is sent as differences becomes totals (`running.rs`). To store a sample twice is to store it once, so they need no numbers: a request may be
//! repeated, and a crash undone by reading the queue again.

mod exemplars;
pub(crate) mod form;
mod histograms;
pub(crate) mod importer;
pub(crate) mod labels;
mod old;
pub(crate) mod places;
mod reading;
pub(crate) mod running;

use std::sync::atomic::Ordering::Relaxed;

use weir_queue::Record;

pub use exemplars::exemplar_bytes;

use crate::Error;
use crate::ingest::Ingest;
use crate::series::Limit;
use importer::Importer;
use places::Home;

impl Ingest {
    /// Stores what a record tells, as rules and the tenant's limit have it. What is over the limit is left out and
    /// counted: running totals of several series have no sum that would stay true.
    pub(crate) fn samples(&mut self, record: &Record<'_>, payload: &[u8]) -> Result<(), Error> {
        if reading::has_exemplars(payload) {
            return self.keep_exemplars(record, payload);
        }
        if reading::has_histograms(payload) || reading::has_windows(payload) {
            return self.histograms(record, payload);
        }
        let read = match reading::has_differences(payload) {
            true => self.importer.read_differences(record, payload),
            false => self.importer.read(record, payload).map(|labels| (labels, 0)),
        };
        let Ok((labels, counted_before)) = read else { return self.refuse(record) };
        self.counters.differences_left_out.fetch_add(counted_before, Relaxed);
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
