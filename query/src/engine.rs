//! The door: a query, a source and times enter; an answer or a reason leaves.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use promql_parser::parser::Expr;
use promql_parser::parser::value::ValueType;
use weir_sample::{Reading, Timestamp};
use weir_store::Hint;

use crate::answer::{Answer, Data, Line, Point, Sample};
use crate::budget::{Budget, Limits};
use crate::collect::Collected;
use crate::error::QueryError;
use crate::evaluate::{Evaluator, string, type_name};
use crate::functions::order::is_ordered;
use crate::labels::LabelSet;
use crate::read::source::Source;
use crate::row::{Row, Steps, is_present};
use crate::text::parse::parse;

/// Evaluates queries within limits. Cheap to clone; clones share their counters.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    limits: Limits,
    deadline: Option<Instant>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    answered: AtomicU64,
    bad_data: AtomicU64,
    execution: AtomicU64,
    too_large: AtomicU64,
    timeout: AtomicU64,
    internal: AtomicU64,
    series: AtomicU64,
    samples: AtomicU64,
    micros: AtomicU64,
}

impl Engine {
    /// An engine that holds every query to `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The same engine for one query that must end by `deadline`, or by its own time limit if that is earlier.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// Evaluates a query at one time.
    ///
    /// # Errors
    /// Every [`QueryError`].
    pub fn instant(&self, source: &dyn Source, query: &str, time: Timestamp) -> Result<Answer, QueryError> {
        self.count(|budget| {
            let expr = parse(query)?;
            let evaluation = Evaluation::new(source, budget, Steps::instant(time.millis()));
            let data = evaluation.instant(&expr, time)?;
            Ok(evaluation.answer(data))
        })
    }

    /// Evaluates a query at `start`, `start + step` and so on up to `end`.
    ///
    /// # Errors
    /// Every [`QueryError`].
    pub fn range(
        &self,
        source: &dyn Source,
        query: &str,
        start: Timestamp,
        end: Timestamp,
        step: Duration,
    ) -> Result<Answer, QueryError> {
        self.count(|budget| {
            let steps = self.steps(start, end, step)?;
            let expr = parse(query)?;
            let evaluation = Evaluation::new(source, budget, steps);
            let data = evaluation.range(&expr)?;
            Ok(evaluation.answer(data))
        })
    }

    /// The engine's own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let counters = &self.counters;
        let refused = |reason: &str, counter: &AtomicU64| {
            let help = "Queries that got no answer. too_large: narrow the query or raise its limits; timeout: as \
                        too_large, or add CPU; bad_data, execution: mend the query; internal: see the log.";
            Reading::counter("weir_queries_refused_total", &[("reason", reason)], counter.load(Relaxed), help)
        };
        let total = |name: &str, counter: &AtomicU64, help| Reading::counter(name, &[], counter.load(Relaxed), help);
        let seconds = Reading {
            value: counters.micros.load(Relaxed) as f64 / 1e6,
            ..total("weir_query_seconds_total", &counters.micros, "Time spent on evaluating queries.")
        };
        vec![
            total("weir_queries_answered_total", &counters.answered, "Queries answered."),
            refused("bad_data", &counters.bad_data),
            refused("execution", &counters.execution),
            refused("too_large", &counters.too_large),
            refused("timeout", &counters.timeout),
            refused("internal", &counters.internal),
            total("weir_query_series_total", &counters.series, "Series read by queries."),
            total("weir_query_samples_total", &counters.samples, "Samples read by queries."),
            seconds,
        ]
    }

    fn steps(&self, start: Timestamp, end: Timestamp, step: Duration) -> Result<Steps, QueryError> {
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        if step == 0 {
            let message = "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
                           Try a positive integer";
            return Err(QueryError::Parameter(message.into()));
        }
        if end < start {
            let message = "invalid parameter \"end\": end timestamp must not be before start time";
            return Err(QueryError::Parameter(message.into()));
        }
        let steps = Steps::spanning(start.millis(), end.millis(), step);
        if steps.count > self.limits.steps {
            let message = format!(
                "exceeded maximum resolution of {} points per timeseries. Try decreasing the query resolution \
                 (?step=XX)",
                self.limits.steps
            );
            return Err(QueryError::Parameter(message));
        }
        Ok(steps)
    }

    /// Runs one query and counts what became of it.
    #[expect(clippy::disallowed_methods, reason = "a deadline and the time spent are the machine's, not the data's")]
    fn count(&self, run: impl FnOnce(&Budget) -> Result<Answer, QueryError>) -> Result<Answer, QueryError> {
        let started = Instant::now();
        let latest = started + self.limits.time;
        let budget = Budget::new(self.limits, self.deadline.map_or(latest, |deadline| deadline.min(latest)));
        let outcome = budget.check_time().and_then(|()| run(&budget));
        let counters = &self.counters;
        let counter = match &outcome {
            Ok(_) => &counters.answered,
            Err(QueryError::Parse(_) | QueryError::Parameter(_)) => &counters.bad_data,
            Err(QueryError::Unsupported(_) | QueryError::Execution(_)) => &counters.execution,
            Err(QueryError::TooLarge { .. }) => &counters.too_large,
            Err(QueryError::Timeout) => &counters.timeout,
            Err(QueryError::Source(_)) => &counters.internal,
        };
        let (series, samples) = budget.read_so_far();
        counter.fetch_add(1, Relaxed);
        counters.series.fetch_add(series as u64, Relaxed);
        counters.samples.fetch_add(samples as u64, Relaxed);
        counters.micros.fetch_add(started.elapsed().as_micros() as u64, Relaxed);
        outcome
    }
}

/// One query on its way.
struct Evaluation<'a> {
    evaluator: Evaluator<'a>,
    steps: Steps,
}

impl<'a> Evaluation<'a> {
    fn new(source: &'a dyn Source, budget: &'a Budget, steps: Steps) -> Self {
        Self { evaluator: Evaluator { source, budget, query: steps, tiers: RefCell::default() }, steps }
    }

    fn answer(self, data: Data) -> Answer {
        Answer { data, warnings: self.evaluator.budget.warnings(), tiers: self.evaluator.tiers.take() }
    }

    fn instant(&self, expr: &Expr, time: Timestamp) -> Result<Data, QueryError> {
        Ok(match expr.value_type() {
            ValueType::String => Data::String(time, string(expr)?.to_owned()),
            ValueType::Scalar => Data::Scalar(time, self.evaluator.scalar(expr, self.steps)?[0]),
            ValueType::Matrix => Data::Matrix(self.raw(expr)?),
            ValueType::Vector => {
                let mut rows = self.collect(expr)?;
                if !is_ordered(expr) {
                    rows.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
                }
                Data::Vector(rows.into_iter().filter_map(|row| sample(row, time)).collect())
            }
        })
    }

    fn range(&self, expr: &Expr) -> Result<Data, QueryError> {
        let mut rows = match expr.value_type() {
            ValueType::Vector => self.collect(expr)?,
            ValueType::Scalar => {
                vec![Row::of_floats(LabelSet::empty(), self.evaluator.scalar(expr, self.steps)?)]
            }
            other => {
                let message = format!(
                    "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                    type_name(other)
                );
                return Err(QueryError::Parse(message));
            }
        };
        rows.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Data::Matrix(rows.into_iter().map(|row| line(row, self.steps)).collect()))
    }

    fn collect(&self, expr: &Expr) -> Result<Vec<Row>, QueryError> {
        let mut rows = Collected::new(self.evaluator.budget);
        self.evaluator.vector(expr, self.steps, &mut |row| rows.add(row))?;
        Ok(rows.into_rows())
    }

    /// The samples of a range expression as they are.
    fn raw(&self, expr: &Expr) -> Result<Vec<Line>, QueryError> {
        let mut lines = Vec::new();
        self.evaluator.ranges(expr, self.steps, Hint::Raw, &mut |samples, ranges| {
            self.evaluator.budget.hold(samples.timestamps.len() * size_of::<(i64, f64)>())?;
            lines.push(samples.into_line(ranges));
            Ok(())
        })?;
        lines.retain(|line| !line.floats.is_empty() || !line.sketches.is_empty());
        lines.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        Ok(lines)
    }
}

fn sample(mut row: Row, time: Timestamp) -> Option<Sample> {
    let value = match row.float(0) {
        value if is_present(value) => Point::Float(value),
        _ => Point::Sketch(row.sketches.first_mut()?.take()?),
    };
    Some(Sample { labels: row.labels, time, value })
}

fn line(row: Row, steps: Steps) -> Line {
    let times = || steps.instants().map(Timestamp);
    Line {
        labels: row.labels,
        floats: times().zip(row.floats).filter(|(_, value)| is_present(*value)).collect(),
        sketches: times().zip(row.sketches).filter_map(|(time, sketch)| Some((time, sketch?))).collect(),
    }
}
