//! Puts what a look brought into a record.

use std::sync::LazyLock;

use weir_sample::{Kind, Parts, ResetHint, STALE, Series, Timestamp};
use weir_sink::{Labels, Pair, Scrape, ScrapeWriter};

use super::page::{Amount, Found, bytes_of};

/// A record that is being written.
#[derive(Default)]
pub(super) struct Writing<'s> {
    labels: Labels<'s>,
    writer: ScrapeWriter,
    own: Vec<Pair>,
}

/// What ends a series of histograms: one that says nothing else.
static ENDED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (zero, count, zero_threshold) = (0.0, 0.0, 0.0);
    let (positive, negative, bounds, hint) = (Vec::new(), Vec::new(), Vec::new(), ResetHint::Unknown);
    let parts = Parts { scale: 0, hint, zero_threshold, zero, count, sum: STALE, positive, negative, bounds };
    bytes_of(&parts.histogram().unwrap_or_default())
});

impl<'s> Writing<'s> {
    /// Adds a sample.
    ///
    /// # Errors
    /// Its series cannot be stored, in words.
    pub(super) fn sample(
        &mut self,
        series: &'s Series,
        kind: Kind,
        time: Timestamp,
        amount: &Amount,
    ) -> Result<(), String> {
        match amount {
            Amount::Number(value) => self.number(series, kind, time, *value),
            Amount::Histogram(bytes) => self.histogram(series, time, bytes.clone()),
        }
    }

    /// Ends a series.
    ///
    /// # Errors
    /// As of a sample.
    pub(super) fn end(&mut self, series: &'s Series, kind: Kind, time: Timestamp) -> Result<(), String> {
        match kind {
            Kind::Distribution => self.histogram(series, time, ENDED.clone()),
            _ => self.number(series, kind, time, STALE),
        }
    }

    /// Adds what a look says of itself.
    ///
    /// # Errors
    /// As of a sample.
    pub(super) fn all_own(&mut self, own: &'s [(Series, f64)], time: Timestamp) -> Result<(), String> {
        own.iter().try_for_each(|(series, value)| self.number(series, Kind::Gauge, time, *value))
    }

    fn number(&mut self, series: &'s Series, kind: Kind, time: Timestamp, value: f64) -> Result<(), String> {
        self.find(series, kind)?;
        self.writer.push(&self.labels, &self.own, kind, (time.millis(), value));
        Ok(())
    }

    fn histogram(&mut self, series: &'s Series, time: Timestamp, bytes: Vec<u8>) -> Result<(), String> {
        self.find(series, Kind::Distribution)?;
        self.writer.push_histogram(&self.labels, &self.own, (time.millis(), bytes));
        Ok(())
    }

    /// Adds the exemplars of a sample that is there.
    pub(super) fn exemplars(&mut self, found: &'s Found, time: Timestamp) {
        let its = found.time.unwrap_or(time).millis();
        for (at, bytes) in &found.exemplars {
            if self.find(&found.series, found.kind).is_ok() {
                self.writer.push_exemplar(&self.labels, &self.own, (at.unwrap_or(its), bytes.clone()));
            }
        }
    }

    /// The record's payload.
    ///
    /// # Errors
    /// It is larger than a queue takes, in words.
    pub(super) fn finish(self, scrape: Scrape) -> Result<Vec<u8>, String> {
        self.writer.finish(scrape).map_err(|error| error.to_string())
    }

    fn find(&mut self, series: &'s Series, kind: Kind) -> Result<(), String> {
        let pairs = pairs(&mut self.labels, series, kind);
        let odd = |odd| format!("{} cannot be stored: {odd:?}", series.name());
        self.labels.series(&pairs, &mut self.own).map(drop).map_err(odd)
    }
}

/// A series' labels, each told once in a record.
fn pairs<'s>(labels: &mut Labels<'s>, series: &'s Series, kind: Kind) -> Vec<Pair> {
    let known = |labels: &mut Labels<'s>, part: &'s str| {
        labels.find(part.as_bytes()).unwrap_or_else(|| match part.split_once('\u{2}') {
            Some((name, value)) => labels.label(part.as_bytes(), name, value),
            None => labels.metric(part.as_bytes(), part, kind),
        })
    };
    series.key().split('\u{1}').map(|part| known(labels, part)).collect()
}
