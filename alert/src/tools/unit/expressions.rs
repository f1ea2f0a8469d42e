//! Tests of expressions: a query at a time, and the samples that it should have.

use weir_query::table::{Written, metric, values};
use weir_query::{LabelSet, Point, told_histogram};
use weir_sample::Timestamp;

use super::document::{ExpectedSample, ExpressionTest};
use super::verdict::{Verdict, time_of};
use crate::evaluate::{Element, Querier};

type Samples = Vec<(LabelSet, Point)>;

pub(super) fn check_expressions(
    tests: &[ExpressionTest],
    querier: &dyn Querier,
    fuzzy: bool,
    verdict: &mut Verdict,
    failures: &mut Vec<String>,
) -> Result<(), String> {
    for test in tests {
        verdict.checks += 1;
        let expr = &test.expr.value;
        let time = test.eval_time.as_ref().map(|text| text.value.as_str());
        let at = Timestamp(time_of(time)?);
        let about = format!("expr: {expr:?}, time: {}", time.unwrap_or("0s"));
        let mut got: Samples = match querier.query_text(expr, at) {
            Ok(elements) => elements.into_iter().map(|element| (element.labels.clone(), point(element))).collect(),
            Err(error) => {
                failures.push(format!("{about}, err: {error}"));
                continue;
            }
        };
        let mut expected = match expected(test.exp_samples.as_deref().unwrap_or_default()) {
            Ok(expected) => expected,
            Err(error) => {
                failures.push(format!("{about}, err: {error}"));
                continue;
            }
        };
        got.sort_by(|a, b| a.0.cmp(&b.0));
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        if !are_same(&expected, &got, fuzzy) {
            failures.push(format!("{about},\nexp: {},\ngot: {}", list(&expected), list(&got)));
        }
    }
    Ok(())
}

fn expected(samples: &[ExpectedSample]) -> Result<Samples, String> {
    let read = |sample: &ExpectedSample| {
        let Some(written) = &sample.histogram else { return Ok((metric(&sample.labels)?, Point::Float(sample.value))) };
        match values(written)?.as_slice() {
            [Some(Written { point: histogram @ Point::Histogram(_), .. })] => {
                Ok((metric(&sample.labels)?, histogram.clone()))
            }
            _ => Err(format!("{written:?} is no histogram")),
        }
    };
    samples.iter().map(read).collect()
}

fn point(element: Element) -> Point {
    element.histogram.map_or(Point::Float(element.value), Point::Histogram)
}

fn are_same(expected: &Samples, got: &Samples, fuzzy: bool) -> bool {
    let same = |(a, b): (&(LabelSet, Point), &(LabelSet, Point))| {
        a.0 == b.0
            && match (&a.1, &b.1) {
                (Point::Float(a), Point::Float(b)) => is_same(*a, *b, fuzzy),
                (Point::Histogram(a), Point::Histogram(b)) => a.is_same(b),
                _ => false,
            }
    };
    expected.len() == got.len() && expected.iter().zip(got).all(same)
}

/// Numbers are compared exactly; `fuzzy_compare` lets the last bits differ.
fn is_same(a: f64, b: f64, fuzzy: bool) -> bool {
    a == b || (fuzzy && (a - b).abs() <= 1e-15 * a.abs().max(b.abs()) * 4.0)
}

fn list(samples: &Samples) -> String {
    if samples.is_empty() {
        return "nil".to_owned();
    }
    let told = |point: &Point| match point {
        Point::Float(value) => format!("{value:?}"),
        Point::Histogram(histogram) => told_histogram(histogram),
    };
    let all: Vec<String> = samples.iter().map(|(labels, point)| format!("{labels} {}", told(point))).collect();
    all.join(", ")
}
