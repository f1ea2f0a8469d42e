//! The open histograms of one series: the newest as it is, for more of its window may come; the others coded.

use weir_sample::Histogram;

use crate::bytes::Input;
use crate::codec::histogram;
use crate::error::Damaged;

/// Histograms of one column that are not sealed.
#[derive(Debug, Default)]
pub(crate) struct OpenHistograms {
    /// In rising order of time; none is as new as `newest`.
    coded: Vec<(i64, Box<[u8]>)>,
    newest: Option<(i64, Histogram)>,
}

impl OpenHistograms {
    /// Adds a histogram; of one time windows are merged, and what counts on is replaced.
    pub(crate) fn add(&mut self, time: i64, histogram: &Histogram) -> Result<(), Damaged> {
        match &mut self.newest {
            Some((newest, open)) if *newest == time => open.lay(histogram),
            Some((newest, _)) if *newest > time => return self.add_late(time, histogram),
            newest => {
                if let Some((time, done)) = newest.replace((time, histogram.clone())) {
                    self.coded.push((time, code(&done)));
                }
            }
        }
        Ok(())
    }

    fn add_late(&mut self, time: i64, late: &Histogram) -> Result<(), Damaged> {
        match self.coded.binary_search_by_key(&time, |&(time, _)| time) {
            Ok(at) => {
                let mut merged = histogram::decode(&mut Input(&self.coded[at].1))?;
                merged.lay(late);
                self.coded[at].1 = code(&merged);
            }
            Err(at) => self.coded.insert(at, (time, code(late))),
        }
        Ok(())
    }

    /// Appends the histograms from `start` to `end`, both included.
    pub(crate) fn read(&self, start: i64, end: i64, out: &mut Vec<(i64, Histogram)>) -> Result<(), Damaged> {
        for (time, coded) in self.coded.iter().filter(|(time, _)| (start..=end).contains(time)) {
            out.push((*time, histogram::decode(&mut Input(coded))?));
        }
        out.extend(self.newest.iter().filter(|(time, _)| (start..=end).contains(time)).cloned());
        Ok(())
    }

    /// All histograms coded, in rising order of time, the newest only if asked for.
    pub(crate) fn coded(&self, newest_too: bool) -> Vec<(i64, Box<[u8]>)> {
        let newest = self.newest.iter().filter(|_| newest_too).map(|(time, histogram)| (*time, code(histogram)));
        self.coded.iter().cloned().chain(newest).collect()
    }

    /// Forgets all but the newest, or all.
    pub(crate) fn clear(&mut self, newest_too: bool) {
        self.coded = Vec::new();
        if newest_too {
            self.newest = None;
        }
    }

    /// Restores what [`OpenHistograms::coded`] gave.
    pub(crate) fn restore(coded: Vec<(i64, Box<[u8]>)>, newest: Option<(i64, Histogram)>) -> Self {
        Self { coded, newest }
    }

    pub(crate) fn oldest(&self) -> Option<i64> {
        self.coded.first().map(|&(time, _)| time).or_else(|| self.newest.as_ref().map(|&(time, _)| time))
    }

    pub(crate) fn newest(&self) -> Option<&(i64, Histogram)> {
        self.newest.as_ref()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.coded.is_empty() && self.newest.is_none()
    }
}

fn code(histogram: &Histogram) -> Box<[u8]> {
    let mut out = Vec::new();
    histogram::encode(&mut out, histogram);
    out.into()
}
