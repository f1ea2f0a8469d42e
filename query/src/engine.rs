//! The door: a query, a source and times enter; an answer or a reason leaves.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::syntax::{Asked, Expr};
use weir_sample::{Reading, Timestamp};
use weir_store::Matcher;

use crate::answer::{Answer, Cost};
use crate::budget::{Budget, Held, Limits};
use crate::cache::answering::{self, Remembered};
use crate::cache::results::ResultCache;
use crate::error::{QueryError, REASONS};
use crate::evaluation::Evaluation;
use crate::read::source::{Allow, Source};
use crate::row::Steps;
use crate::text::parse::{parse, selector_within};
use crate::text::query::Query;

/// Evaluates queries within limits. Cheap to clone; clones share their counters.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    limits: Limits,
    deadline: Option<Instant>,
    gone: Option<Arc<AtomicBool>>,
    counters: Arc<Counters>,
    cache: Option<Arc<ResultCache>>,
}

#[derive(Debug, Default)]
struct Counters {
    answered: AtomicU64,
    /// In the order of [`REASONS`].
    refused: [AtomicU64; REASONS.len()],
    series: AtomicU64,
    samples: AtomicU64,
    micros: AtomicU64,
    /// Bytes that queries in flight hold.
    held: Arc<AtomicUsize>,
}

impl Engine {
    /// An engine that holds every query to `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// One whose instant selectors look back for another time, if one is given.
    pub fn looking_back(&self, lookback: Option<Duration>) -> Self {
        let mut engine = self.clone();
        engine.limits.lookback = lookback.unwrap_or(engine.limits.lookback);
        engine
    }

    /// The same engine with a cache for whoever asks [`Engine::range_remembered`].
    #[must_use]
    pub fn with_cache(self, cache: ResultCache) -> Self {
        Self { cache: Some(Arc::new(cache)), ..self }
    }

    /// The cache, if there is one.
    pub fn cache(&self) -> Option<&ResultCache> {
        self.cache.as_deref()
    }

    /// The same engine for one query that must end by `deadline`, or by its own time limit if that is earlier.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// The same engine for a query that ends once `gone` is true.
    #[must_use]
    pub fn while_wanted(&self, gone: Arc<AtomicBool>) -> Self {
        Self { gone: Some(gone), ..self.clone() }
    }

    /// Whether a query of this engine may still begin: its deadline is to come, and somebody waits for it.
    pub fn has_time(&self) -> bool {
        self.budget().check_time().is_ok()
    }

    /// The limits of every query.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts a query that was refused before it came here.
    pub fn refuse(&self, error: &QueryError) {
        let counted = REASONS.iter().zip(&self.counters.refused).find(|(reason, _)| **reason == error.reason());
        counted.into_iter().for_each(|(_, counter)| _ = counter.fetch_add(1, Relaxed));
    }

    /// The conditions of a series selector, as `selector` has it, for a question that may take as long as a query.
    ///
    /// # Errors
    /// Every [`QueryError`].
    pub fn selector(&self, text: &str) -> Result<Vec<Matcher>, QueryError> {
        let budget = self.budget();
        let matchers = selector_within(text, &|| budget.check_time())?;
        Ok(matchers.into_iter().map(|matcher| matcher.while_wanted(budget.wanted())).collect())
    }

    #[expect(clippy::disallowed_methods, reason = "a deadline is the machine's, not the data's")]
    fn budget(&self) -> Budget {
        let latest = Instant::now() + self.limits.time;
        let deadline = self.deadline.map_or(latest, |deadline| deadline.min(latest));
        Budget::new(self.limits, deadline, self.gone.clone(), Held::among(&self.counters.held))
    }

    /// Runs a question for names and series within the limits of queries: `ask` says of each thing that it finds how many
    /// bytes it takes, and stops when it is told to.
    ///
    /// # Errors
    /// Every [`QueryError`].
    pub fn list<T>(&self, ask: impl FnOnce(Allow<'_>) -> Result<T, QueryError>) -> Result<(T, Held), QueryError> {
        self.count(|budget| {
            let mut met = None;
            let found = ask(&mut |bytes| {
                // Once as it is found, once as text.
                let spent = budget.hold(2 * bytes).and_then(|()| budget.work(bytes));
                match spent.and_then(|()| budget.check_answer(budget.held_bytes())) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        met = Some(error);
                        ControlFlow::Break(())
                    }
                }
            })?;
            // What was found when time was up may not be all.
            met.map_or_else(|| budget.check_time().map(|()| found), Err)
        })
        .map(|(found, held, _)| (found, held))
    }

    /// Evaluates a query at one time.
    ///
    /// # Errors
    /// Every [`QueryError`].
    pub fn instant(&self, source: &dyn Source, query: &str, time: Timestamp) -> Result<Answer, QueryError> {
        self.count(|budget| {
            let expr = parse(query, Asked::default(), &|| budget.check_time())?;
            evaluate_instant(source, budget, &expr, query, time)
        })
        .map(|(answer, held, cost)| Answer { held, cost, ..answer })
    }

    /// Evaluates a query that was parsed before, at one time.
    ///
    /// # Errors
    /// Every [`QueryError`] but those of parsing.
    pub fn ask(&self, source: &dyn Source, query: &Query, time: Timestamp) -> Result<Answer, QueryError> {
        self.count(|budget| evaluate_instant(source, budget, query.expr(), query.text(), time))
            .map(|(answer, held, cost)| Answer { held, cost, ..answer })
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
            let range = (end.millis() - start.millis()) as f64 / 1e3;
            let expr = parse(query, Asked { step: step.as_secs_f64(), range }, &|| budget.check_time())?;
            let evaluation = Evaluation::new(source, budget, steps, query);
            let data = evaluation.range(&expr)?;
            evaluation.answer(data).map(|answer| Answer { evaluated_steps: steps.count, ..answer })
        })
        .map(|(answer, held, cost)| Answer { held, cost, ..answer })
    }

    /// As [`Engine::range`], where values that were evaluated before and are the same still are not evaluated again. What is
    /// added up is added in one order, whatever the range: the answer is the same, to the last bit, as with an empty cache.
    ///
    /// # Errors
    /// Every [`QueryError`].
    pub fn range_remembered(
        &self,
        remembered: &Remembered<'_>,
        source: &dyn Source,
        query: &str,
        (start, end): (Timestamp, Timestamp),
        step: Duration,
    ) -> Result<Answer, QueryError> {
        self.count(|budget| {
            let steps = self.steps(start, end, step)?;
            let range = (end.millis() - start.millis()) as f64 / 1e3;
            let expr = parse(query, Asked { step: step.as_secs_f64(), range }, &|| budget.check_time())?;
            answering::range(remembered, (source, budget), (&expr, query), steps)
        })
        .map(|(answer, held, cost)| Answer { held, cost, ..answer })
    }

    /// The engine's own telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let counters = &self.counters;
        let refused = |(reason, counter): (&&str, &AtomicU64)| {
            let help = "Queries that got no answer. series, samples, memory, steps, label_bytes, answer_bytes: narrow the \
                        query or raise the limit that its error names; timeout: the same, or add CPU; all_memory, waiting: \
                        too many at once; gone: its client left; bad_data, execution: mend the query; internal: see the \
                        log.";
            Reading::counter("weir_queries_refused_total", &[("reason", reason)], counter.load(Relaxed), help)
        };
        let total = |name: &str, counter: &AtomicU64, help| Reading::counter(name, &[], counter.load(Relaxed), help);
        let seconds = Reading {
            value: counters.micros.load(Relaxed) as f64 / 1e6,
            ..total("weir_query_seconds_total", &counters.micros, "Time spent on evaluating queries.")
        };
        let held = "Bytes of results that queries in flight hold.";
        let held = Reading::gauge("weir_query_held_bytes", &[], counters.held.load(Relaxed) as f64, held);
        let own = [
            total("weir_queries_answered_total", &counters.answered, "Queries answered."),
            total("weir_query_series_total", &counters.series, "Series read by queries."),
            total("weir_query_samples_total", &counters.samples, "Samples read by queries."),
            seconds,
            held,
        ];
        let cached = self.cache.iter().flat_map(|cache| cache.readings());
        own.into_iter().chain(REASONS.iter().zip(&counters.refused).map(refused)).chain(cached).collect()
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
    fn count<T>(&self, run: impl FnOnce(&Budget) -> Result<T, QueryError>) -> Result<(T, Held, Cost), QueryError> {
        let started = Instant::now();
        let budget = self.budget();
        let outcome = budget.check_time().and_then(|()| run(&budget));
        let counters = &self.counters;
        match &outcome {
            Ok(_) => _ = counters.answered.fetch_add(1, Relaxed),
            Err(error) => self.refuse(error),
        }
        let (series, samples) = budget.read_so_far();
        counters.series.fetch_add(series as u64, Relaxed);
        counters.samples.fetch_add(samples as u64, Relaxed);
        let time = started.elapsed();
        counters.micros.fetch_add(time.as_micros() as u64, Relaxed);
        outcome.map(|found| (found, budget.into_held(), Cost { series, samples, time }))
    }
}

fn evaluate_instant(
    source: &dyn Source,
    budget: &Budget,
    expr: &Expr,
    text: &str,
    time: Timestamp,
) -> Result<Answer, QueryError> {
    let evaluation = Evaluation::new(source, budget, Steps::instant(time.millis()), text);
    let data = evaluation.instant(expr, time)?;
    evaluation.answer(data)
}
