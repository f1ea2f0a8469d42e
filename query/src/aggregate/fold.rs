//! What an aggregation keeps of the rows of one group: a few numbers per step.

use weir_sample::Histogram;

use crate::aggregate::quantile::quantile;
use crate::aggregate::summation::{Mean, Spread, Sum, extreme};
use crate::budget::Budget;
use crate::labels::LabelSet;
use crate::row::{ABSENT, Row, is_absent, is_present};

/// Which aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
}

impl Kind {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "count" => Self::Count,
            "group" => Self::Group,
            "stddev" => Self::Stddev,
            "stdvar" => Self::Stdvar,
            _ => return None,
        })
    }
}

/// The running aggregate of one group, per step.
pub(crate) struct Fold {
    kind: Kind,
    steps: usize,
    floats: Floats,
    /// The merge of histograms and how many they are; empty as long as there are none.
    histograms: Vec<Option<(Box<Histogram>, f64)>>,
}

enum Floats {
    Sums { sums: Vec<f64>, lost: Vec<f64> },
    Means(Vec<Mean>),
    Values(Vec<f64>),
    Spreads(Vec<Spread>),
}

impl Fold {
    pub(crate) fn new(kind: Kind, steps: usize) -> Self {
        let floats = match kind {
            Kind::Sum => Floats::Sums { sums: vec![ABSENT; steps], lost: vec![0.0; steps] },
            Kind::Avg => Floats::Means(vec![Mean::default(); steps]),
            Kind::Min | Kind::Max | Kind::Count | Kind::Group => Floats::Values(vec![ABSENT; steps]),
            Kind::Stddev | Kind::Stdvar => Floats::Spreads(vec![Spread::default(); steps]),
        };
        Self { kind, steps, floats, histograms: Vec::new() }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let per_step = match self.floats {
            Floats::Sums { .. } => 16,
            Floats::Means(_) => size_of::<Mean>(),
            Floats::Values(_) => 8,
            Floats::Spreads(_) => size_of::<Spread>(),
        };
        size_of::<Self>() + self.steps * per_step
    }

    pub(crate) fn add(&mut self, row: &Row, budget: &Budget) {
        if !row.floats.is_empty() {
            self.add_floats(&row.floats);
        }
        if !row.histograms.is_empty() {
            self.add_histograms(&row.histograms, budget);
        }
    }

    fn add_floats(&mut self, values: &[f64]) {
        let kind = self.kind;
        match &mut self.floats {
            Floats::Sums { sums, lost } => add_sums(sums, lost, values),
            Floats::Means(means) => present(means, values, |mean, value| mean.add(value)),
            Floats::Spreads(spreads) => present(spreads, values, |spread, value| spread.add(value)),
            Floats::Values(kept) => match kind {
                Kind::Min => present(kept, values, |kept, value| *kept = extreme(*kept, value, false)),
                Kind::Max => present(kept, values, |kept, value| *kept = extreme(*kept, value, true)),
                Kind::Count => present(kept, values, |kept, _| count_one(kept)),
                _ => present(kept, values, |kept, _| *kept = 1.0),
            },
        }
    }

    fn add_histograms(&mut self, histograms: &[Option<Box<Histogram>>], budget: &Budget) {
        match (self.kind, &mut self.floats) {
            (Kind::Sum | Kind::Avg, _) => self.merge_histograms(histograms),
            (kind @ (Kind::Count | Kind::Group), Floats::Values(kept)) => {
                for (kept, _) in kept.iter_mut().zip(histograms).filter(|(_, histogram)| histogram.is_some()) {
                    if kind == Kind::Count { count_one(kept) } else { *kept = 1.0 }
                }
            }
            _ => budget.warn("an aggregation that needs plain numbers left out distributions"),
        }
    }

    fn merge_histograms(&mut self, histograms: &[Option<Box<Histogram>>]) {
        self.histograms.resize_with(self.steps, || None);
        for (merged, histogram) in self.histograms.iter_mut().zip(histograms) {
            match (merged, histogram) {
                (Some((merged, count)), Some(histogram)) => {
                    merged.merge(histogram);
                    *count += 1.0;
                }
                (merged @ None, Some(histogram)) => *merged = Some((histogram.clone(), 1.0)),
                _ => {}
            }
        }
    }

    /// The group's row. A step with both numbers and distributions has no sum: it is left out with a warning.
    pub(crate) fn finish(self, labels: LabelSet, budget: &Budget) -> Row {
        let average = self.kind == Kind::Avg;
        let histogram = |(mut histogram, count): (Box<Histogram>, f64)| {
            if average && count > 1.0 {
                histogram.scale(1.0 / count);
            }
            histogram
        };
        let histograms = self.histograms.into_iter().map(|merged| merged.map(histogram)).collect();
        let mut row = Row { labels, floats: self.floats.finish(self.kind), histograms };
        for step in 0..row.histograms.len() {
            if row.histogram(step).is_some() && is_present(row.float(step)) {
                budget.warn("an aggregation met a mix of numbers and distributions and left the step out");
                row.clear(step);
            }
        }
        row
    }
}

impl Floats {
    fn finish(self, kind: Kind) -> Vec<f64> {
        match self {
            Self::Sums { sums, lost } => {
                let total = |(sum, lost)| if is_absent(sum) { ABSENT } else { Sum { sum, lost }.total() };
                sums.into_iter().zip(lost).map(total).collect()
            }
            Self::Means(means) => {
                means.iter().map(|mean| if mean.count() == 0.0 { ABSENT } else { mean.value() }).collect()
            }
            Self::Values(values) => values,
            Self::Spreads(spreads) => {
                let spread = |spread: &Spread| match kind {
                    _ if spread.count() == 0.0 => ABSENT,
                    Kind::Stddev => spread.variance().sqrt(),
                    _ => spread.variance(),
                };
                spreads.iter().map(spread).collect()
            }
        }
    }
}

/// The hot loop of `sum`: no branch that the compiler could not turn into a select.
fn add_sums(sums: &mut [f64], lost: &mut [f64], values: &[f64]) {
    for ((sum, lost), &value) in sums.iter_mut().zip(lost).zip(values) {
        let added = Sum { sum: *sum, lost: *lost }.plus(value);
        let (first, skip) = (is_absent(*sum), is_absent(value));
        *lost = if skip || first { *lost } else { added.lost };
        *sum = if skip {
            *sum
        } else if first {
            value
        } else {
            added.sum
        };
    }
}

fn present<T>(kept: &mut [T], values: &[f64], mut f: impl FnMut(&mut T, f64)) {
    for (kept, &value) in kept.iter_mut().zip(values) {
        if is_present(value) {
            f(kept, value);
        }
    }
}

fn count_one(kept: &mut f64) {
    *kept = if is_absent(*kept) { 1.0 } else { *kept + 1.0 };
}

/// All values of one group, per step: what `quantile` needs.
pub(crate) struct Quantiles(Vec<Vec<f64>>);

impl Quantiles {
    pub(crate) fn new(steps: usize) -> Self {
        Self(vec![Vec::new(); steps])
    }

    /// Adds a row; returns the bytes that takes.
    pub(crate) fn add(&mut self, row: &Row) -> usize {
        present(&mut self.0, &row.floats, |values, value| values.push(value));
        row.floats.len() * size_of::<f64>()
    }

    pub(crate) fn finish(self, labels: LabelSet, phi: &[f64]) -> Row {
        let value = |(mut values, &phi): (Vec<f64>, &f64)| match values.is_empty() {
            true => ABSENT,
            false => quantile(phi, &mut values),
        };
        Row::of_floats(labels, self.0.into_iter().zip(phi).map(value).collect())
    }
}
