//! What gets an error, and which.

use std::time::{Duration, Instant};

use weir_query::{Engine, Limits, QueryError};
use weir_sample::Timestamp;

use crate::data::load;
use crate::{ask, check};

#[test]
fn what_is_not_promql_is_bad_data() {
    let check = |query: &str, expected: &str| check("x 1", &format!("0s: {query}"), &format!("bad_data: {expected}"));
    let parse = |place: &str, message: &str| format!("invalid parameter \"query\": {place}: parse error: {message}");
    check("x{", &parse("1:3", "unexpected end of input, expected a label name"));
    check("x[5m", &parse("1:5", "unexpected end of input"));
    check("1 +\n nothing(x)", &parse("2:2", "unknown function with name \"nothing\""));
    check("rate(x)", &parse("1:1", "expected type range vector in call to function \"rate\", got instant vector"));
    check("sum(1)", &parse("1:1", "expected type instant vector in aggregation expression, got scalar"));
    check("x + {a=~\".*\"}", &parse("1:5", "vector selector must contain at least one non-empty matcher"));
    check("x{a=~\"(\"}", &parse("1:1", ""));
    check("exp(NaN)", &parse("1:1", "expected type instant vector in call to function \"exp\", got scalar"));
    check("limitk(\"a\", x)", &parse("1:1", "expected type scalar in aggregation parameter, got string"));
    check("x[5m] + 1", &parse("1:7", "binary expression must contain only scalar and instant vector types"));
    check("{a=\"1\" or b=\"2\"}", &parse("1:8", "unexpected \"or\", expected \",\" or \"}\""));
}

#[test]
fn ranges_have_their_own_rules() {
    check("x 1", "0s..10s/0s: x", "bad_data: invalid parameter \"step\"");
    check("x 1", "10s..0s/1s: x", "bad_data: invalid parameter \"end\"");
    check("x 1", "0s..20000s/1s: x", "bad_data: exceeded maximum resolution of 11000 points");
    check(
        "x 1",
        "0s..10s/1s: x[5m]",
        "bad_data: invalid parameter \"query\": invalid expression type \"range vector\"",
    );
    check("x 1", "0s..10s/1s: \"a\"", "bad_data: invalid parameter \"query\": invalid expression type \"string\"");
    check("x 1", "0s: max_over_time(x[100d:1s])", "execution: query has a subquery of more than 1100000 steps");
    check("x 0+1x9", "50s: double_exponential_smoothing(x[1m], 2, 0.5)", "execution: invalid smoothing factor");
}

#[test]
fn limits_end_a_query() {
    let stored = load("x{a=\"1\"} 0+1x9\n x{a=\"2\"} 0+1x9");
    let check = |limits: Limits, expected: &str| {
        let got = ask(&stored, "90s: sum_over_time(x[5m])", limits).map_err(|error| error.to_string());
        assert!(got.as_ref().is_err_and(|got| got.starts_with(expected)), "{got:?}, not {expected}");
    };
    check(Limits { series: 1, ..Limits::default() }, "query selects more than 1 series");
    check(Limits { samples: 19, ..Limits::default() }, "query reads more than 19 samples");
    check(Limits { memory_bytes: 100, ..Limits::default() }, "query keeps more than 100 bytes of results in memory");
    check(Limits { time: Duration::ZERO, ..Limits::default() }, "query timed out");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a deadline is the machine's")]
fn a_deadline_ends_a_query() {
    let engine = Engine::new(Limits::default());
    let outcome = engine.until(Instant::now()).instant(&load("x 1"), "x", Timestamp(0));
    assert!(matches!(outcome, Err(QueryError::Timeout)));
}

#[test]
fn outcomes_are_counted() {
    let engine = Engine::new(Limits::default());
    let stored = load("x 1");
    for query in ["x", "x", "x +", "limit_ratio(NaN, x)"] {
        let _ = engine.instant(&stored, query, Timestamp(0));
    }
    let count = |name: &str, reason: Option<&str>| {
        let readings = engine.readings();
        let found = readings.iter().find(|r| r.series.name() == name && r.series.label("reason") == reason);
        found.map(|reading| reading.value)
    };
    assert_eq!(count("weir_queries_answered_total", None), Some(2.0));
    assert_eq!(count("weir_queries_refused_total", Some("bad_data")), Some(1.0));
    assert_eq!(count("weir_queries_refused_total", Some("execution")), Some(1.0));
    assert_eq!(count("weir_query_samples_total", None), Some(2.0));
}
