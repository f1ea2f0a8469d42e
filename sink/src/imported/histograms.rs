//! Histograms from elsewhere, with times of their own.

use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

use weir_queue::Record;
use weir_sample::{Histogram, Kind, Series, Timestamp};

use super::form::{self, Unreadable};
use super::labels::series_of;
use crate::Error;
use crate::ingest::Ingest;
use crate::series::Limit;

/// The histograms of a record: for each series which, and the bytes and times of all.
struct Told<'a> {
    series: Vec<(Series, Range<usize>)>,
    histograms: Vec<(i64, &'a [u8])>,
}

impl<'a> Told<'a> {
    fn read(payload: &'a [u8]) -> Result<Self, Unreadable> {
        let (mut input, mut time, mut own) = (payload, 0, Vec::new());
        let labels = form::histogram_labels(&mut input)?;
        let mut told = Self { series: Vec::new(), histograms: Vec::new() };
        while !input.is_empty() {
            own.clear();
            let count = form::histogram_series(&mut input, labels.len(), &mut own)?;
            let from = told.histograms.len();
            for _ in 0..count {
                let bytes = form::histogram(&mut input, &mut time)?;
                told.histograms.push((time, bytes));
            }
            let series = series_of(own.iter().map(|&at: &u32| labels[at as usize]));
            told.series.push((series, from..told.histograms.len()));
        }
        Ok(told)
    }
}

impl Ingest {
    /// Stores the histograms that a record tells, as rules and the tenant's limit have it.
    pub(crate) fn histograms(&mut self, record: &Record<'_>, payload: &[u8]) -> Result<(), Error> {
        let Ok(told) = Told::read(payload) else { return self.refuse(record) };
        let mut limit = Limit::default();
        let mut judge = self.admission.judge(record.tenant, None, &mut limit, record.received);
        let places: Vec<Option<Series>> =
            told.series.iter().map(|(sent, _)| judge.place_imported(sent, Kind::Distribution)).collect();
        // The store is asked without the lock on the accounts.
        drop(judge);
        let (mut stored, mut left_out) = (0, 0);
        for ((_, range), series) in told.series.iter().zip(places) {
            let Some(series) = series else {
                left_out += range.len();
                continue;
            };
            for (time, mut bytes) in told.histograms[range.clone()].iter().copied() {
                // One at a time: unpacked they may be a hundred times as large.
                let Some(histogram) = Histogram::decode(&mut bytes) else {
                    left_out += 1;
                    continue;
                };
                self.store.append_received(&series, Timestamp(time), &histogram)?;
                stored += 1;
            }
        }
        self.counters.samples.fetch_add(stored, Relaxed);
        self.counters.imported_left_out.fetch_add(left_out as u64, Relaxed);
        Ok(())
    }
}
