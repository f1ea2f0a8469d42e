//! Function calls: which function there is for a name, and what it takes.

use crate::syntax::{Call, Expr};

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink, string};
use crate::functions::calendar;
use crate::functions::histogram::{self, Question};
use crate::functions::maths;
use crate::labels::{LabelSet, is_label_name};
use crate::presence::Presence;
use crate::read::select::Newest;
use crate::row::{ABSENT, Row, Steps};

impl Evaluator<'_> {
    /// A function whose result is an instant vector.
    pub(crate) fn call(&self, call: &Call, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        if let Some(outcome) = self.over_time(call, steps, sink) {
            return outcome;
        }
        let name = call.func.name;
        let args: Vec<&Expr> = call.args.iter().collect();
        if let (Some(function), [vector]) = (maths::function(name), args.as_slice()) {
            return self.vector(vector, steps, &mut |row| sink(self.nameless(row.map(function))));
        }
        if let Some(part) = calendar::part(name) {
            return self.date_part(part, args.first().copied(), steps, sink);
        }
        if let (Some(figure), [vector]) = (histogram::figure(name), args.as_slice()) {
            return self.histogram_figure(figure, vector, steps, sink);
        }
        match (name, args.as_slice()) {
            ("absent", [vector]) => self.absent(vector, steps, sink),
            ("absent_over_time", [range]) => self.absent_over_time(range, steps, sink),
            ("vector", [scalar]) => self.vector_of_scalar(scalar, steps, sink),
            ("timestamp", [vector]) => self.timestamp(vector, steps, sink),
            ("start_timestamp", [vector]) => self.start_timestamp(vector, steps, sink),
            ("info", [vector, labels @ ..]) => self.info(vector, labels.first().copied(), steps, sink),
            ("sort", [vector]) => self.sort(vector, false, steps, sink),
            ("sort_desc", [vector]) => self.sort(vector, true, steps, sink),
            ("sort_by_label", args) => self.sort_by_label(args, false, steps, sink),
            ("sort_by_label_desc", args) => self.sort_by_label(args, true, steps, sink),
            ("label_replace", args) => self.label_replace(args, steps, sink),
            ("label_join", args) => self.label_join(args, steps, sink),
            ("clamp", [vector, low, high]) => self.clamp(vector, Some(low), Some(high), steps, sink),
            ("clamp_min", [vector, low]) => self.clamp(vector, Some(low), None, steps, sink),
            ("clamp_max", [vector, high]) => self.clamp(vector, None, Some(high), steps, sink),
            ("round", [vector, to @ ..]) => self.round(vector, to.first().copied(), steps, sink),
            ("histogram_quantile", [phi, vector]) => {
                let asked = self.scalar(phi, steps)?;
                self.check_quantiles(phi, &asked);
                self.histogram(&Question::Quantile(asked), vector, steps, sink)
            }
            ("histogram_quantiles", [vector, label, phi @ ..]) => {
                self.histogram_quantiles(vector, string(label)?, phi, steps, sink)
            }
            ("histogram_fraction", [low, high, vector]) => {
                let question = Question::Fraction(self.scalar(low, steps)?, self.scalar(high, steps)?);
                self.histogram(&question, vector, steps, sink)
            }
            _ => Err(unsupported(name)),
        }
    }

    /// A function whose result is a scalar.
    pub(crate) fn scalar_call(&self, call: &Call, steps: Steps) -> Result<Vec<f64>, QueryError> {
        let args: Vec<&Expr> = call.args.iter().collect();
        let all = |value: f64| Ok(vec![value; steps.count]);
        let (start, end) = (self.query.start as f64 / 1e3, self.query.end() as f64 / 1e3);
        match (call.func.name, args.as_slice()) {
            ("time", []) => Ok(steps.instants().map(|at| at as f64 / 1e3).collect()),
            ("scalar", [vector]) => self.only_value(vector, steps),
            ("pi", []) => all(std::f64::consts::PI),
            ("start", []) => all(start),
            ("end", []) => all(end),
            ("range", []) => all(end - start),
            ("step", []) => all(self.query.step as f64 / 1e3),
            ("min_of", [a, b]) => self.scalar_pair(a, b, steps, maths::min),
            ("max_of", [a, b]) => self.scalar_pair(a, b, steps, maths::max),
            (name, _) => Err(unsupported(name)),
        }
    }

    fn scalar_pair(&self, a: &Expr, b: &Expr, steps: Steps, f: fn(f64, f64) -> f64) -> Result<Vec<f64>, QueryError> {
        let (a, b) = (self.scalar(a, steps)?, self.scalar(b, steps)?);
        Ok(a.into_iter().zip(b).map(|(a, b)| f(a, b)).collect())
    }

    /// A series for each quantile of each histogram, told apart by a label.
    fn histogram_quantiles(
        &self,
        vector: &Expr,
        label: &str,
        asked: &[&Expr],
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        if !is_label_name(label) {
            return Err(QueryError::execution(format!("invalid label name {label:?}")));
        }
        for one in asked {
            let phi = self.scalar(one, steps)?;
            self.check_quantiles(one, &phi);
            // A label cannot change from step to step.
            let text = open_metrics(phi.first().copied().unwrap_or(f64::NAN));
            self.histogram(&Question::Quantile(phi), vector, steps, &mut |mut row| {
                row.labels = row.labels.with(label, &text);
                sink(row)
            })?;
        }
        Ok(())
    }

    /// The time of a selector's sample; any other vector's elements are as old as the step.
    fn timestamp(&self, vector: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        match vector.bare() {
            Expr::VectorSelector(selector) => {
                self.newest(selector, steps, Newest::Time, &mut |row| sink(self.nameless(row)))
            }
            _ => self.vector(vector, steps, &mut |row| {
                let present = Presence::of(&row, steps.count);
                let time = |step| if present.has(step) { steps.at(step) as f64 / 1e3 } else { ABSENT };
                let mut times = Row::of_floats(row.labels, (0..steps.count).map(time).collect());
                times.drops_name = row.drops_name;
                sink(self.nameless(times))
            }),
        }
    }

    /// Since when a selector's sample counts; nothing of what does not say so.
    fn start_timestamp(&self, vector: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        match vector.bare() {
            Expr::VectorSelector(selector) => {
                self.newest(selector, steps, Newest::Start, &mut |row| sink(self.nameless(row)))
            }
            _ => self.vector(vector, steps, &mut |_| Ok(())),
        }
    }

    /// A part of the dates that a vector holds, of the step's own time if there is no vector.
    fn date_part(
        &self,
        part: fn(f64) -> f64,
        vector: Option<&Expr>,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        match vector {
            Some(vector) => self.vector(vector, steps, &mut |row| sink(self.nameless(row.map(part)))),
            None => {
                let values = steps.instants().map(|at| part(at as f64 / 1e3)).collect();
                sink(Row::of_floats(LabelSet::empty(), values))
            }
        }
    }

    fn clamp(
        &self,
        vector: &Expr,
        low: Option<&Expr>,
        high: Option<&Expr>,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let bound = |expr: Option<&Expr>, none: f64| match expr {
            Some(expr) => self.scalar(expr, steps),
            None => Ok(vec![none; steps.count]),
        };
        let (low, high) = (bound(low, f64::NEG_INFINITY)?, bound(high, f64::INFINITY)?);
        self.vector(vector, steps, &mut |row| {
            let mut row = row.map_steps(|step, value| maths::max(low[step], maths::min(high[step], value)));
            // Between bounds that have changed places there is nothing.
            for step in (0..steps.count).filter(|&step| high[step] < low[step]) {
                row.clear(step);
            }
            sink(self.nameless(row))
        })
    }

    fn round(&self, vector: &Expr, to: Option<&Expr>, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let to = to.map_or_else(|| Ok(vec![1.0; steps.count]), |to| self.scalar(to, steps))?;
        self.vector(vector, steps, &mut |row| {
            sink(self.nameless(row.map_steps(|step, value| maths::round(value, to[step]))))
        })
    }
}

/// A number as OpenMetrics has it in labels: whole ones with a point.
fn open_metrics(number: f64) -> String {
    let mut text = String::new();
    crate::number::write_plain(&mut text, number);
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') { text + ".0" } else { text }
}

fn unsupported(name: &str) -> QueryError {
    QueryError::Unsupported(format!("function {name}()"))
}
