//! Single samples come in, at times of their own: a series is resolved to its place once, and every sample then goes
//! there, many under one lock.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use weir_sample::{Histogram, Kind, Series, Timestamp};

use crate::Error;
use crate::head::group::Appended;
use crate::head::placing::{Place, Placed};
use crate::head::shard::{Shard, place_of, shard_of};
use crate::store::{Inner, Store};
use crate::write::append::{MOST_LATE, MOST_LATE_OF_SHARD};

/// Agents under which series that no agent brings are kept: no agent id begins with so many ones.
const IMPORTS: u128 = !0 << 64;

/// The agent under which such a series is kept: samples of one target mostly have their times in common.
fn importer_of(series: &Series) -> u128 {
    let target = series.label("instance").or_else(|| series.label("host")).unwrap_or_default();
    IMPORTS | u128::from(xxhash_rust::xxh3::xxh3_64(target.as_bytes()))
}

impl Store {
    /// Resolves series that bring samples with times of their own, those of a target together.
    pub fn places(&self, series: &[(Series, Kind)]) -> Vec<Place> {
        let mut by_importer: Vec<_> = series.iter().map(|(series, _)| importer_of(series)).zip(0..).collect();
        by_importer.sort_unstable();
        let _gate = self.inner.gate.read();
        let mut places = Vec::with_capacity(series.len());
        for same in by_importer.chunk_by(|a, b| a.0 == b.0) {
            let columns: Vec<_> = same.iter().map(|&(_, at)| series[at].clone()).collect();
            let found = self.inner.resolve(same[0].0, &columns);
            places.extend(same.iter().map(|&(_, at)| at).zip(found));
        }
        places.sort_unstable_by_key(|&(at, _): &(usize, Place)| at);
        places.into_iter().map(|(_, place)| place).collect()
    }

    /// Stores samples as they are, at any time within retention; of two of one series and time the later one stands.
    /// Those whose place no longer stands are left in `samples`: their series must be resolved again.
    ///
    /// # Errors
    /// [`Error::Refusing`] after a failed write, or what the file system says.
    pub fn append_samples(&self, samples: &mut Vec<Placed>) -> Result<Appended, Error> {
        samples.sort_by_key(|sample| (place_of(sample.place.group), sample.time));
        let (mut done, mut stale, mut newest) = (Appended::default(), Vec::new(), i64::MIN);
        let _gate = self.inner.admit()?;
        for of_shard in samples.chunk_by(|a, b| place_of(a.place.group).0 == place_of(b.place.group).0) {
            let number = place_of(of_shard[0].place.group).0;
            let mut shard = self.inner.shard_to_write(number);
            let due = shard.set_all(of_shard, &mut done, &mut stale);
            self.inner.versions.touch_each(number, of_shard.iter().map(|sample| sample.time));
            if due {
                self.inner.seal_turn(&mut shard)?;
            }
            newest = of_shard.iter().fold(newest, |newest, sample| newest.max(sample.time));
            for of_group in of_shard.chunk_by(|a, b| a.place.group == b.place.group) {
                let [first, last] = [of_group.first(), of_group.last()].map(|sample| sample.map_or(0, |at| at.time));
                self.inner.followers.note(of_group[0].place.group, first, last);
            }
        }
        *samples = stale;
        self.inner.watermark.fetch_max(newest, Relaxed);
        self.inner.counters.count(&done);
        Ok(done)
    }

    /// Stores one sample of a series that is not kept track of. See [`Store::append_samples`].
    ///
    /// # Errors
    /// As [`Store::append_samples`].
    pub fn append_sample(&self, series: &Series, kind: Kind, ts: Timestamp, value: f64) -> Result<Appended, Error> {
        let series = [(series.clone(), kind)];
        loop {
            let placed = |place| Placed { place, series: 0, time: ts.millis(), value };
            let mut samples: Vec<_> = self.places(&series).into_iter().map(placed).collect();
            let done = self.append_samples(&mut samples)?;
            if samples.is_empty() {
                return Ok(done);
            }
        }
    }
}

impl Store {
    /// Stores a histogram that came from elsewhere, at any time within retention; of two of one series and time the later one
    /// stands.
    ///
    /// # Errors
    /// As [`Store::append_samples`].
    pub fn append_received(&self, series: &Series, ts: Timestamp, histogram: &Histogram) -> Result<(), Error> {
        let (importer, column) = (importer_of(series), [(series.clone(), Kind::Distribution)]);
        loop {
            let rows = self.rows(importer, &column);
            // A row without a number says that its time has come.
            let row = self.append(&rows, ts, Duration::ZERO, &[f64::NAN]);
            match row.and_then(|_| self.append_histogram(&rows, 0, ts, histogram)) {
                Err(Error::StaleRows) => {}
                outcome => return outcome,
            }
        }
    }
}

impl Inner {
    /// The places of an agent's columns; new ones are made.
    pub(crate) fn resolve(&self, agent: u128, columns: &[(Series, Kind)]) -> Vec<Place> {
        let mut shard = self.shard_to_write(shard_of(agent));
        let homes = shard.resolve(&mut self.index.write(), agent, columns);
        let generation = |slot: u32| shard.group(slot as usize).map_or(0, |group| group.generation);
        let place = |(slot, column)| Place { group: shard.id(slot), generation: generation(slot), column };
        homes.into_iter().map(place).collect()
    }
}

impl Shard {
    /// Stores samples in order of group and time. Whether it is a turn to seal.
    fn set_all(&mut self, samples: &[Placed], done: &mut Appended, stale: &mut Vec<Placed>) -> bool {
        let (mut due, seal_at) = (false, self.seal_at as usize);
        for of_group in samples.chunk_by(|a, b| a.place.group == b.place.group) {
            let slot = place_of(of_group[0].place.group).1;
            let Some(group) = self.groups.get_mut(slot).and_then(Option::as_mut) else {
                stale.extend_from_slice(of_group);
                continue;
            };
            let (generation, late) = (group.generation, group.late.len());
            if of_group.iter().all(|sample| sample.place.generation == generation) {
                group.set_all(of_group, done);
            } else {
                let (current, gone): (Vec<_>, Vec<_>) =
                    of_group.iter().partition(|sample| sample.place.generation == generation);
                group.set_all(&current, done);
                stale.extend(gone);
            }
            due |= group.open_rows() >= seal_at || group.late.len() >= MOST_LATE;
            self.late += group.late.len() - late;
        }
        due || self.late >= MOST_LATE_OF_SHARD
    }
}
