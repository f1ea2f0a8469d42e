//! Tests of expressions: a query at a time, and the samples that it should have.

use weir_query::LabelSet;
use weir_sample::Timestamp;

use super::document::{ExpectedSample, ExpressionTest};
use super::verdict::{Verdict, time_of};
use crate::evaluate::Querier;
use crate::tools::notation::metric;

type Samples = Vec<(LabelSet, f64)>;

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
            Ok(elements) if elements.iter().any(|element| element.is_distribution) => {
                failures.push(format!("{about}, err: the result is a distribution, which tests cannot name yet"));
                continue;
            }
            Ok(elements) => elements.into_iter().map(|element| (element.labels, element.value)).collect(),
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
    let read = |sample: &ExpectedSample| match &sample.histogram {
        Some(histogram) => Err(format!("histogram {histogram:?}: native histograms cannot be expected yet")),
        None => Ok((metric(&sample.labels)?, sample.value)),
    };
    samples.iter().map(read).collect()
}

fn are_same(expected: &Samples, got: &Samples, fuzzy: bool) -> bool {
    let same = |(a, b): (&(LabelSet, f64), &(LabelSet, f64))| a.0 == b.0 && is_same(a.1, b.1, fuzzy);
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
    let all: Vec<String> = samples.iter().map(|(labels, value)| format!("{labels} {value:?}")).collect();
    all.join(", ")
}
