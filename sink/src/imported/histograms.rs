//! Histograms from elsewhere, with times of their own.

use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

use weir_queue::Record;
use weir_sample::{Histogram, Kind, Series, Timestamp};

use super::labels::series_of;
use super::places::{Key, key, share};
use super::reading::{self, Unreadable};
use super::running::{Counted, Difference, NANOS_IN_MILLI};
use crate::Error;
use crate::ingest::Ingest;
use crate::series::Limit;

/// The histograms of a record: for each series which, and the bytes and times of all.
struct Told<'a> {
    series: Vec<(Series, Key, Range<usize>)>,
    /// Until when each is, in milliseconds; of one of a stretch of time, since when and until when in nanoseconds.
    histograms: Vec<(When, &'a [u8])>,
}

#[derive(Clone, Copy)]
enum When {
    At(i64),
    Stretch(i64, i64),
}

impl<'a> Told<'a> {
    fn read(payload: &'a [u8], tenant: u32) -> Result<Self, Unreadable> {
        let of_windows = reading::has_windows(payload);
        let (mut input, mut time, mut own) = (payload, 0, Vec::new());
        let labels = reading::histogram_labels(&mut input)?;
        let shares: Vec<Key> = labels.iter().map(|text| share(text)).collect();
        let mut told = Self { series: Vec::new(), histograms: Vec::new() };
        while !input.is_empty() {
            own.clear();
            let count = reading::histogram_series(&mut input, labels.len(), &mut own)?;
            let from = told.histograms.len();
            for _ in 0..count {
                told.histograms.push(if of_windows {
                    let (since, bytes) = reading::window(&mut input, &mut time)?;
                    (When::Stretch(since, time), bytes)
                } else {
                    let bytes = reading::histogram(&mut input, &mut time)?;
                    (When::At(time), bytes)
                });
            }
            let sum = own.iter().fold(0, |sum: Key, &at: &u32| sum.wrapping_add(shares[at as usize]));
            let series = series_of(own.iter().map(|&at| labels[at as usize]));
            told.series.push((series, key(sum, tenant, Kind::Distribution), from..told.histograms.len()));
        }
        Ok(told)
    }
}

impl Ingest {
    /// Stores the histograms that a record tells, as rules and the tenant's limit have it.
    pub(crate) fn histograms(&mut self, record: &Record<'_>, payload: &[u8]) -> Result<(), Error> {
        let Ok(told) = Told::read(payload, record.tenant) else { return self.refuse(record) };
        let mut limit = Limit::default();
        let mut judge = self.admission.judge(record.tenant, None, &mut limit, record.received);
        let places: Vec<Option<Series>> =
            told.series.iter().map(|(sent, ..)| judge.place_imported(sent, Kind::Distribution)).collect();
        // The store is asked without the lock on the accounts.
        drop(judge);
        let (mut stored, mut left_out, mut counted_before) = (0, 0, 0);
        for ((_, key, range), series) in told.series.iter().zip(places) {
            let Some(series) = series else {
                left_out += range.len();
                continue;
            };
            for (when, mut bytes) in told.histograms[range.clone()].iter().copied() {
                // One at a time: unpacked they may be a hundred times as large.
                let Some(histogram) = Histogram::decode(&mut bytes) else {
                    left_out += 1;
                    continue;
                };
                let time = match when {
                    When::At(time) => time,
                    // A stretch of time is counted once, whatever it holds.
                    When::Stretch(since, time) => {
                        let stretch = Difference { time, since, by: 0.0 };
                        if self.importer.running.count(*key, stretch, record.received) == Counted::LeftOut {
                            counted_before += 1;
                            continue;
                        }
                        time / NANOS_IN_MILLI
                    }
                };
                self.store.append_received(&series, Timestamp(time), &histogram)?;
                stored += 1;
            }
        }
        self.counters.samples.fetch_add(stored, Relaxed);
        self.counters.differences_left_out.fetch_add(counted_before, Relaxed);
        self.counters.imported_left_out.fetch_add(left_out as u64, Relaxed);
        Ok(())
    }
}
