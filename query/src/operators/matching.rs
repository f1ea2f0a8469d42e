//! Operators between two vectors: which elements belong together, and what labels their result has.

use std::collections::HashMap;

use crate::syntax::{BinaryExpr, LabelModifier, VectorMatchCardinality, quoted};

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::labels::{Choice, LabelSet, METRIC_NAME};
use crate::operators::arithmetic::Operator;
use crate::operators::elements::{Element, Outcome};
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
    e: &'e BinaryExpr,
    choice: Choice,
    /// The side of which several elements may match one is the right one (`group_right`).
    many_is_right: bool,
    /// Labels taken from the "one" side; `None` for one-to-one matching.
    include: Option<&'e [String]>,
    /// What stands for a missing element of the "many" side and of the "one" side.
    fill: [Option<f64>; 2],
    steps: usize,
}

/// The elements of the "one" side that share a signature.
struct Group {
    rows: Vec<Row>,
    present: Presence,
    /// Steps at which two of `rows` have a value, with what the first such two have in common and their labels.
    doubled: Option<(Presence, (String, String))>,
    /// One-to-one: steps at which an element of the other side has matched.
    matched: Presence,
    /// Steps at which the other side has an element that came to something.
    met: Presence,
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
        let mut key = String::new();
        let mut groups: HashMap<Box<str>, Group> = HashMap::new();
        self.vector(one, steps, &mut |row| {
            self.budget.hold(row.heap_bytes())?;
            join.choice.write(&row.labels, &mut key);
            match groups.get_mut(key.as_str()) {
                Some(group) => group.add(row, &join.choice, steps.count),
                None => drop(groups.insert(key.as_str().into(), Group::of(row, steps.count))),
            }
            Ok(())
        })?;
        let mut met = Presence::nowhere(steps.count);
        let mut results = HashMap::new();
        self.vector(many, steps, &mut |row| {
            met.add(&Presence::of(&row, steps.count));
            join.choice.write(&row.labels, &mut key);
            let mut alone = Group::empty(steps.count);
            let group = match groups.get_mut(key.as_str()) {
                Some(group) => group,
                None if join.fill[1].is_some() => &mut alone,
                None => return Ok(()),
            };
            self.join_row(&join, group, &row, &mut results, sink)
        })?;
        if let Some(fill) = join.fill[0] {
            for group in groups.values_mut() {
                self.fill_many(&join, group, fill, (&mut met, &mut results), sink)?;
            }
        }
        let doubled = groups.values().filter_map(|group| group.doubled.as_ref());
        match doubled.into_iter().find(|(at, _)| at.both(&met).first().is_some()) {
            Some((_, labels)) => Err(join.doubled(labels)),
            None => Ok(()),
        }
    }

    /// Joins one element of the "many" side with every element of its group, and with what stands for one.
    fn join_row(
        &self,
        join: &Join<'_>,
        group: &mut Group,
        many: &Row,
        results: &mut HashMap<LabelSet, Presence>,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        if let Some(fill) = join.fill[1] {
            let alone = Presence::of(many, join.steps).without(&group.present);
            if alone.first().is_some() {
                let filled = join.filled(many, fill, &alone);
                self.join_pair(join, group, (many, &filled), results, sink)?;
            }
        }
        let rows = std::mem::take(&mut group.rows);
        let outcome = rows.iter().try_for_each(|one| self.join_pair(join, group, (many, one), results, sink));
        group.rows = rows;
        outcome
    }

    /// Joins elements of the "one" side that no other has met with what stands for one.
    fn fill_many(
        &self,
        join: &Join<'_>,
        group: &mut Group,
        fill: f64,
        (met, results): (&mut Presence, &mut HashMap<LabelSet, Presence>),
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let (rows, known) = (std::mem::take(&mut group.rows), group.met.clone());
        let outcome = rows.iter().try_for_each(|one| {
            let alone = Presence::of(one, join.steps).without(&known);
            if alone.first().is_none() {
                return Ok(());
            }
            met.add(&alone);
            let filled = join.filled(one, fill, &alone);
            self.join_pair(join, group, (&filled, one), results, sink)
        });
        group.rows = rows;
        outcome
    }

    fn join_pair(
        &self,
        join: &Join<'_>,
        group: &mut Group,
        (many, one): (&Row, &Row),
        results: &mut HashMap<LabelSet, Presence>,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        // An element that has met another is taken, whether or not a comparison keeps the pair.
        let mut met = Presence::of(many, join.steps).both(&Presence::of(one, join.steps));
        let mut row = self.combine(join, many, one, &mut met);
        group.met.add(&met);
        if row.is_empty() && join.include.is_some() {
            return Ok(());
        }
        row.labels = join.labels(many, one, self.budget.limits.delayed_name_removal);
        row.drops_name = many.drops_name
            || matches!(join.operator, Operator::Comparison(_, true)) && self.budget.limits.delayed_name_removal;
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
        if row.is_empty() { Ok(()) } else { sink(row) }
    }

    /// The operator at every step where both sides have a value; what a comparison refuses is left out. Steps at which it
    /// makes no sense are taken from those at which the two have met.
    fn combine<'e>(&self, join: &Join<'_>, many: &'e Row, one: &'e Row, met: &mut Presence) -> Row {
        let (lhs, rhs) = if join.many_is_right { (one, many) } else { (many, one) };
        let has_floats = !lhs.floats.is_empty() && !rhs.floats.is_empty();
        let mut row = Row::of_floats(LabelSet::empty(), Vec::new());
        if let Operator::Trim(_) = join.operator {
            if has_floats {
                self.mismatched(join.e, Element::Float(0.0), Element::Float(0.0));
            }
        } else if has_floats {
            row.floats = lhs.floats.iter().zip(&rhs.floats).map(|(&l, &r)| float(join.operator, l, r)).collect();
        }
        if lhs.histograms.is_empty() && rhs.histograms.is_empty() {
            return row;
        }
        row.histograms = vec![None; join.steps];
        row.floats.resize(join.steps, ABSENT);
        for step in (0..join.steps).filter(|&step| lhs.has(step) && rhs.has(step)) {
            let element =
                |row: &'e Row| row.histogram(step).map_or(Element::Float(row.float(step)), Element::Histogram);
            let (l, r) = (element(lhs), element(rhs));
            if let (Element::Float(_), Element::Float(_)) = (l, r) {
                continue;
            }
            match self.elements_of(join.operator, join.e, l, r) {
                Outcome::Float(value) => row.floats[step] = value,
                Outcome::Histogram(histogram) => row.histograms[step] = Some(histogram),
                Outcome::Filtered => {}
                Outcome::Nothing => met.unmark(step),
            }
        }
        row
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
        let [left, right] = modifier.map_or([None; 2], |modifier| [modifier.fill_left, modifier.fill_right]);
        let fill = if many_is_right { [right, left] } else { [left, right] };
        Self { operator, e, choice: signature(e), many_is_right, include, fill, steps }
    }

    /// What stands for an element that matches this one, at some steps.
    fn filled(&self, row: &Row, fill: f64, at: &Presence) -> Row {
        let values = (0..self.steps).map(|step| if at.has(step) { fill } else { ABSENT }).collect();
        Row::of_floats(self.choice.of(&row.labels), values)
    }

    fn labels(&self, many: &Row, one: &Row, keeps_compared: bool) -> LabelSet {
        let named = many.labels.clone();
        let drops = match self.operator {
            Operator::Comparison(_, true) => !keeps_compared,
            operator => operator.drops_name(),
        };
        let mut labels = if drops { named.without_name() } else { named };
        if self.include.is_none() {
            labels = match self.e.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref()) {
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
    fn doubled(&self, (group, series): &(String, String)) -> QueryError {
        let side = if self.many_is_right { "left" } else { "right" };
        QueryError::execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{series}]\
             ;many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    }
}

/// A label set with its name among the labels, as Prometheus tells it in errors.
fn braced(labels: &LabelSet) -> String {
    let named = (!labels.name().is_empty()).then_some((METRIC_NAME, labels.name()));
    let pairs: Vec<String> =
        named.into_iter().chain(labels.labels()).map(|(l, v)| format!("{l}={}", quoted(v))).collect();
    format!("{{{}}}", pairs.join(", "))
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
    fn empty(steps: usize) -> Self {
        let nowhere = Presence::nowhere(steps);
        Self { rows: Vec::new(), present: nowhere.clone(), doubled: None, matched: nowhere.clone(), met: nowhere }
    }

    fn of(row: Row, steps: usize) -> Self {
        let present = Presence::of(&row, steps);
        Self { rows: vec![row], present, ..Self::empty(steps) }
    }

    fn add(&mut self, row: Row, choice: &Choice, steps: usize) {
        let present = Presence::of(&row, steps);
        let both = self.present.both(&present);
        if let Some(step) = both.first() {
            let other = || self.rows.iter().find(|other| other.has(step)).map(|other| braced(&other.labels));
            let labels = || {
                let mut two = [other().unwrap_or_default(), braced(&row.labels)];
                two.sort();
                (choice.of(&row.labels).to_string(), two.join(", "))
            };
            self.doubled.get_or_insert_with(|| (Presence::nowhere(steps), labels())).0.add(&both);
        }
        self.present.add(&present);
        self.rows.push(row);
    }
}
