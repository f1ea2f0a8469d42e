//! Operators between two vectors: which elements belong together, and what labels their result has.

use std::collections::HashMap;

use crate::syntax::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::labels::{Choice, LabelSet};
use crate::operators::arithmetic::Operator;
use crate::presence::Presence;
use crate::row::{ABSENT, Row, Steps, is_absent};

/// The labels by which elements are matched.
pub(crate) fn signature(e: &BinaryExpr) -> Choice {
    match e.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref()) {
        Some(LabelModifier::Include(labels)) => Choice::only(labels),
        Some(LabelModifier::Exclude(labels)) => Choice::all_but(labels),
        None => Choice::all_but(&[]),
    }
}

/// The rule by which the elements of two vectors are brought together.
struct Join<'e> {
    operator: Operator,
    modifier: Option<&'e BinModifier>,
    /// The side of which several elements may match one is the right one (`group_right`).
    many_is_right: bool,
    /// Labels taken from the "one" side; `None` for one-to-one matching.
    include: Option<&'e [String]>,
    steps: usize,
}

/// The elements of the "one" side that share a signature.
struct Group {
    rows: Vec<Row>,
    present: Presence,
    /// Steps at which two of `rows` have a value, with the labels of the first such two.
    doubled: Option<(Presence, String)>,
    /// One-to-one: steps at which an element of the other side has matched.
    matched: Presence,
}

impl Evaluator<'_> {
    /// Keeps the "one" side by signature and lets the "many" side stream past it.
    pub(crate) fn matched(
        &self,
        operator: Operator,
        e: &BinaryExpr,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let join = Join::of(operator, e, steps.count);
        let (one, many) = if join.many_is_right { (&e.lhs, &e.rhs) } else { (&e.rhs, &e.lhs) };
        let choice = signature(e);
        let mut key = String::new();
        let mut groups: HashMap<Box<str>, Group> = HashMap::new();
        self.vector(one, steps, &mut |row| {
            self.budget.hold(row.heap_bytes())?;
            choice.write(&row.labels, &mut key);
            match groups.get_mut(key.as_str()) {
                Some(group) => group.add(row, steps.count),
                None => drop(groups.insert(key.as_str().into(), Group::of(row, steps.count))),
            }
            Ok(())
        })?;
        let mut met = Presence::nowhere(steps.count);
        let mut results = HashMap::new();
        self.vector(many, steps, &mut |row| {
            met.add(&Presence::of(&row, steps.count));
            choice.write(&row.labels, &mut key);
            match groups.get_mut(key.as_str()) {
                Some(group) => self.join_row(&join, group, &row, &mut results, sink),
                None => Ok(()),
            }
        })?;
        let doubled = groups.values().filter_map(|group| group.doubled.as_ref());
        match doubled.into_iter().find(|(at, _)| at.both(&met).first().is_some()) {
            Some((_, labels)) => Err(join.doubled(labels)),
            None => Ok(()),
        }
    }

    /// Joins one element of the "many" side with every element of its group.
    fn join_row(
        &self,
        join: &Join<'_>,
        group: &mut Group,
        many: &Row,
        results: &mut HashMap<LabelSet, Presence>,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        for one in &group.rows {
            let mut row = self.combine(join, many, one);
            // One-to-one, an element that has met another is taken, whether or not a comparison keeps the pair.
            let met = Presence::of(many, join.steps).both(&Presence::of(one, join.steps));
            if row.is_empty() && join.include.is_some() {
                continue;
            }
            row.labels = join.labels(many, one);
            let (taken, present) = match join.include {
                None => (&mut group.matched, met),
                Some(_) => {
                    self.budget.hold(row.labels.heap_bytes() + group.matched.heap_bytes())?;
                    let taken = results.entry(row.labels.clone()).or_insert_with(|| Presence::nowhere(join.steps));
                    (taken, Presence::of(&row, join.steps))
                }
            };
            if taken.both(&present).first().is_some() {
                return Err(join.ambiguous(group));
            }
            taken.add(&present);
            if !row.is_empty() {
                sink(row)?;
            }
        }
        Ok(())
    }

    /// The operator at every step where both sides have a value; what a comparison refuses is left out.
    fn combine(&self, join: &Join<'_>, many: &Row, one: &Row) -> Row {
        let (lhs, rhs) = if join.many_is_right { (one, many) } else { (many, one) };
        let floats = match lhs.floats.is_empty() || rhs.floats.is_empty() {
            true => Vec::new(),
            false => lhs.floats.iter().zip(&rhs.floats).map(|(&l, &r)| float(join.operator, l, r)).collect(),
        };
        let mut row = Row::of_floats(LabelSet::empty(), floats);
        if !lhs.histograms.is_empty() || !rhs.histograms.is_empty() {
            self.combine_histograms(join.operator, lhs, rhs, &mut row, join.steps);
        }
        row
    }

    fn combine_histograms(&self, operator: Operator, lhs: &Row, rhs: &Row, row: &mut Row, steps: usize) {
        row.histograms = vec![None; steps];
        row.floats.resize(steps, ABSENT);
        for step in (0..steps).filter(|&step| lhs.has(step) && rhs.has(step)) {
            let result = match (operator, lhs.histogram(step), rhs.histogram(step)) {
                (Operator::Arithmetic(op), Some(l), Some(r)) => op.of_histograms(l, r),
                (Operator::Arithmetic(op), Some(l), None) => op.of_histogram(l, rhs.float(step), true),
                (Operator::Arithmetic(op), None, Some(r)) => op.of_histogram(r, lhs.float(step), false),
                (Operator::Comparison(op, true), Some(l), Some(r)) => {
                    row.floats[step] = f64::from(u8::from(op.holds_for_histograms(l, r)));
                    continue;
                }
                (Operator::Comparison(op, false), Some(l), Some(r)) => op.holds_for_histograms(l, r).then(|| l.clone()),
                (_, None, None) => continue,
                _ => None,
            };
            if result.is_none() && !matches!(operator, Operator::Comparison(..)) {
                self.budget.warn("an operator between distributions and numbers left elements out");
            }
            row.histograms[step] = result.map(Box::new);
        }
    }
}

impl<'e> Join<'e> {
    fn of(operator: Operator, e: &'e BinaryExpr, steps: usize) -> Self {
        let modifier = e.modifier.as_ref();
        let (many_is_right, include) = match modifier.map(|modifier| &modifier.card) {
            Some(VectorMatchCardinality::ManyToOne(labels)) => (false, Some(labels.as_slice())),
            Some(VectorMatchCardinality::OneToMany(labels)) => (true, Some(labels.as_slice())),
            _ => (false, None),
        };
        Self { operator, modifier, many_is_right, include, steps }
    }

    fn labels(&self, many: &Row, one: &Row) -> LabelSet {
        let named = many.labels.clone();
        let mut labels = if self.operator.drops_name() { named.without_name() } else { named };
        if self.include.is_none() {
            labels = match self.modifier.and_then(|modifier| modifier.matching.as_ref()) {
                Some(LabelModifier::Include(on)) => Choice::only(on).of(&labels),
                Some(LabelModifier::Exclude(ignoring)) => {
                    ignoring.iter().fold(labels, |labels, name| labels.with(name, ""))
                }
                None => labels,
            };
        }
        let include = self.include.unwrap_or_default();
        include.iter().fold(labels, |labels, name| labels.with(name, one.labels.value(name)))
    }

    /// Two results with the same labels at one step.
    fn ambiguous(&self, group: &Group) -> QueryError {
        match (&group.doubled, self.include) {
            (Some((_, labels)), _) => self.doubled(labels),
            (None, None) => QueryError::execution(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
            ),
            (None, Some(_)) => {
                QueryError::execution("multiple matches for labels: grouping labels must ensure unique matches")
            }
        }
    }

    /// Two elements of the "one" side that match the same elements.
    fn doubled(&self, labels: &str) -> QueryError {
        let side = if self.many_is_right { "left" } else { "right" };
        QueryError::execution(format!(
            "found duplicate series for the match group on the {side} hand-side of the operation: [{labels}]; \
             many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    }
}

/// The operator between two floats of which each may be absent.
#[inline]
fn float(operator: Operator, lhs: f64, rhs: f64) -> f64 {
    if is_absent(lhs) || is_absent(rhs) {
        return ABSENT;
    }
    match operator {
        Operator::Comparison(comparison, false) if !comparison.holds(lhs, rhs) => ABSENT,
        Operator::Comparison(_, false) => lhs,
        _ => operator.scalars(lhs, rhs),
    }
}

impl Group {
    fn of(row: Row, steps: usize) -> Self {
        let (present, matched) = (Presence::of(&row, steps), Presence::nowhere(steps));
        Self { rows: vec![row], present, doubled: None, matched }
    }

    fn add(&mut self, row: Row, steps: usize) {
        let present = Presence::of(&row, steps);
        let both = self.present.both(&present);
        if let Some(step) = both.first() {
            let other = || self.rows.iter().find(|other| other.has(step)).map(|other| other.labels.to_string());
            let labels = || format!("{}, {}", other().unwrap_or_default(), row.labels);
            self.doubled.get_or_insert_with(|| (Presence::nowhere(steps), labels())).0.add(&both);
        }
        self.present.add(&present);
        self.rows.push(row);
    }
}
