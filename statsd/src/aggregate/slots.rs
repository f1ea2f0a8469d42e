//! Series to cells: the slot that a spelling or a series feeds, within the limits, and where the others fold.

use weir_sample::{Kind, Series};

use super::cell::{Cell, Rules};
use super::cells::Cells;
use super::keys::Keys;
use super::limit::{Limit, Route, shared_overflow};
use super::naming::{Naming, OVERFLOW};
use super::telemetry::{Counts, Culprit};
use crate::config::AggregatorConfig;
use crate::line::{Metric, Reason, Tags, Type};

/// The cells of one aggregator, and the ways to them.
#[derive(Debug)]
pub(super) struct Slots {
    naming: Naming,
    limit: Limit,
    keys: Keys,
    cells: Cells,
}

struct Slot {
    at: u32,
    folded: bool,
}

/// A batch's datagram carries 1,200 bytes.
pub(super) const MAX_SERIES_BYTES: usize = 1_024;
const SPELLINGS_PER_SERIES: usize = 2;

impl Slots {
    pub(super) fn new(config: &AggregatorConfig) -> Self {
        Self { naming: Naming::new(config), limit: Limit::new(config), keys: Keys::new(), cells: Cells::new() }
    }

    /// Series held in memory.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    #[inline]
    pub(super) fn cell(&mut self, at: u32) -> &mut Cell {
        self.cells.cell(at)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Series, &mut Cell)> {
        self.cells.iter_mut()
    }

    #[inline]
    pub(super) fn hash(&self, metric: &Metric<'_>) -> u64 {
        self.keys.hash(metric)
    }

    /// The slot of a spelling that is known.
    #[inline]
    pub(super) fn find(&self, hash: u64, metric: &Metric<'_>) -> Option<u32> {
        self.keys.find(hash, metric)
    }

    /// Finds or makes the slot of a spelling that was not known when its datagram came.
    #[cold]
    pub(super) fn resolve(&mut self, hash: u64, metric: &Metric<'_>, counts: &mut Counts) -> Result<u32, Reason> {
        // An earlier line of the same datagram may have been the first.
        if let Some(at) = self.keys.find(hash, metric) {
            return Ok(at);
        }
        let slot = self.slot(self.naming.series(metric), kind_of(metric.kind), counts)?;
        // Folded spellings are not remembered: there is no end to them.
        if !slot.folded && self.keys.len() < self.max_keys() {
            self.keys.insert(hash, metric, slot.at);
        }
        Ok(slot.at)
    }

    /// Adds one to the counter `name`, with these labels beside the tags.
    pub(super) fn count_one(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        tags: Tags<'_>,
        counts: &mut Counts,
    ) -> Result<(), Reason> {
        let slot = self.slot(self.naming.counted(name, labels, tags), Kind::Counter, counts)?;
        self.cells.cell(slot.at).count(1.0);
        Ok(())
    }

    /// Sets the gauge `name`, with these labels beside the tags, to what was heard in that Unix second.
    pub(super) fn set_one(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        tags: Tags<'_>,
        (value, now): (f64, u32),
        counts: &mut Counts,
    ) -> Result<(), Reason> {
        let slot = self.slot(self.naming.counted(name, labels, tags), Kind::Gauge, counts)?;
        self.cells.cell(slot.at).set(value, now);
        Ok(())
    }

    /// Ends the window for the limits: the metrics that folded, the worst first.
    pub(super) fn culprits(&mut self) -> Vec<Culprit> {
        self.limit.culprits()
    }

    /// Frees what was idle for too long.
    pub(super) fn expire(&mut self, rules: &Rules, counts: &mut Counts) {
        let limit = &mut self.limit;
        let expired = self.cells.expire(rules, |series| match series.label(OVERFLOW) {
            Some(_) => limit.leave_overflow(),
            None => limit.leave(series.name()),
        });
        counts.expired += expired as u64;
        if self.keys.len() >= self.max_keys() {
            // Dropped tags can spell one series in endless ways; those in use are soon resolved again.
            self.keys.retain(|_| false);
        } else if expired > 0 {
            self.keys.retain(|at| self.cells.is_held(at));
        }
    }

    fn slot(&mut self, series: Series, kind: Kind, counts: &mut Counts) -> Result<Slot, Reason> {
        if series.key().len() > MAX_SERIES_BYTES {
            return Err(Reason::TooLong);
        }
        if let Some(at) = self.held(&series, kind)? {
            return Ok(Slot { at, folded: false });
        }
        if !self.limit.enter(series.name()) {
            let at = self.fold(&series, kind, counts)?;
            return Ok(Slot { at, folded: true });
        }
        Ok(Slot { at: self.insert(series, kind, counts), folded: false })
    }

    fn insert(&mut self, series: Series, kind: Kind, counts: &mut Counts) -> u32 {
        counts.new_series += 1;
        self.cells.insert(series, kind)
    }

    /// The slot of what the limits do not hold apart. A flood comes through here line by line, so the slot is looked for
    /// once per window.
    fn fold(&mut self, series: &Series, kind: Kind, counts: &mut Counts) -> Result<u32, Reason> {
        counts.folded += 1;
        let route = Route::new(kind, self.naming.is_own(series));
        if let Some(at) = self.limit.fold(series.name(), route) {
            return Ok(at);
        }
        let at = self.overflow_slot(series, kind, counts)?;
        self.limit.remember(series.name(), route, at);
        Ok(at)
    }

    /// The slot of the metric's overflow series, or of the one that metrics share once too many have their own.
    fn overflow_slot(&mut self, series: &Series, kind: Kind, counts: &mut Counts) -> Result<u32, Reason> {
        let own = self.naming.overflow(series.name(), series);
        if let Some(at) = self.held(&own, kind)? {
            return Ok(at);
        }
        let overflow = match self.limit.has_overflow_room() {
            true => own,
            false => self.naming.overflow(shared_overflow(kind), series),
        };
        if let Some(at) = self.held(&overflow, kind)? {
            return Ok(at);
        }
        self.limit.enter_overflow();
        Ok(self.insert(overflow, kind, counts))
    }

    /// The slot of a series that is held as the same kind.
    fn held(&mut self, series: &Series, kind: Kind) -> Result<Option<u32>, Reason> {
        match self.cells.find(series) {
            Some(at) if self.cells.cell(at).kind() != Some(kind) => Err(Reason::TypeConflict),
            found => Ok(found),
        }
    }

    /// Spellings remembered.
    #[cfg(test)]
    pub(super) fn spellings(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn max_keys(&self) -> usize {
        SPELLINGS_PER_SERIES * self.limit.max_series() + 1_024
    }
}

fn kind_of(kind: Type) -> Kind {
    match kind {
        Type::Counter => Kind::Counter,
        Type::Gauge => Kind::Gauge,
        Type::Timer | Type::Distribution => Kind::Distribution,
        Type::Set => Kind::Set,
    }
}
