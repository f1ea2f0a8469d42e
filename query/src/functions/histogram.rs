//! Histogram functions: of histograms, and of classic histograms whose buckets are series with a label `le`.

use std::collections::HashMap;

use crate::syntax::{Expr, quoted};
use weir_sample::Histogram;

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::functions::calendar::rfc3339;
use crate::functions::classic::{Bucket, Forced, bound, bucket_fraction, bucket_quantile, tidy};
use crate::labels::{Choice, LabelSet};
use crate::number::{short, significant};
use crate::row::{ABSENT, Row, Steps, is_present};

/// The label that holds a classic bucket's upper bound.
const BOUND: &str = "le";

/// A question to a histogram; parameters hold a value per step.
pub(crate) enum Question {
    Quantile(Vec<f64>),
    /// The share of observations between two values.
    Fraction(Vec<f64>, Vec<f64>),
}

/// A doubt about the answer of a histogram that has observed what is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoNumbers {
    Result,
    Skewed,
    Excluded,
}

impl Question {
    fn of_histogram(&self, histogram: &Histogram, step: usize) -> (f64, Option<NoNumbers>) {
        match self {
            Self::Quantile(phi) => {
                let value = histogram.quantile(phi[step]);
                let asked = (0.0..=1.0).contains(&phi[step]) && histogram.count() != 0.0 && histogram.sum().is_nan();
                let doubt = match () {
                    () if !asked => None,
                    () if value.is_nan() => Some(NoNumbers::Result),
                    () if histogram.no_numbers() > 0.0 => Some(NoNumbers::Skewed),
                    () => None,
                };
                (value, doubt)
            }
            Self::Fraction(lower, upper) => {
                let (lower, upper) = (lower[step], upper[step]);
                if histogram.count() == 0.0 || lower.is_nan() || upper.is_nan() {
                    return (f64::NAN, None);
                }
                if lower >= upper {
                    return (0.0, None);
                }
                let within = histogram.count_at_most(upper) - histogram.count_at_most(lower);
                (within / histogram.count(), (histogram.no_numbers() > 0.0).then_some(NoNumbers::Excluded))
            }
        }
    }

    /// The answer of classic buckets; `forced` tells where their counts had to be made to rise.
    fn of_buckets(&self, buckets: &mut Vec<Bucket>, step: usize, forced: &mut Option<Forced>) -> f64 {
        match self {
            Self::Quantile(phi) => match phi[step] {
                phi if phi.is_nan() => f64::NAN,
                phi if phi < 0.0 => f64::NEG_INFINITY,
                phi if phi > 1.0 => f64::INFINITY,
                phi if tidy(buckets, Some(forced)) && buckets.len() > 1 => bucket_quantile(phi, buckets),
                _ => f64::NAN,
            },
            Self::Fraction(lower, upper) if tidy(buckets, None) => bucket_fraction(lower[step], upper[step], buckets),
            Self::Fraction(..) => f64::NAN,
        }
    }
}

/// The buckets of one classic histogram: upper bound and counts per step.
#[derive(Default)]
struct Classic {
    buckets: Vec<(f64, Vec<f64>)>,
    drops_name: bool,
}

impl Classic {
    fn has(&self, step: usize) -> bool {
        self.buckets.iter().any(|(_, counts)| is_present(counts[step]))
    }
}

impl Evaluator<'_> {
    /// Asks every histogram of a vector, of both kinds. Where a name has both at a step, neither is answered.
    pub(crate) fn histogram(
        &self,
        question: &Question,
        expr: &Expr,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let choice = Choice::all_but(&[BOUND.to_owned()]);
        // Buckets of two metrics make two histograms, whose results then have the same labels.
        let mut classic: HashMap<(Box<str>, LabelSet), Classic> = HashMap::new();
        let mut answers = Vec::new();
        self.vector(expr, steps, &mut |row| {
            if !row.histograms.is_empty() {
                let answer = self.answers(question, expr, &row, steps.count);
                self.budget.hold(answer.heap_bytes())?;
                answers.push(answer);
            }
            if !row.floats.iter().any(|value| is_present(*value)) {
                return Ok(());
            }
            match bound(row.labels.value(BOUND)) {
                Some(bound) => {
                    self.budget.hold(row.heap_bytes())?;
                    let histogram = (row.labels.name().into(), choice.of(&row.labels));
                    let classic: &mut Classic = classic.entry(histogram).or_default();
                    classic.buckets.push((bound, row.floats));
                    classic.drops_name = row.drops_name;
                }
                None => self.warn(expr, &self.misbounded(&row.labels)),
            }
            Ok(())
        })?;
        for mut answer in answers {
            if let Some(other) = classic.get_mut(&(answer.labels.name().into(), choice.of(&answer.labels))) {
                self.tell_apart(expr, &mut answer, other, steps.count);
            }
            sink(self.nameless(answer))?;
        }
        let mut all_forced: HashMap<String, Forced> = HashMap::new();
        for ((name, labels), classic) in classic {
            self.budget.work(classic.buckets.len() * steps.count * 4)?;
            let named = if name.is_empty() { labels } else { labels.with("__name__", &name) };
            let told = self.told_name(&named).to_owned();
            let mut forced = None;
            let floats = of_classic(question, &classic, steps, &mut forced);
            if let Some(forced) = forced {
                all_forced.entry(told).and_modify(|all| all.join(forced)).or_insert(forced);
            }
            let mut row = Row::of_floats(named, floats);
            row.drops_name = classic.drops_name;
            sink(self.nameless(row))?;
        }
        for (name, forced) in all_forced {
            self.inform(expr, &told_forced(&name, forced));
        }
        Ok(())
    }

    fn answers(&self, question: &Question, expr: &Expr, row: &Row, steps: usize) -> Row {
        let value = |step: usize| {
            let Some(histogram) = row.histogram(step) else { return ABSENT };
            let (value, doubt) = question.of_histogram(histogram, step);
            let what = match doubt {
                None => return value,
                Some(NoNumbers::Result) => "input to histogram_quantile has NaN observations, result is NaN",
                Some(NoNumbers::Skewed) => "input to histogram_quantile has NaN observations, result is skewed higher",
                Some(NoNumbers::Excluded) => {
                    "input to histogram_fraction has NaN observations, which are excluded from all fractions"
                }
            };
            self.inform(expr, &about(what, self.told_name(&row.labels)));
            value
        };
        let mut answer = Row::of_floats(row.labels.clone(), (0..steps).map(value).collect());
        answer.drops_name = row.drops_name;
        answer
    }

    fn tell_apart(&self, expr: &Expr, answer: &mut Row, classic: &mut Classic, steps: usize) {
        for step in (0..steps).filter(|&step| is_present(answer.float(step))).collect::<Vec<_>>() {
            if classic.has(step) {
                let what = "vector contains a mix of classic and native histograms";
                self.warn(expr, &about(what, self.told_name(&answer.labels)));
                answer.clear(step);
                classic.buckets.iter_mut().for_each(|(_, counts)| counts[step] = ABSENT);
            }
        }
    }

    fn misbounded(&self, labels: &LabelSet) -> String {
        let what =
            format!("bucket label \"le\" is missing or has a malformed value of {}", quoted(labels.value(BOUND)));
        about(&what, self.told_name(labels))
    }

    /// A number per histogram: count, sum, …; plain numbers are left out.
    pub(crate) fn histogram_figure(
        &self,
        figure: fn(&Histogram) -> f64,
        expr: &Expr,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        self.vector(expr, steps, &mut |mut row| {
            if row.histograms.is_empty() {
                return Ok(());
            }
            row.floats = (0..steps.count).map(|step| row.histogram(step).map_or(ABSENT, figure)).collect();
            row.histograms = Vec::new();
            sink(self.nameless(row))
        })
    }
}

/// A sentence about a metric, whose name may be lost.
fn about(what: &str, name: &str) -> String {
    if name.is_empty() { what.to_owned() } else { format!("{what} for metric name {}", quoted(name)) }
}

fn told_forced(name: &str, forced: Forced) -> String {
    let what = "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
    let (from, to, diff) = (short(forced.from), short(forced.to), significant(forced.diff, 2));
    let (first, last) = (rfc3339(forced.first / 1_000), rfc3339(forced.last / 1_000));
    let what = about(what, name);
    format!(
        "{what}, from buckets {from} to {to}, with a max diff of {diff}, over {} samples from {first} to {last}",
        forced.samples
    )
}

/// The function that takes one number from a histogram.
pub(crate) fn figure(name: &str) -> Option<fn(&Histogram) -> f64> {
    Some(match name {
        "histogram_count" => Histogram::count,
        "histogram_sum" => Histogram::sum,
        "histogram_avg" => |histogram| histogram.sum() / histogram.count(),
        "histogram_stdvar" => Histogram::variance,
        "histogram_stddev" => |histogram| histogram.variance().sqrt(),
        _ => return None,
    })
}

fn of_classic(question: &Question, histogram: &Classic, steps: Steps, forced: &mut Option<Forced>) -> Vec<f64> {
    let mut buckets: Vec<Bucket> = Vec::with_capacity(histogram.buckets.len());
    let value = |step: usize| {
        buckets.clear();
        let present = histogram.buckets.iter().map(|(bound, counts)| Bucket { bound: *bound, count: counts[step] });
        buckets.extend(present.filter(|bucket| is_present(bucket.count)));
        if buckets.is_empty() {
            return ABSENT;
        }
        let mut here = None;
        let value = question.of_buckets(&mut buckets, step, &mut here);
        if let Some(here) = here {
            let here: Forced = here.at(steps.at(step));
            match forced {
                Some(forced) => forced.join(here),
                None => *forced = Some(here),
            }
        }
        value
    };
    (0..steps.count).map(value).collect()
}
