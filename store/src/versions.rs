//! Whether an answer of before would be the same now: counters by time that rise with whatever changes what a query reads
//! there. A result that was read while they stood as they do now needs no second look.
//!
//! A writer raises them once its samples can be read and before it returns; a reader notes them before it reads. What a
//! reader missed has therefore raised what it noted.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Shards that share counters. Writers of different shards seldom meet at one, and a reader adds up no more than these.
const STRIPES: usize = 16;

/// Time that a counter is about: what a writer of the newest samples makes doubtful is less than two of it.
const LEAST_WIDTH: i64 = 60_000;

/// Counters of a stripe: eleven days of minutes, in 2 MiB for all. Times further apart share them, which costs an
/// evaluation and no more.
const WINDOWS: usize = 1 << 14;

/// The counters of a store.
#[derive(Debug)]
pub(crate) struct Versions {
    /// Tells this opening of a store from every other: nothing is known of what others noted.
    epoch: u64,
    width: i64,
    /// By stripe, then by window modulo [`WINDOWS`].
    cells: Box<[AtomicU64]>,
    /// Rises with what may change an answer at any time.
    whole: AtomicU64,
}

/// How the counters stood at one moment, for a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Must be the same for two stamps to be compared: the opening, and what has changed for all times.
    of: (u64, u64),
    width: i64,
    first: i64,
    cells: Vec<u64>,
}

impl Versions {
    /// Counters for a store that keeps samples as they came for so long.
    pub(crate) fn new(kept: Duration) -> Self {
        let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        let mut width = LEAST_WIDTH;
        while kept / width > WINDOWS as i64 {
            width *= 2;
        }
        let cells = (0..STRIPES * WINDOWS).map(|_| AtomicU64::new(0)).collect();
        Self { epoch: RandomState::new().build_hasher().finish(), width, cells, whole: AtomicU64::new(0) }
    }

    /// Something at an instant has changed in a shard.
    #[inline]
    pub(crate) fn touch(&self, shard: usize, time: i64) {
        let window = time.div_euclid(self.width) as usize % WINDOWS;
        self.cells[shard % STRIPES * WINDOWS + window].fetch_add(1, Relaxed);
    }

    /// As [`Versions::touch`], for many samples of one shard of which neighbours are mostly of one window.
    pub(crate) fn touch_each(&self, shard: usize, times: impl Iterator<Item = i64>) {
        let mut last = None;
        for time in times {
            let window = time.div_euclid(self.width);
            if last.replace(window) != Some(window) {
                self.touch(shard, time);
            }
        }
    }

    /// Something from one instant to another, both included, has changed.
    pub(crate) fn touch_span(&self, start: i64, end: i64) {
        let (first, last) = (start.div_euclid(self.width), end.div_euclid(self.width));
        if last.saturating_sub(first) >= WINDOWS as i64 {
            return self.touch_whole();
        }
        (first..=last).for_each(|window| self.touch(0, window * self.width));
    }

    /// Something has changed, and it is not said when.
    pub(crate) fn touch_whole(&self) {
        self.whole.fetch_add(1, Relaxed);
    }

    /// How the counters stand, from one instant to another, beside the damage that was found so far.
    pub(crate) fn stamp(&self, start: i64, end: i64, damage: u64) -> Option<Stamp> {
        let (first, last) = (start.div_euclid(self.width), end.div_euclid(self.width));
        let count = last.checked_sub(first).filter(|count| (0..WINDOWS as i64).contains(count))? as usize + 1;
        let at = first.rem_euclid(WINDOWS as i64) as usize;
        let of = (self.epoch, self.whole.load(Relaxed) + damage);
        let mut cells = vec![0_u64; count];
        for stripe in self.cells.chunks_exact(WINDOWS) {
            let (early, late) = stripe.split_at(at);
            // Each counter only rises, so their sum stands only while all do.
            for (sum, cell) in cells.iter_mut().zip(late.iter().chain(early)) {
                *sum += cell.load(Relaxed);
            }
        }
        Some(Stamp { of, width: self.width, first, cells })
    }
}

impl Stamp {
    /// Length of the windows that are told apart, in milliseconds.
    pub fn width(&self) -> i64 {
        self.width
    }

    /// The window of an instant, counted from 1970.
    pub fn window_of(&self, time: i64) -> i64 {
        time.div_euclid(self.width)
    }

    /// Whether a window stands as it did at another stamp; what one of them does not have does not.
    pub fn stands(&self, other: &Self, window: i64) -> bool {
        let cell = |stamp: &Self| stamp.cells.get(usize::try_from(window.checked_sub(stamp.first)?).ok()?).copied();
        self.of == other.of && self.width == other.width && cell(self).is_some_and(|own| cell(other) == Some(own))
    }

    /// Bytes that it takes.
    pub fn heap_bytes(&self) -> usize {
        self.cells.len() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(versions: &Versions, before: &Stamp, time: i64) -> bool {
        let now = versions.stamp(0, 3_600_000, 0).unwrap();
        now.stands(before, now.window_of(time))
    }

    #[test]
    fn a_window_stands_until_it_is_touched() {
        let versions = Versions::new(Duration::from_secs(7 * 86_400));
        let before = versions.stamp(0, 3_600_000, 0).unwrap();
        versions.touch(200, 119_999);
        versions.touch_each(3, [240_000, 240_001, 300_000].into_iter());
        let touched: Vec<i64> = (0..10).filter(|minute| !stands(&versions, &before, minute * 60_000)).collect();
        assert_eq!(touched, [1, 4, 5]);
        versions.touch_span(360_000, 479_999);
        let touched: Vec<i64> = (0..10).filter(|minute| !stands(&versions, &before, minute * 60_000)).collect();
        assert_eq!(touched, [1, 4, 5, 6, 7]);
        assert!(!stands(&versions, &before, 3_660_000), "what a stamp does not have does not stand");
        versions.touch_whole();
        assert!(!stands(&versions, &before, 0));
    }

    #[test]
    fn two_openings_have_nothing_in_common() {
        let stamp = || Versions::new(Duration::ZERO).stamp(0, 60_000, 0).unwrap();
        let (one, other) = (stamp(), stamp());
        assert!(one.stands(&one, 0) && !one.stands(&other, 0));
    }

    #[test]
    fn long_retention_has_wide_windows_and_long_spans_have_no_stamp() {
        let versions = Versions::new(Duration::from_secs(30 * 86_400));
        assert_eq!(versions.width, 240_000);
        assert!(versions.stamp(0, 30 * 86_400_000, 0).is_some());
        assert!(versions.stamp(0, 120 * 86_400_000, 0).is_none());
        assert!(versions.stamp(i64::MIN, i64::MAX, 0).is_none());
        let before = versions.stamp(0, 0, 0).unwrap();
        versions.touch_span(i64::MIN, i64::MAX);
        assert!(!versions.stamp(0, 0, 0).unwrap().stands(&before, 0));
    }
}
