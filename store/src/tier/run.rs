//! Samples of one series, of one kind: read from pages, laid over one another, written to pages.

use weir_sample::Kind;

use super::overlay::overlay;
use crate::Column;
use crate::bytes::Input;
use crate::codec::{frame, histogram};
use crate::disk::page::{Entry, Page};
use crate::error::Damaged;

/// Samples of one series, of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub times: Vec<i64>,
    pub values: Column,
}

/// Reads one series of a page.
pub(crate) fn decode(page: &Page, entry: &Entry) -> Result<Run, Damaged> {
    decode_within(page, entry, i64::MIN, i64::MAX)
}

/// Reads the samples of one series of a page from `start` to `end`, both included.
pub(crate) fn decode_within(page: &Page, entry: &Entry, start: i64, end: i64) -> Result<Run, Damaged> {
    let mut run = Run::empty(entry.kind);
    run.lay_page(page, entry, start, end)?;
    Ok(run)
}

impl Run {
    pub(crate) const fn empty(kind: Kind) -> Self {
        let values = match kind {
            Kind::Distribution => Column::Histograms(Vec::new()),
            Kind::Counter | Kind::Gauge | Kind::Set => Column::Floats(Vec::new()),
        };
        Self { times: Vec::new(), values }
    }

    /// As [`Run::empty`], with room for so many floats.
    pub(crate) fn with_room(kind: Kind, samples: usize) -> Self {
        let mut run = Self::empty(kind);
        if let Column::Floats(values) = &mut run.values {
            values.reserve(samples);
            run.times.reserve(samples);
        }
        run
    }

    /// Lays the samples of one series of a page from `start` to `end`, both included, over.
    pub(crate) fn lay_page(&mut self, page: &Page, entry: &Entry, start: i64, end: i64) -> Result<(), Damaged> {
        let times = page.times(entry)?;
        let from = times.partition_point(|&time| time < start);
        let wanted = from..times.partition_point(|&time| time <= end).max(from);
        let mut input = Input(page.content(entry));
        if entry.kind == Kind::Distribution {
            let histograms = histogram::decode_some(&mut input, wanted.clone())?;
            self.lay(Run { times: times[wanted].to_vec(), values: Column::Histograms(histograms) });
            return Ok(());
        }
        match &mut self.values {
            Column::Floats(values) if self.times.last() < times[wanted.clone()].first() => {
                let before = values.len();
                let decoded = frame::decode_some(&mut input, times.len(), wanted.clone(), values);
                decoded.inspect_err(|_| values.truncate(before))?;
                self.times.extend_from_slice(&times[wanted]);
            }
            _ => {
                let mut values = Vec::with_capacity(wanted.len());
                frame::decode_some(&mut input, times.len(), wanted.clone(), &mut values)?;
                self.lay(Run { times: times[wanted].to_vec(), values: Column::Floats(values) });
            }
        }
        Ok(())
    }

    /// Appends the values.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match &self.values {
            Column::Floats(values) => frame::encode_all(out, values),
            Column::Histograms(histograms) => histogram::encode_all(out, histograms),
        }
    }

    /// Only the samples from `start` to `end`, both included.
    pub(crate) fn within(mut self, start: i64, end: i64) -> Self {
        let (from, to) =
            (self.times.partition_point(|&time| time < start), self.times.partition_point(|&time| time <= end));
        if from > 0 || to < self.times.len() {
            self.times = self.times[from..to].to_vec();
            self.values = match self.values {
                Column::Floats(values) => Column::Floats(values[from..to].to_vec()),
                Column::Histograms(values) => Column::Histograms(values[from..to].to_vec()),
            };
        }
        self
    }

    /// Lays later arrivals over: floats of the same time replace, windows of the same time merge.
    pub(crate) fn lay(&mut self, over: Run) {
        match (&mut self.values, over.values) {
            (Column::Floats(values), Column::Floats(new)) => {
                lay(&mut self.times, values, over.times, new, |old, new| *old = new);
            }
            (Column::Histograms(values), Column::Histograms(new)) => {
                lay(&mut self.times, values, over.times, new, |old, new| old.lay(&new));
            }
            (values, new) => (self.times, *values) = (over.times, new),
        }
    }
}

fn lay<V>(times: &mut Vec<i64>, values: &mut Vec<V>, new_times: Vec<i64>, new: Vec<V>, join: impl FnMut(&mut V, V)) {
    let follows = times.last().zip(new_times.first()).is_none_or(|(last, first)| last < first);
    if times.is_empty() {
        (*times, *values) = (new_times, new);
    } else if follows {
        times.extend(new_times);
        values.extend(new);
    } else {
        overlay(times, values, new_times.into_iter().zip(new).collect(), join);
    }
}
