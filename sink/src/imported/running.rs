//! Running totals of series that are sent as differences: each stretch of time is counted once, however often and in whatever order
//! it comes.
//!
//! A series' differences say from when until when they are, and those of one sender never overlap. What was counted is kept as
//! stretches, neighbours joined, so that a sender without gaps costs one. What overlaps any of them was counted before, or is another
//! sender's under the same labels, which has no sum that would be true; it is left out. Series are forgotten after three hours, and
//! nothing is counted that ended more than two before it was received, so that what was forgotten cannot be counted again.

use std::collections::HashMap;
use std::time::Duration;

use weir_sample::Timestamp;

use super::places::Key;

/// Age past which a difference is not counted.
pub const DIFFERENCES_COUNTED: Duration = Duration::from_secs(2 * 3_600);

/// Age past which a series is forgotten: longer than any gateway's clock may be ahead of another's beside what is counted.
const REMEMBERED: Duration = Duration::from_secs(3 * 3_600);

/// Gaps that are remembered of a series; an earlier one is closed, and what comes for it is left out.
const MOST_STRETCHES: usize = 8;

pub(super) const NANOS_IN_MILLI: i64 = 1_000_000;

/// Series with running totals, of about 100 bytes each.
const MOST_SERIES: usize = 1_000_000;

/// The totals of all series.
#[derive(Default)]
pub(crate) struct Running {
    series: HashMap<Key, Total>,
    sweep_at: usize,
}

/// What was counted of a series.
#[derive(Clone, Debug, Default, PartialEq)]
struct Total {
    sum: f64,
    /// In nanoseconds and rising order, apart from one another, each from its first to the one behind its last.
    stretches: Vec<(i64, i64)>,
    /// Milliseconds of the newest sample.
    stored: i64,
}

/// A difference: until when, from when, in nanoseconds, and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    pub time: i64,
    pub since: i64,
    pub by: f64,
}

/// What becomes of a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Counted {
    /// The total at its end, in milliseconds; the series begins with zero at its start.
    First { at: i64, total: f64 },
    /// The total at its end. Of several in a millisecond each has one of its own.
    Next { at: i64, total: f64 },
    /// It lies before what is stored: the next sample has it.
    Late,
    /// It was counted before, or nobody can know any more.
    LeftOut,
}

impl Running {
    /// Counts a difference that was received at some time.
    pub(crate) fn count(&mut self, key: Key, difference: Difference, received: Timestamp) -> Counted {
        let Difference { time, by, .. } = difference;
        // One that does not say since when is an instant's.
        let since = if difference.since > 0 { difference.since } else { time - 1 };
        let too_old = nanos(received.minus(DIFFERENCES_COUNTED));
        if since >= time || time <= too_old || !by.is_finite() {
            return Counted::LeftOut;
        }
        if self.series.len() >= self.sweep_at.max(4_096) {
            let oldest = nanos(received.minus(REMEMBERED));
            self.series.retain(|_, total| total.stretches.last().is_some_and(|last| last.1 > oldest));
            self.sweep_at = (2 * self.series.len()).min(MOST_SERIES);
        }
        if self.series.len() >= MOST_SERIES && !self.series.contains_key(&key) {
            return Counted::LeftOut;
        }
        let total = self.series.entry(key).or_default();
        let last = total.stretches.last().map(|last| last.1);
        if !total.take(since, time) {
            return Counted::LeftOut;
        }
        total.sum += by;
        if last.is_some_and(|last| time < last) {
            return Counted::Late;
        }
        let at = (time / NANOS_IN_MILLI).max(total.stored + 1);
        total.stored = at;
        match last {
            None => Counted::First { at, total: total.sum },
            Some(_) => Counted::Next { at, total: total.sum },
        }
    }

    /// Appends all, for a checkpoint.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend((self.series.len() as u32).to_le_bytes());
        for (key, Total { sum, stretches, stored }) in &self.series {
            out.extend(key.to_le_bytes());
            out.extend(sum.to_le_bytes());
            out.extend(stored.to_le_bytes());
            out.push(stretches.len() as u8);
            stretches.iter().for_each(|(from, to)| out.extend([from.to_le_bytes(), to.to_le_bytes()].concat()));
        }
    }

    /// Reads what [`Running::encode`] wrote.
    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let mut running = Self::default();
        for _ in 0..u32::from_le_bytes(array(&mut input)?) {
            let key = Key::from_le_bytes(array(&mut input)?);
            let sum = f64::from_le_bytes(array(&mut input)?);
            let stored = i64::from_le_bytes(array(&mut input)?);
            let [count] = array(&mut input)?;
            let mut stretches = Vec::with_capacity(count.into());
            for _ in 0..count {
                stretches.push((i64::from_le_bytes(array(&mut input)?), i64::from_le_bytes(array(&mut input)?)));
            }
            running.series.insert(key, Total { sum, stretches, stored });
        }
        input.is_empty().then_some(running)
    }
}

fn nanos(time: Timestamp) -> i64 {
    time.millis().saturating_mul(NANOS_IN_MILLI)
}

fn array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*bytes)
}

impl Total {
    /// Takes a stretch, unless some of it was taken before or lies where gaps are remembered no more.
    fn take(&mut self, since: i64, time: i64) -> bool {
        let at = self.stretches.partition_point(|stretch| stretch.1 <= since);
        let is_free = self.stretches.get(at).is_none_or(|next| time <= next.0);
        if !is_free || at == 0 && self.stretches.len() >= MOST_STRETCHES {
            return false;
        }
        let joins_next = self.stretches.get(at).is_some_and(|next| next.0 == time);
        let joins_last = at > 0 && self.stretches[at - 1].1 == since;
        match (joins_last, joins_next) {
            (true, true) => self.stretches[at - 1].1 = self.stretches.remove(at).1,
            (true, false) => self.stretches[at - 1].1 = time,
            (false, true) => self.stretches[at].0 = since,
            (false, false) => self.stretches.insert(at, (since, time)),
        }
        if self.stretches.len() > MOST_STRETCHES {
            // The earliest gap is closed.
            self.stretches[1].0 = self.stretches.remove(0).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000_000;

    /// Counts a stretch of milliseconds.
    fn count(running: &mut Running, since: i64, time: i64, by: f64) -> Counted {
        let at = |offset: i64| if offset == 0 { 0 } else { (NOW + offset) * NANOS_IN_MILLI };
        running.count(7, Difference { time: at(time), since: at(since), by }, Timestamp(NOW))
    }

    fn next(at: i64, total: f64) -> Counted {
        Counted::Next { at: NOW + at, total }
    }

    #[test]
    fn a_stretch_is_counted_once_in_whatever_order() {
        let mut running = Running::default();
        assert_eq!(count(&mut running, 10, 20, 1.0), Counted::First { at: NOW + 20, total: 1.0 });
        assert_eq!(count(&mut running, 10, 20, 1.0), Counted::LeftOut);
        assert_eq!(count(&mut running, 15, 25, 1.0), Counted::LeftOut);
        assert_eq!(count(&mut running, 30, 40, 2.0), next(40, 3.0));
        assert_eq!(count(&mut running, 20, 30, 4.0), Counted::Late);
        assert_eq!(count(&mut running, 20, 30, 4.0), Counted::LeftOut);
        assert_eq!(running.series[&7].stretches, [((NOW + 10) * NANOS_IN_MILLI, (NOW + 40) * NANOS_IN_MILLI)]);
        assert_eq!(count(&mut running, 40, 50, 8.0), next(50, 15.0));
        assert_eq!(count(&mut running, 0, 60, 1.0), next(60, 16.0));
        assert_eq!(count(&mut running, 0, 60, 1.0), Counted::LeftOut);
        assert_eq!(count(&mut running, 90, 80, 1.0), Counted::LeftOut);
        assert_eq!(count(&mut running, 90, 95, f64::NAN), Counted::LeftOut);
        assert_eq!(count(&mut running, -8_000_000, -7_200_000, 1.0), Counted::LeftOut);
    }

    #[test]
    fn any_order_with_repeats_ends_with_the_same_total() {
        let mut order: Vec<i64> = (1..7).collect();
        for turn in 0..720 {
            let (a, b) = (turn % 6, turn / 6 % 6);
            order.swap(a, b);
            let mut running = Running::default();
            for &at in order.iter().chain(order.iter().rev()) {
                let _ = count(&mut running, at * 10, at * 10 + 10, at as f64);
            }
            assert_eq!((running.series[&7].sum, running.series[&7].stretches.len()), (21.0, 1));
        }
    }

    #[test]
    fn gaps_are_bounded_and_totals_outlive_a_checkpoint() {
        let mut running = Running::default();
        for at in 1..=20 {
            assert!(matches!(
                count(&mut running, at * 10, at * 10 + 5, 1.0),
                Counted::First { .. } | Counted::Next { .. }
            ));
        }
        assert_eq!(running.series[&7].stretches.len(), MOST_STRETCHES);
        assert_eq!(count(&mut running, 15, 20, 1.0), Counted::LeftOut);
        assert_eq!(count(&mut running, 195, 200, 1.0), Counted::Late);
        let mut bytes = Vec::new();
        running.encode(&mut bytes);
        assert_eq!(Running::decode(&bytes).unwrap().series, running.series);
        assert!((0..bytes.len()).all(|cut| Running::decode(&bytes[..cut]).is_none()));
    }

    #[test]
    fn what_is_forgotten_is_not_counted_again() {
        let mut running = Running::default();
        let later = Timestamp(NOW + 4 * 3_600_000);
        let old = Difference { time: (NOW + 20) * NANOS_IN_MILLI, since: (NOW + 10) * NANOS_IN_MILLI, by: 1.0 };
        assert_eq!(running.count(7, old, Timestamp(NOW)), Counted::First { at: NOW + 20, total: 1.0 });
        for key in 100..10_000 {
            let new = Difference { time: nanos(later), since: nanos(later) - 5, by: 1.0 };
            running.count(key, new, later);
        }
        assert!(!running.series.contains_key(&7));
        assert_eq!(running.count(7, old, later), Counted::LeftOut);
    }
}
