//! Samples with times of their own on their way into a group. Those of one time share a row, as an agent's do. Where the
//! series of a group share no times a row would be mostly gaps: then samples are kept one by one, as late ones are.

use super::group::{Appended, Group};
use super::late::{Late, Scattered};
use super::segment::ROWS;
use crate::index::GroupId;

/// The column of a series. Cheap to copy and to keep: one that no longer stands is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub(crate) group: GroupId,
    /// The group's generation when it was resolved.
    pub(crate) generation: u32,
    pub(crate) column: u8,
}

/// One sample and its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// Where it goes.
    pub place: Place,
    /// The caller's own number of its series, by which it finds the series again if the place no longer stands.
    pub series: u32,
    /// Milliseconds since 1970.
    pub time: i64,
    /// Of a counter the running total.
    pub value: f64,
}

/// A row that holds fewer than one column in so many costs more than its samples one by one.
const LEAST_SHARE: usize = 16;

impl Group {
    /// Stores samples, in order of time, as they are.
    pub(crate) fn set_all(&mut self, samples: &[Placed], done: &mut Appended) {
        for same in samples.chunk_by(|a, b| a.time == b.time) {
            let time = same[0].time;
            if time > self.newest {
                if self.keeps_apart() {
                    self.count_scattered(same.len());
                    self.keep_apart(same);
                    done.samples += same.len() as u32;
                    continue;
                }
                self.push_row(time, 0);
            }
            match self.rows.iter().rposition(|row| row.time == time) {
                Some(at) => {
                    self.set_in_row(at, same);
                    done.samples += same.len() as u32;
                }
                None => {
                    self.keep_apart(same);
                    done.out_of_order += same.len() as u32;
                }
            }
        }
    }

    /// Keeps a value at a time that is not after the newest row.
    pub(super) fn place(&mut self, time: i64, column: usize, value: f64, done: &mut Appended) {
        self.known |= 1 << column;
        self.active |= 1 << column;
        match self.rows.iter().position(|row| row.time == time) {
            Some(at) => {
                self.put(at, column, value);
                done.samples += 1;
            }
            None => {
                self.late.push(Late { time, value, column: column as u8 });
                done.out_of_order += 1;
            }
        }
    }

    fn set_in_row(&mut self, at: usize, samples: &[Placed]) {
        let mut present = 0;
        for sample in samples {
            present |= 1 << sample.place.column;
            self.put(at, usize::from(sample.place.column), sample.value);
        }
        self.known |= present;
        self.active |= present;
    }

    /// Puts a value into a row, and carries it on to the next row that has one.
    fn put(&mut self, at: usize, column: usize, value: f64) {
        let bit = 1u128 << column;
        let next = self.rows[at + 1..].iter().position(|row| row.present & bit != 0);
        self.rows[at].present |= bit;
        self.fill(at, column, value, next.map_or(self.rows.len(), |next| at + 1 + next));
    }

    fn keep_apart(&mut self, samples: &[Placed]) {
        let columns = samples.iter().fold(0u128, |columns, sample| columns | 1 << sample.place.column);
        self.known |= columns;
        self.active |= columns;
        let late = |sample: &Placed| Late { time: sample.time, value: sample.value, column: sample.place.column };
        self.late.extend(samples.iter().map(late));
    }

    /// Whether rows are not worth it: the last ones, full by now, were mostly gaps.
    fn keeps_apart(&mut self) -> bool {
        if self.scattered.is_none() && self.rows.len() >= ROWS {
            let filled: u32 = self.rows.iter().map(|row| row.present.count_ones()).sum();
            if (filled as usize) * LEAST_SHARE < self.rows.len() * self.width() {
                self.scattered = Some(Scattered::default());
            }
        }
        self.scattered.is_some()
    }

    fn count_scattered(&mut self, samples: usize) {
        if let Some(scattered) = &mut self.scattered {
            scattered.samples += samples;
            scattered.times += 1;
        }
    }

    /// To be called when nothing is kept apart any more: goes back to rows if times were shared lately.
    pub(super) fn gather(&mut self) {
        let Some(Scattered { samples, times }) = self.scattered else { return };
        self.scattered = Some(Scattered::default());
        if times > 0 && samples * LEAST_SHARE >= times * self.width() {
            self.scattered = None;
            // What is left of the old rows must not have its say once more.
            self.close_segment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use weir_sample::Kind;

    fn group(width: u32) -> Group {
        let mut group = Group::new(0);
        group.widen(&(0..width).map(|tail| (tail, Kind::Counter)).collect::<Vec<_>>());
        group
    }

    fn sample(time: i64, column: u8, value: f64) -> Placed {
        Placed { place: Place { group: 0, generation: 0, column }, series: 0, time, value }
    }

    /// As the store does: in order of time, and of arrival where that is equal.
    fn set(group: &mut Group, samples: &[Placed]) -> Appended {
        let (mut samples, mut done) = (samples.to_vec(), Appended::default());
        samples.sort_by_key(|sample| sample.time);
        group.set_all(&samples, &mut done);
        done
    }

    proptest! {
        #[test]
        fn the_last_value_of_a_time_stands_whatever_came_when(
            width in prop::sample::select(vec![1u32, 3, 40, 128]),
            batches in prop::collection::vec(prop::collection::vec((0i64..60, 0u8..128, 0u32..1000), 1..40), 1..20),
        ) {
            let (mut group, mut expected) = (group(width), BTreeMap::<(u8, i64), f64>::new());
            for batch in batches {
                let of = |&(time, column, value): &(i64, u8, u32)| sample(time, column % width as u8, f64::from(value));
                let samples: Vec<_> = batch.iter().map(of).collect();
                expected.extend(samples.iter().map(|sample| ((sample.place.column, sample.time), sample.value)));
                set(&mut group, &samples);
            }
            for column in 0..width as u8 {
                let found = group.read(usize::from(column), i64::MIN, i64::MAX).unwrap();
                let wanted = expected.range((column, i64::MIN)..=(column, i64::MAX));
                let wanted: Vec<_> = wanted.map(|(&(_, time), &value)| (time, value)).collect();
                prop_assert_eq!(found.times.into_iter().zip(found.values).collect::<Vec<_>>(), wanted);
            }
        }
    }

    #[test]
    fn series_that_share_no_times_are_kept_apart_until_they_share_some() {
        let mut group = group(128);
        let alone = |at: i64| sample(at, (at % 128) as u8, 1.0);
        (0..1_000).for_each(|at| assert_eq!(set(&mut group, &[alone(at)]).samples, 1));
        assert!(group.late.len() > 900 && group.open_rows() <= ROWS, "{} {}", group.late.len(), group.open_rows());
        group.clear_chunk();
        assert!(group.scattered.is_some());
        let together: Vec<_> = (0..128).map(|column| sample(2_000, column, 1.0)).collect();
        set(&mut group, &together);
        group.clear_chunk();
        assert!(group.scattered.is_none());
        set(&mut group, &together.iter().map(|one| Placed { time: 3_000, ..*one }).collect::<Vec<_>>());
        assert!(group.late.is_empty());
    }
}
