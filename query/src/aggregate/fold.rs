//! What an aggregation keeps of the rows of one group: a few numbers per step.

use weir_sample::{Histogram, HistogramSum, Incompatible, Joined, ResetHint};

use crate::aggregate::histograms::HistogramMean;
use crate::aggregate::quantile::quantile;
use crate::aggregate::summation::{Mean, Spread, Sum, extreme};
use crate::evaluate::Evaluator;
use crate::labels::LabelSet;
use crate::row::{ABSENT, Row, is_absent, is_present};
use crate::syntax::{Expr, quoted};

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

    fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
        }
    }
}

/// The running aggregate of one group, per step.
pub(crate) struct Fold {
    kind: Kind,
    steps: usize,
    floats: Floats,
    /// Empty as long as there are none.
    histograms: Vec<Option<Box<Histograms>>>,
    /// The name of some element goes at the end of the query.
    drops_name: bool,
}

/// The histograms of one step.
struct Histograms {
    total: Total,
    /// One says that its counting began anew, and another that it did not.
    has_reset: bool,
    has_not_reset: bool,
}

/// What they come to.
enum Total {
    Sum(HistogramSum),
    Mean(HistogramMean),
    /// Some have bounds of their own and others do not.
    Incompatible,
}

impl Total {
    fn add(&mut self, histogram: &Histogram) -> Result<Joined, Incompatible> {
        let outcome = match self {
            Self::Sum(sum) => sum.add(histogram),
            Self::Mean(mean) => mean.add(histogram),
            Self::Incompatible => return Ok(Joined::default()),
        };
        if outcome.is_err() {
            *self = Self::Incompatible;
        }
        outcome
    }
}

/// Whom a fold tells what it had to leave out, and what it aggregates.
pub(crate) struct Told<'t, 'a> {
    pub(crate) evaluator: &'t Evaluator<'a>,
    pub(crate) expr: &'t Expr,
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
        Self { kind, steps, floats, histograms: Vec::new(), drops_name: false }
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

    pub(crate) fn add(&mut self, row: &Row, told: &Told<'_, '_>) {
        self.drops_name |= row.drops_name;
        if !row.floats.is_empty() {
            self.add_floats(&row.floats);
        }
        if row.histograms.iter().any(Option::is_some) {
            self.add_histograms(row, told);
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

    fn add_histograms(&mut self, row: &Row, told: &Told<'_, '_>) {
        match (self.kind, &mut self.floats) {
            (Kind::Sum | Kind::Avg, _) => self.sum_histograms(row, told),
            (kind @ (Kind::Count | Kind::Group), Floats::Values(kept)) => {
                for (kept, _) in kept.iter_mut().zip(&row.histograms).filter(|(_, histogram)| histogram.is_some()) {
                    if kind == Kind::Count { count_one(kept) } else { *kept = 1.0 }
                }
            }
            _ => told.ignored(self.kind.name()),
        }
    }

    fn sum_histograms(&mut self, row: &Row, told: &Told<'_, '_>) {
        self.histograms.resize_with(self.steps, || None);
        for (kept, histogram) in self.histograms.iter_mut().zip(&row.histograms) {
            let Some(histogram) = histogram else { continue };
            let kept = match kept {
                Some(kept) => {
                    match kept.total.add(histogram) {
                        Ok(Joined { bounds_reconciled: true, .. }) => told.reconciled(),
                        Ok(_) => {}
                        Err(Incompatible) => told.incompatible(&row.labels),
                    }
                    kept
                }
                None => kept.insert(Box::new(Histograms {
                    total: match self.kind {
                        Kind::Avg => Total::Mean(HistogramMean::of(histogram)),
                        _ => Total::Sum(HistogramSum::of(histogram)),
                    },
                    has_reset: false,
                    has_not_reset: false,
                })),
            };
            kept.has_reset |= histogram.hint() == ResetHint::Reset;
            kept.has_not_reset |= histogram.hint() == ResetHint::NotReset;
        }
    }

    /// The group's row. A step with both numbers and histograms has no sum: it is left out with a warning.
    pub(crate) fn finish(self, labels: LabelSet, told: &Told<'_, '_>) -> Row {
        let total = |kept: Box<Histograms>| {
            if kept.has_reset && kept.has_not_reset {
                told.collision();
            }
            match kept.total {
                Total::Sum(sum) => Some(Box::new(sum.total())),
                Total::Mean(mean) => Some(Box::new(mean.value())),
                Total::Incompatible => None,
            }
        };
        let floats = self.floats.finish(self.kind);
        let mut row = Row::of_floats(labels, floats);
        row.drops_name = self.drops_name;
        for (step, kept) in self.histograms.into_iter().enumerate() {
            let Some(kept) = kept else { continue };
            if is_present(row.float(step)) {
                told.mixed();
                row.clear(step);
                continue;
            }
            row.histograms.resize(self.steps, None);
            row.histograms[step] = total(kept);
        }
        row
    }
}

impl Told<'_, '_> {
    pub(crate) fn ignored(&self, aggregation: &str) {
        self.evaluator.inform(self.expr, &format!("ignored histogram in {aggregation} aggregation"));
    }

    fn mixed(&self) {
        self.evaluator.warn(self.expr, "encountered a mix of histograms and floats for aggregation");
    }

    fn collision(&self) {
        self.evaluator.warn(self.expr, "conflicting counter resets during histogram aggregation");
    }

    fn reconciled(&self) {
        self.evaluator.inform(self.expr, "mismatched custom buckets were reconciled during aggregation");
    }

    fn incompatible(&self, labels: &LabelSet) {
        let what = "vector contains a mix of histograms with exponential and custom buckets schemas for metric name";
        self.evaluator.warn(self.expr, &format!("{what} {}", quoted(labels.name())));
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
