//! `info(v, {labels})`: elements with the labels of series that tell about the same instance and job, such as `target_info`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use weir_store::{Hint, MatchOp, Matcher};

use crate::collect::Collected;
use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::labels::{LabelSet, METRIC_NAME, is_about_metric};
use crate::read::select::{Newest, newest_floats};
use crate::row::{Row, Steps, is_present};
use crate::syntax::{AtModifier, Expr, Offset, ValueType};
use crate::text::matchers::matchers;

/// Labels by which series that tell of the same are found.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// Values of a label that are asked for one by one; where there are more, all are read.
const MOST_VALUES: usize = 500;

/// A series that tells about others, and when the sample of each step was taken.
struct Told {
    labels: LabelSet,
    times: Vec<f64>,
}

/// What the second argument says: which series tell, and which labels are wanted.
struct Wanted {
    names: Vec<Matcher>,
    labels: Vec<Matcher>,
}

impl Evaluator<'_> {
    pub(crate) fn info(
        &self,
        vector: &Expr,
        labels: Option<&Expr>,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let wanted = self.wanted_labels(labels)?;
        let base = self.rows(vector, steps)?;
        let is_told = |row: &Row| wanted.names.iter().all(|matcher| matcher.accepts(row.labels.name()));
        let (told, base): (Vec<Row>, Vec<Row>) = base.into_iter().partition(|row| is_told(row));
        let tellers = self.tellers(&base, &wanted, self.reference(vector), steps)?;
        let mut by_key: HashMap<[&str; 3], Vec<&Told>> = HashMap::new();
        let mut names = BTreeSet::new();
        for teller in &tellers {
            names.insert(teller.labels.name());
            by_key.entry(key(teller.labels.name(), &teller.labels)).or_default().push(teller);
        }
        let mut rows = Collected::new(self.budget);
        for row in &base {
            let found: Vec<&Vec<&Told>> = names.iter().filter_map(|name| by_key.get(&key(name, &row.labels))).collect();
            for more in enriched(row, &found, &wanted, steps.count)? {
                rows.add(more)?;
            }
        }
        for row in told {
            rows.add(row)?;
        }
        rows.into_rows().into_iter().try_for_each(sink)
    }

    fn wanted_labels(&self, labels: Option<&Expr>) -> Result<Wanted, QueryError> {
        let all = match labels {
            Some(Expr::VectorSelector(selector)) => matchers(selector, &|| self.budget.check_time())?,
            _ => Vec::new(),
        };
        let (mut names, labels): (Vec<_>, Vec<_>) = all.into_iter().partition(|matcher| matcher.label() == METRIC_NAME);
        let matcher = |op, value: &str| {
            Matcher::new(METRIC_NAME, op, value).map_err(|error| QueryError::Parse(error.to_string()))
        };
        let is_named = names.iter().any(|name| matches!(name.op(), MatchOp::Equal | MatchOp::Regex));
        if names.is_empty() {
            names.push(matcher(MatchOp::Equal, "target_info")?);
        } else if !is_named {
            names.insert(0, matcher(MatchOp::Regex, ".+_info")?);
        }
        Ok(Wanted { names, labels })
    }

    /// The series that tell about elements of a vector.
    fn tellers(
        &self,
        base: &[Row],
        wanted: &Wanted,
        reference: Reference,
        steps: Steps,
    ) -> Result<Vec<Told>, QueryError> {
        let view = match reference {
            Reference::At(time) => Steps { start: time, step: 0, count: steps.count },
            Reference::Before(by) => Steps { start: steps.start.saturating_sub(by), ..steps },
        };
        let lookback = self.lookback();
        let span = (view.start.saturating_sub(lookback).saturating_add(1), view.end());
        let mut tellers = Vec::new();
        for identities in identities(base).values() {
            let mut matchers: Vec<Matcher> = wanted.names.iter().chain(&wanted.labels).cloned().collect();
            for (label, values) in IDENTIFYING.iter().zip(identities) {
                let pattern: Vec<_> = values.iter().map(|value| regex::escape(value)).collect();
                let (op, value) = match values.len() {
                    0 => (MatchOp::Equal, String::new()),
                    1..=MOST_VALUES => (MatchOp::Regex, pattern.join("|")),
                    _ => (MatchOp::NotEqual, String::new()),
                };
                matchers.push(Matcher::new(label, op, &value).map_err(|error| QueryError::Parse(error.to_string()))?);
            }
            self.read_matching(matchers, span, Hint::Raw, &mut |samples| {
                if !samples.histograms.is_empty() {
                    let what = format!("this should be an info metric, with float samples: {}", samples.labels);
                    return Err(QueryError::execution(what));
                }
                let lookback = lookback.max(samples.resolution);
                let times = newest_floats(&samples.floats, view, lookback, Newest::Time);
                self.budget.hold(samples.labels.heap_bytes() + times.len() * size_of::<f64>())?;
                tellers.push(Told { labels: samples.labels, times });
                Ok(())
            })?;
        }
        Ok(tellers)
    }
}

fn key<'l>(name: &'l str, labels: &'l LabelSet) -> [&'l str; 3] {
    [name, labels.value(IDENTIFYING[0]), labels.value(IDENTIFYING[1])]
}

/// The values of the identifying labels, by which of them elements have.
fn identities(base: &[Row]) -> BTreeMap<[bool; 2], [BTreeSet<String>; 2]> {
    let mut groups: BTreeMap<[bool; 2], [BTreeSet<String>; 2]> = BTreeMap::new();
    for row in base {
        let values = IDENTIFYING.map(|label| row.labels.value(label));
        let has = values.map(|value| !value.is_empty());
        if has.contains(&true) {
            let group = groups.entry(has).or_default();
            for (known, value) in group.iter_mut().zip(values).filter(|(_, value)| !value.is_empty()) {
                known.insert(value.to_owned());
            }
        }
    }
    groups
}

/// An element under the labels that are told of it, which may change from step to step.
fn enriched(row: &Row, found: &[&Vec<&Told>], wanted: &Wanted, steps: usize) -> Result<Vec<Row>, QueryError> {
    let needs_some = wanted.labels.iter().any(|matcher| !matcher.accepts(""));
    let mut rows: Vec<(Vec<*const Told>, Row)> = Vec::new();
    for step in (0..steps).filter(|&step| row.has(step)) {
        let newest = found.iter().map(|tellers| newest(tellers, step)).collect::<Result<Vec<_>, _>>()?;
        let newest: Vec<&Told> = newest.into_iter().flatten().collect();
        if newest.is_empty() && needs_some {
            continue;
        }
        let told: Vec<*const Told> = newest.iter().map(|told| std::ptr::from_ref(*told)).collect();
        let at = match rows.iter().position(|(known, _)| *known == told) {
            Some(at) => at,
            None => {
                let mut new = Row { labels: with_labels(&row.labels, &newest, wanted)?, ..row.clone() };
                (0..steps).for_each(|step| new.clear(step));
                rows.push((told, new));
                rows.len() - 1
            }
        };
        let new = &mut rows[at].1;
        if is_present(row.float(step)) {
            new.floats[step] = row.float(step);
        }
        if let Some(histogram) = row.histograms.get(step).filter(|histogram| histogram.is_some()) {
            new.histograms[step] = histogram.clone();
        }
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Of series that tell of the same, the one with the newest sample.
fn newest<'t>(tellers: &[&'t Told], step: usize) -> Result<Option<&'t Told>, QueryError> {
    let mut newest: Option<&Told> = None;
    for teller in tellers.iter().copied().filter(|teller| is_present(teller.times[step])) {
        match newest {
            Some(known) if known.times[step] > teller.times[step] => {}
            Some(known) if known.times[step] == teller.times[step] => {
                let at = (known.times[step] * 1e3) as i64;
                let what = "found duplicate series for info metric: existing";
                return Err(QueryError::execution(format!(
                    "{what} {} @ {at}, new {} @ {at}",
                    known.labels, teller.labels
                )));
            }
            _ => newest = Some(teller),
        }
    }
    Ok(newest)
}

fn with_labels(base: &LabelSet, tellers: &[&Told], wanted: &Wanted) -> Result<LabelSet, QueryError> {
    let mut more: BTreeMap<&str, &str> = BTreeMap::new();
    for (label, value) in tellers.iter().flat_map(|teller| teller.labels.labels()) {
        let is_wanted = wanted.labels.is_empty() || wanted.labels.iter().any(|matcher| matcher.label() == label);
        if is_about_metric(label) || !is_wanted {
            continue;
        }
        if more.get(label).is_some_and(|known| *known != value) {
            return Err(QueryError::execution(format!("conflicting label: {label}")));
        }
        if base.value(label).is_empty() {
            more.insert(label, value);
        }
    }
    Ok(LabelSet::new(base.name(), base.labels().chain(more)))
}

/// When a selector looks: at a time, or so long before each step, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    At(i64),
    Before(i64),
}

impl Evaluator<'_> {
    /// When the selectors of an expression look, if all look at one time.
    fn reference(&self, expr: &Expr) -> Reference {
        let mut found = Vec::new();
        let all_select = self.references(expr, Reference::Before(0), &mut found);
        match found.first() {
            Some(first) if all_select && found.iter().all(|other| other == first) => *first,
            _ => Reference::Before(0),
        }
    }

    fn within(&self, at: Option<AtModifier>, offset: Option<Offset>, outer: Reference) -> Reference {
        let own = match offset {
            Some(Offset::Pos(by)) => by.as_millis() as i64,
            Some(Offset::Neg(by)) => -(by.as_millis() as i64),
            None => 0,
        };
        match (at, outer) {
            (Some(AtModifier::Start), _) => Reference::At(self.query.start - own),
            (Some(AtModifier::End), _) => Reference::At(self.query.end() - own),
            (Some(AtModifier::At(time)), _) => Reference::At(time - own),
            (None, Reference::At(time)) => Reference::At(time - own),
            (None, Reference::Before(by)) => Reference::Before(by + own),
        }
    }

    /// Finds the times at which selectors look; `false` if a vector comes from none.
    fn references(&self, expr: &Expr, outer: Reference, found: &mut Vec<Reference>) -> bool {
        let is_vector = |expr: &Expr| matches!(expr.value_type(), ValueType::Vector | ValueType::Matrix);
        match expr {
            Expr::VectorSelector(selector) => found.push(self.within(selector.at, selector.offset, outer)),
            Expr::MatrixSelector(range) => found.push(self.within(range.vs.at, range.vs.offset, outer)),
            Expr::Subquery(e) => return self.references(&e.expr, self.within(e.at, e.offset, outer), found),
            Expr::Call(call) if call.func.name == "info" => return self.references(&call.args[0], outer, found),
            _ => {
                let children: Vec<&Expr> = expr.children().into_iter().filter(|child| is_vector(child)).collect();
                return !children.is_empty() && children.into_iter().all(|child| self.references(child, outer, found));
            }
        }
        true
    }
}
