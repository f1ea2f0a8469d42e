//! Aggregations: rows fall into groups by their labels and are folded as they come.

mod fold;
pub(crate) mod histograms;
pub(crate) mod quantile;
mod ranking;
pub(crate) mod summation;
pub(crate) mod told;

use std::collections::HashMap;

use crate::syntax::{AggregateExpr, Expr, LabelModifier};

use xxhash_rust::xxh64::xxh64;

use crate::aggregate::fold::{Fold, Kind, Quantiles, Told};
use crate::aggregate::ranking::{Keep, Ranking};
use crate::aggregate::told::told_histogram;
use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink, string};
use crate::labels::{Choice, LabelSet, METRIC_NAME, is_label_name};
use crate::row::{Row, Steps, is_present};
use crate::text::names::is_streamed;

impl Evaluator<'_> {
    pub(crate) fn aggregate(&self, e: &AggregateExpr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let name = e.op;
        let param = || e.param.as_deref().ok_or_else(|| QueryError::parse(format!("{name} needs a parameter")));
        if let Some(kind) = Kind::named(name) {
            return self.fold(e, steps, || Fold::new(kind, steps.count), sink);
        }
        match name {
            "quantile" => {
                let phi = self.scalar(param()?, steps)?;
                self.check_quantiles(param()?, &phi);
                self.fold_quantiles(e, steps, &phi, sink)
            }
            "count_values" => self.count_values(e, string(param()?)?, steps, sink),
            "topk" => self.rank(e, Keep::Largest, param()?, steps, sink),
            "bottomk" => self.rank(e, Keep::Smallest, param()?, steps, sink),
            "limitk" => self.rank(e, Keep::First, param()?, steps, sink),
            _ => self.limit_ratio(&e.expr, param()?, steps, sink),
        }
    }

    /// The rows of an expression; where order counts and these come in one that depends on the steps, by their labels.
    fn in_order(&self, expr: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        if !self.is_ordered || is_streamed(expr) {
            return self.vector(expr, steps, sink);
        }
        let mut rows = self.rows(expr, steps)?;
        rows.sort_by(|a, b| a.labels.cmp(&b.labels));
        rows.into_iter().try_for_each(sink)
    }

    fn fold(&self, e: &AggregateExpr, steps: Steps, make: impl Fn() -> Fold, sink: Sink<'_>) -> Result<(), QueryError> {
        let mut groups = Groups::by(e);
        let told = Told { evaluator: self, expr: &e.expr };
        self.in_order(&e.expr, steps, &mut |row| {
            let (fold, new) = groups.of(&row.labels, &make);
            if new {
                self.budget.hold(fold.heap_bytes() + row.labels.heap_bytes())?;
            }
            fold.add(&row, &told);
            Ok(())
        })?;
        for (labels, fold) in groups.into_groups() {
            let row = fold.finish(labels, &told);
            if !row.is_empty() {
                sink(row)?;
            }
        }
        Ok(())
    }

    fn fold_quantiles(&self, e: &AggregateExpr, steps: Steps, phi: &[f64], sink: Sink<'_>) -> Result<(), QueryError> {
        let mut groups = Groups::by(e);
        self.in_order(&e.expr, steps, &mut |row| {
            if row.histograms.iter().any(Option::is_some) {
                Told { evaluator: self, expr: &e.expr }.ignored("quantile");
            }
            let (quantiles, _) = groups.of(&row.labels, &|| Quantiles::new(steps.count));
            self.budget.hold(quantiles.add(&row))
        })?;
        groups.into_groups().try_for_each(|(labels, quantiles)| {
            let row = quantiles.finish(labels, phi);
            if row.is_empty() { Ok(()) } else { sink(row) }
        })
    }

    /// A series per group and distinct value, which says how often the value occurs.
    fn count_values(&self, e: &AggregateExpr, label: &str, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        if !is_label_name(label) {
            return Err(QueryError::execution(format!("invalid label name {label:?}")));
        }
        let choice = choice(e);
        let mut counts: HashMap<LabelSet, Vec<f64>> = HashMap::new();
        self.vector(&e.expr, steps, &mut |row| {
            let labels = choice.of(&row.labels);
            for step in (0..steps.count).filter(|&step| row.has(step)) {
                let text = match row.histogram(step) {
                    Some(histogram) => told_histogram(histogram),
                    None => {
                        let mut text = String::new();
                        crate::number::write_plain(&mut text, row.float(step));
                        text
                    }
                };
                let labels = labels.with(label, &text);
                if !counts.contains_key(&labels) {
                    self.budget.hold(labels.heap_bytes() + steps.count * size_of::<f64>())?;
                }
                let counts = counts.entry(labels).or_insert_with(|| vec![crate::row::ABSENT; steps.count]);
                counts[step] = if is_present(counts[step]) { counts[step] + 1.0 } else { 1.0 };
            }
            Ok(())
        })?;
        counts.into_iter().try_for_each(|(labels, counts)| sink(Row::of_floats(labels, counts)))
    }

    /// Of all elements a share, the same ones every time; of a negative share those that its opposite leaves out.
    fn limit_ratio(&self, vector: &Expr, ratio: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let ratios = self.scalar(ratio, steps)?;
        if ratios.iter().any(|ratio| ratio.is_nan()) {
            return Err(QueryError::execution("Ratio value is NaN"));
        }
        if let Some(wrong) = ratios.iter().find(|ratio| ratio.abs() > 1.0) {
            let capped = wrong.signum();
            self.warn(ratio, &format!("ratio value should be between -1 and 1, got {wrong}, capping to {capped}"));
        }
        self.vector(vector, steps, &mut |mut row| {
            let place = place_of(&row.labels);
            for (step, ratio) in ratios.iter().enumerate() {
                let is_kept = if *ratio >= 0.0 { place < *ratio } else { place >= 1.0 + ratio };
                if !is_kept {
                    row.clear(step);
                }
            }
            if row.is_empty() { Ok(()) } else { sink(row) }
        })
    }

    fn rank(&self, e: &AggregateExpr, keep: Keep, size: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let sizes = sizes(&self.scalar(size, steps)?)?;
        if sizes.iter().all(|size| *size == 0) {
            return Ok(());
        }
        let mut groups = Groups::by(e);
        let mut ranking = Ranking::new(keep, sizes);
        self.in_order(&e.expr, steps, &mut |row| {
            let (places, _) = groups.of(&row.labels, &|| ranking.places());
            if keep != Keep::First && row.histograms.iter().any(Option::is_some) {
                self.inform_at(e.place, &format!("ignored histogram in {} aggregation", e.op));
            }
            self.budget.hold(ranking.add(places, row))
        })?;
        let places = groups.into_groups().map(|(_, places)| places).collect();
        ranking.finish(places).into_iter().try_for_each(sink)
    }
}

/// Where a label set lies between 0 and 1, as Prometheus has it: it keeps the same ones.
fn place_of(labels: &LabelSet) -> f64 {
    let name = (METRIC_NAME, labels.name());
    let mut pairs: Vec<(&str, &str)> =
        labels.labels().chain([name].into_iter().filter(|(_, name)| !name.is_empty())).collect();
    pairs.sort_unstable();
    let mut bytes = Vec::new();
    for text in pairs.iter().flat_map(|(label, value)| [label, value]) {
        match u8::try_from(text.len()) {
            Ok(length) if length < u8::MAX => bytes.push(length),
            _ => {
                bytes.push(u8::MAX);
                bytes.extend(&(text.len() as u32).to_le_bytes()[..3]);
            }
        }
        bytes.extend(text.as_bytes());
    }
    xxh64(&bytes, 0) as f64 / u64::MAX as f64
}

/// The number of elements that `topk` keeps at each step.
fn sizes(values: &[f64]) -> Result<Vec<usize>, QueryError> {
    let size = |&value: &f64| match value {
        v if v.is_nan() => Err(QueryError::execution("Parameter value is NaN")),
        v if v >= i64::MAX as f64 || v <= i64::MIN as f64 => {
            Err(QueryError::execution(format!("Scalar value {v} overflows int64")))
        }
        v => Ok(if v < 1.0 { 0 } else { v as usize }),
    };
    values.iter().map(size).collect()
}

/// The labels that make a group.
fn choice(e: &AggregateExpr) -> Choice {
    match &e.modifier {
        Some(LabelModifier::Include(labels)) => Choice::only(labels),
        Some(LabelModifier::Exclude(labels)) => Choice::all_but(labels),
        None => Choice::only(&[]),
    }
}

/// Groups in the order in which they were first seen.
struct Groups<T> {
    choice: Choice,
    key: String,
    index: HashMap<Box<str>, usize>,
    groups: Vec<T>,
}

impl<T> Groups<T> {
    fn by(e: &AggregateExpr) -> Self {
        Self { choice: choice(e), key: String::new(), index: HashMap::new(), groups: Vec::new() }
    }

    /// The group of `labels`, and whether it is new.
    fn of(&mut self, labels: &LabelSet, make: &dyn Fn() -> T) -> (&mut T, bool) {
        self.choice.write(labels, &mut self.key);
        let (at, new) = match self.index.get(self.key.as_str()) {
            Some(&at) => (at, false),
            None => {
                self.groups.push(make());
                self.index.insert(self.key.as_str().into(), self.groups.len() - 1);
                (self.groups.len() - 1, true)
            }
        };
        (&mut self.groups[at], new)
    }

    fn into_groups(self) -> impl Iterator<Item = (LabelSet, T)> {
        let mut keys: Vec<_> = self.index.into_iter().map(|(key, at)| (at, key)).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, key)| LabelSet::from_key(&key)).zip(self.groups)
    }
}
