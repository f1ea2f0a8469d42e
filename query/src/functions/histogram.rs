//! Histogram functions: of histograms, and of classic histograms whose buckets are series with a label `le`.

use std::collections::HashMap;

use crate::syntax::Expr;
use weir_sample::Histogram;

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::labels::{Choice, LabelSet};
use crate::row::{ABSENT, Row, Steps, is_present};

/// The label that holds a classic bucket's upper bound.
const BOUND: &str = "le";

/// Relative difference up to which a bucket below its predecessor is taken for a rounding error.
const SMALL_DELTA: f64 = 1e-12;

/// A question to a histogram; parameters hold a value per step.
pub(crate) enum Question {
    Quantile(Vec<f64>),
    /// The share of observations between two values.
    Fraction(Vec<f64>, Vec<f64>),
}

impl Question {
    fn of_histogram(&self, histogram: &Histogram, step: usize) -> f64 {
        match self {
            Self::Quantile(phi) => histogram.quantile(phi[step]),
            Self::Fraction(lower, upper) => fraction_of_histogram(histogram, lower[step], upper[step]),
        }
    }

    /// The answer of classic buckets; `forced` is set where their counts had to be made to rise.
    fn of_buckets(&self, buckets: &mut Vec<Bucket>, step: usize, forced: &mut bool) -> f64 {
        match self {
            Self::Quantile(phi) => match phi[step] {
                phi if phi.is_nan() => f64::NAN,
                phi if phi < 0.0 => f64::NEG_INFINITY,
                phi if phi > 1.0 => f64::INFINITY,
                phi if tidy(buckets, forced) && buckets.len() > 1 => bucket_quantile(phi, buckets),
                _ => f64::NAN,
            },
            Self::Fraction(lower, upper) if tidy(buckets, forced) => bucket_fraction(lower[step], upper[step], buckets),
            Self::Fraction(..) => f64::NAN,
        }
    }
}

/// The buckets of one classic histogram: upper bound and counts per step.
type Classic = Vec<(f64, Vec<f64>)>;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    bound: f64,
    /// Observations at or below the bound.
    count: f64,
}

impl Evaluator<'_> {
    /// Asks every histogram of a vector. Histograms are answered as they come, classic buckets once all are there.
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
        self.vector(expr, steps, &mut |row| {
            if !row.histograms.is_empty() {
                sink(of_histograms(&row, steps.count, |step, histogram| question.of_histogram(histogram, step)))?;
            }
            if row.floats.is_empty() {
                return Ok(());
            }
            match bound(row.labels.value(BOUND)) {
                Some(bound) => {
                    self.budget.hold(row.heap_bytes())?;
                    let histogram = (row.labels.name().into(), choice.of(&row.labels));
                    classic.entry(histogram).or_default().push((bound, row.floats));
                }
                None => self.warn(expr, &misbounded(&row.labels)),
            }
            Ok(())
        })?;
        let mut forced = false;
        for ((_, labels), buckets) in classic {
            self.budget.work(buckets.len() * steps.count * 4)?;
            sink(Row::of_floats(labels, of_classic(question, &buckets, steps.count, &mut forced)))?;
        }
        if forced {
            self.inform(expr, "counts of buckets fell where they must rise, and were mended");
        }
        Ok(())
    }

    /// A number per histogram: count, sum, …; plain numbers are left out.
    pub(crate) fn histogram_figure(
        &self,
        figure: fn(&Histogram) -> f64,
        expr: &Expr,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        self.vector(expr, steps, &mut |row| match row.histograms.is_empty() {
            true => Ok(()),
            false => sink(of_histograms(&row, steps.count, |_, histogram| figure(histogram))),
        })
    }
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

fn of_histograms(row: &Row, steps: usize, f: impl Fn(usize, &Histogram) -> f64) -> Row {
    let value = |step| row.histogram(step).map_or(ABSENT, |histogram| f(step, histogram));
    Row::of_floats(row.labels.clone().without_name(), (0..steps).map(value).collect())
}

fn misbounded(labels: &LabelSet) -> String {
    let (bound, name) = (labels.value(BOUND), labels.name());
    format!("bucket label \"le\" is missing or has a malformed value of {bound:?} for metric name {name:?}")
}

fn of_classic(question: &Question, histogram: &Classic, steps: usize, forced: &mut bool) -> Vec<f64> {
    let mut buckets = Vec::with_capacity(histogram.len());
    let value = |step: usize| {
        buckets.clear();
        let present = histogram.iter().map(|(bound, counts)| Bucket { bound: *bound, count: counts[step] });
        buckets.extend(present.filter(|bucket| is_present(bucket.count)));
        if buckets.is_empty() { ABSENT } else { question.of_buckets(&mut buckets, step, forced) }
    };
    (0..steps).map(value).collect()
}

/// A bucket's upper bound as written in `le`.
fn bound(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

/// Sorts buckets, joins those of one bound and makes their counts rise. `false` if they are no histogram.
fn tidy(buckets: &mut Vec<Bucket>, forced: &mut bool) -> bool {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    buckets.dedup_by(|later, kept| {
        let same = later.bound == kept.bound;
        kept.count += if same { later.count } else { 0.0 };
        same
    });
    for at in 1..buckets.len() {
        let (before, count) = (buckets[at - 1].count, buckets[at].count);
        let small = nearly_equal(before, count);
        if count < before || small {
            *forced |= !small;
            buckets[at].count = before;
        }
    }
    buckets.last().is_some_and(|last| last.bound == f64::INFINITY)
}

fn nearly_equal(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() < SMALL_DELTA * (a.abs() + b.abs())
}

/// Interpolates linearly inside the bucket that holds the rank; the lowest bucket starts at zero if its bound is above.
fn bucket_quantile(phi: f64, buckets: &[Bucket]) -> f64 {
    let last = buckets.len() - 1;
    let total = buckets[last].count;
    if total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    let rank = phi * total;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if at == last {
        return buckets[last - 1].bound;
    }
    if at == 0 && buckets[0].bound <= 0.0 {
        return buckets[0].bound;
    }
    let (start, below) = if at == 0 { (0.0, 0.0) } else { (buckets[at - 1].bound, buckets[at - 1].count) };
    start + (buckets[at].bound - start) * ((rank - below) / (buckets[at].count - below))
}

fn bucket_fraction(lower: f64, upper: f64, buckets: &[Bucket]) -> f64 {
    let total = buckets[buckets.len() - 1].count;
    // A histogram without bounds that has seen nothing has nothing anywhere.
    if total == 0.0 && buckets.len() == 1 && !lower.is_nan() && !upper.is_nan() {
        return 0.0;
    }
    match total == 0.0 || lower.is_nan() || upper.is_nan() {
        true => f64::NAN,
        false if lower >= upper => 0.0,
        false => (observations_below(upper, buckets) - observations_below(lower, buckets)) / total,
    }
}

/// Observations below a value, interpolated. In a bucket without end nothing can be interpolated: of the lowest all
/// observations count, of the highest none.
fn observations_below(value: f64, buckets: &[Bucket]) -> f64 {
    let mut start = if buckets[0].bound > 0.0 { 0.0 } else { f64::NEG_INFINITY };
    let mut below = 0.0;
    for bucket in buckets {
        if start >= value {
            return below;
        }
        if value < bucket.bound {
            let within = (bucket.count - below) * (value - start) / (bucket.bound - start);
            return if start.is_infinite() { bucket.count } else { below + within };
        }
        (start, below) = (bucket.bound, bucket.count);
    }
    below
}

fn fraction_of_histogram(histogram: &Histogram, lower: f64, upper: f64) -> f64 {
    if histogram.count() == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    let below = |value: f64| if value == f64::NEG_INFINITY { 0.0 } else { histogram.count_at_most(value) };
    if lower >= upper { 0.0 } else { (below(upper) - below(lower)) / histogram.count() }
}
