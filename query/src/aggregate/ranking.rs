//! `topk`, `bottomk`, `limitk`: at every step the best elements of a group, kept as they stream by.

use std::collections::BTreeMap;

use crate::labels::LabelSet;
use crate::row::{ABSENT, Row, is_present};

/// Which elements are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Largest,
    Smallest,
    First,
}

/// The rows in the running, and how many places there are at each step.
pub(crate) struct Ranking {
    keep: Keep,
    sizes: Vec<usize>,
    kept: Vec<Option<Kept>>,
}

/// A row that has a place at some step; of those that are ranked only the labels.
struct Kept(Row);

/// The kept elements of one group per step, best first: value and row. A histogram has no value.
pub(crate) type Places = Vec<Vec<(f64, usize)>>;

impl Ranking {
    pub(crate) fn new(keep: Keep, sizes: Vec<usize>) -> Self {
        Self { keep, sizes, kept: Vec::new() }
    }

    pub(crate) fn places(&self) -> Places {
        vec![Vec::new(); self.sizes.len()]
    }

    /// Offers a row to its group; returns the bytes that it now takes.
    pub(crate) fn add(&mut self, places: &mut Places, row: Row) -> usize {
        let id = self.kept.len();
        let (mut bytes, mut placed) = (size_of::<LabelSet>(), false);
        for (step, (kept, &size)) in places.iter_mut().zip(&self.sizes).enumerate() {
            let (value, is_histogram) = (row.float(step), row.histogram(step).is_some());
            let counts = is_present(value) || is_histogram && self.keep == Keep::First;
            if size == 0 || !counts {
                continue;
            }
            let at = kept.partition_point(|&(other, of)| !self.beats(value, &row, other, of));
            if at < size {
                bytes += if kept.len() < size { size_of::<(f64, usize)>() } else { 0 };
                kept.truncate(size - 1);
                kept.insert(at, (value, id));
                placed = true;
            }
        }
        bytes += if placed { row.heap_bytes() } else { 0 };
        let histograms = if self.keep == Keep::First { row.histograms } else { Vec::new() };
        self.kept.push(placed.then_some(Kept(Row { floats: Vec::new(), histograms, ..row })));
        bytes
    }

    /// Any number beats NaN, and of equal values that of the smaller labels stays, in whatever order they come.
    fn beats(&self, value: f64, row: &Row, other: f64, of: usize) -> bool {
        let order = match self.keep {
            Keep::Largest => other.partial_cmp(&value),
            Keep::Smallest => value.partial_cmp(&other),
            Keep::First => return false,
        };
        let order = order.unwrap_or_else(|| value.is_nan().cmp(&other.is_nan()));
        order.is_lt() || order.is_eq() && self.kept[of].as_ref().is_some_and(|Kept(kept)| row.labels < kept.labels)
    }

    /// The rows that hold a place at some step, in order of rank at the first such step.
    pub(crate) fn finish(mut self, groups: Vec<Places>) -> Vec<Row> {
        let mut order = BTreeMap::new();
        let mut rows: Vec<Row> = Vec::new();
        for places in groups {
            for (step, kept) in places.into_iter().enumerate() {
                for (value, id) in kept {
                    let at = *order.entry(id).or_insert(rows.len());
                    if at == rows.len() {
                        let Some(Kept(row)) = self.kept[id].take() else { continue };
                        let histograms = vec![None; row.histograms.len()];
                        rows.push(Row { floats: vec![ABSENT; self.sizes.len()], histograms, ..row.clone() });
                        self.kept[id] = Some(Kept(row));
                    }
                    rows[at].floats[step] = value;
                    if let Some(Kept(row)) = &self.kept[id]
                        && let Some(histogram) = row.histograms.get(step)
                    {
                        rows[at].histograms[step] = histogram.clone();
                    }
                }
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_values_the_smaller_labels_stay_in_whatever_order_they_come() {
        let row = |host: &str, value: f64| Row::of_floats(LabelSet::new("m", [("host", host)]), vec![value]);
        let check = |keep, rows: &[(&str, f64)], expected: &[&str]| {
            let mut ranking = Ranking::new(keep, vec![2]);
            let mut places = ranking.places();
            rows.iter().for_each(|(host, value)| _ = ranking.add(&mut places, row(host, *value)));
            let found = ranking.finish(vec![places]);
            let hosts: Vec<_> = found.iter().map(|row| row.labels.to_string()).collect();
            let expected: Vec<_> = expected.iter().map(|host| format!("m{{host={host:?}}}")).collect();
            assert_eq!(hosts, expected, "{keep:?} of {rows:?}");
        };
        for keep in [Keep::Largest, Keep::Smallest] {
            check(keep, &[("c", 1.0), ("a", 1.0), ("b", 1.0)], &["a", "b"]);
            check(keep, &[("a", 1.0), ("b", 1.0), ("c", 1.0)], &["a", "b"]);
            check(keep, &[("b", f64::NAN), ("a", f64::NAN), ("c", 1.0)], &["c", "a"]);
        }
        check(Keep::Largest, &[("a", 1.0), ("b", 2.0), ("c", 2.0)], &["b", "c"]);
        check(Keep::Smallest, &[("c", 2.0), ("b", 1.0), ("a", 2.0)], &["b", "a"]);
    }
}
