//! Rows come in: each goes to the groups of its columns, and a shard whose turn has come is sealed on the way.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use weir_sample::{Histogram, Kind, Series, Timestamp, Total};

use crate::error::Damaged;
use crate::head::group::{Appended, Group};
use crate::head::seal::Extent;
use crate::head::shard::{Shard, place_of};
use crate::index::GroupId;
use crate::locks::Shared;
use crate::store::{Inner, Store};
use crate::{Error, Rows};

/// Late samples of a group after which it is sealed out of turn, so that imports do not pile up in memory.
pub(crate) const MOST_LATE: usize = 4096;

/// The same of a shard: 256 shards take at most 200 MB of memory for them.
pub(crate) const MOST_LATE_OF_SHARD: usize = 32_768;

/// Samples after which a turn of sealing ends, so that its writer waits some 50 ms. The next row goes on with the rest.
const SEALED_AT_ONCE: usize = 800_000;

impl Store {
    /// Resolves the columns of a layout once. `agent` groups what one agent writes: its rows share their timestamps.
    pub fn rows(&self, agent: u128, columns: &[(Series, Kind)]) -> Rows {
        // A sender that owns no series leaves no trace.
        if columns.is_empty() {
            return Rows::new(&[]);
        }
        let _gate = self.inner.gate.read();
        // A set has no form here; what is kept of it is the gauge of its estimate.
        let stored = |kind: Kind| if kind == Kind::Set { Kind::Gauge } else { kind };
        let sets = columns.iter().any(|(_, kind)| *kind == Kind::Set);
        if sets {
            let columns: Vec<_> = columns.iter().map(|(series, kind)| (series.clone(), stored(*kind))).collect();
            return Rows::new(&self.inner.resolve(agent, &columns));
        }
        Rows::new(&self.inner.resolve(agent, columns))
    }

    /// Whether these rows may still be appended to. They may not after series of their groups were forgotten.
    pub fn is_current(&self, rows: &Rows) -> bool {
        rows.parts.iter().all(|part| {
            let (number, slot) = place_of(part.group);
            self.inner.shard(number).group(slot).is_some_and(|group| group.generation == part.generation)
        })
    }

    /// Writes one row: a delta for each counter, a value for each gauge. NaN says that the column is absent.
    ///
    /// # Errors
    /// [`Error::Refusing`] after a failed write, [`Error::StaleRows`] if the columns must be resolved again,
    /// [`Error::Width`] if there are not as many values as columns.
    pub fn append(&self, rows: &Rows, ts: Timestamp, interval: Duration, floats: &[f64]) -> Result<Appended, Error> {
        if floats.len() != rows.width() {
            return Err(Error::Width { expected: rows.width(), found: floats.len() });
        }
        let zero = Total::zero_before(ts, interval).millis();
        let mut done = Appended::default();
        let _gate = self.inner.admit()?;
        // Nothing of a row is written if not all of it can be: the caller writes the whole of it again.
        if rows.parts.len() > 1 && !self.is_current(rows) {
            return Err(Error::StaleRows);
        }
        for part in rows.parts.iter() {
            self.inner.with_group(part.group, part.generation, (ts.millis(), zero), |group| {
                let before = group.known;
                let appended = group.append(ts.millis(), zero, &part.spans, floats);
                done.add(appended);
                // New counters have a zero before, and late deltas change newer totals.
                let first = if group.known == before { ts.millis() } else { zero.min(ts.millis()) };
                let last = if appended.late_deltas > 0 { group.newest } else { ts.millis() };
                self.inner.followers.note(part.group, first, last);
            })?;
        }
        self.inner.watermark.fetch_max(ts.millis(), Relaxed);
        self.inner.counters.count(&done);
        Ok(done)
    }

    /// Writes one histogram of a row; a second one of the same time is merged into the first.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn append_histogram(
        &self,
        rows: &Rows,
        column: usize,
        ts: Timestamp,
        histogram: &Histogram,
    ) -> Result<(), Error> {
        let (part, column) = rows.find(column).ok_or(Error::Width { expected: rows.width(), found: column + 1 })?;
        let _gate = self.inner.admit()?;
        let mut outcome = Ok(());
        self.inner.with_group(part.group, part.generation, (ts.millis(), ts.millis()), |group| {
            outcome = group.append_histogram(column, ts.millis(), histogram);
            self.inner.followers.note(part.group, ts.millis(), ts.millis());
        })?;
        outcome.map_err(|Damaged(what)| Error::Damaged { path: "head".into(), what })?;
        self.inner.watermark.fetch_max(ts.millis(), Relaxed);
        self.inner.counters.histograms.fetch_add(1, Relaxed);
        Ok(())
    }
}

impl Inner {
    /// Lets a write in, unless an earlier one failed.
    pub(crate) fn admit(&self) -> Result<Shared<'_, ()>, Error> {
        self.refusal.check()?;
        Ok(self.gate.read())
    }

    /// Lends a group out for a write at a time, and at the zero that counters begin with; seals its shard if its turn has
    /// come.
    fn with_group(
        &self,
        group: GroupId,
        generation: u32,
        (time, zero): (i64, i64),
        write: impl FnOnce(&mut Group),
    ) -> Result<(), Error> {
        let (number, slot) = place_of(group);
        let mut shard = self.shard_to_write(number);
        let seal_at = shard.seal_at as usize;
        let group = shard.group_mut(slot).filter(|group| group.generation == generation).ok_or(Error::StaleRows)?;
        let (newest, known) = (group.newest, group.known);
        write(group);
        self.versions.touch(number, time);
        if group.known != known {
            self.versions.touch(number, zero);
        }
        if time <= newest {
            // A late delta is added to a sample that stands already: in one of the open rows, or at the newest time.
            let changed = group.rows.iter().map(|row| row.time).chain([group.newest]);
            self.versions.touch_each(number, changed);
        }
        if group.open_rows() >= seal_at || group.late.len() >= MOST_LATE {
            return self.seal_turn(&mut shard);
        }
        Ok(())
    }

    /// Seals the groups of a shard that are at least half full, so that neighbours of a fast group are left alone.
    pub(crate) fn seal_turn(&self, shard: &mut Shard) -> Result<(), Error> {
        let (half, mut samples) = (shard.seal_at as usize / 2, 0);
        // Of a shard with many late samples those groups that have their share of them.
        let full = shard.late >= MOST_LATE_OF_SHARD;
        let late = if full { (shard.late / shard.groups.len()).clamp(1, MOST_LATE / 2) } else { MOST_LATE / 2 };
        self.seal(shard, |group| {
            let due = group.open_rows() > half || group.late.len() >= late;
            if due && samples < SEALED_AT_ONCE {
                samples += group.open_rows() * group.width() + group.late.len();
                return Some(Extent::ButNewest);
            }
            None
        })?;
        if samples < SEALED_AT_ONCE {
            shard.seal_at = self.config.chunk_rows;
        }
        Ok(())
    }

    pub(crate) fn seal(&self, shard: &mut Shard, extent: impl FnMut(&Group) -> Option<Extent>) -> Result<(), Error> {
        let sealed = shard
            .seal(&self.index(), &mut self.slab_files(), extent)
            .inspect_err(|error| self.refusal.refuse(error))?;
        self.counters.chunks_sealed.fetch_add(sealed, Relaxed);
        Ok(())
    }
}
