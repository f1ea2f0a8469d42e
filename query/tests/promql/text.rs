//! Strings, regular expressions and numbers as they are written.

use std::time::Duration;

use weir_query::{Data, Engine, Limits};
use weir_sample::Timestamp;

use crate::data::load;
use crate::{ask, check};

const DATA: &str = r#"
    x{i="a.b1",j="d"} 1
    x{i="aab1",j="&"} 2
    x{i="/x/{id}",j="f"} 3
"#;

#[test]
fn strings_are_those_of_go() {
    check(DATA, r"0s: x{i=~`a\.b.*`}", r#"x{i="a.b1", j="d"} 1"#);
    check(
        DATA,
        r#"0s: x{i=~"a\.b.*"}"#,
        "bad_data: invalid parameter \"query\": 1:6: parse error: unknown escape sequence",
    );
    check(DATA, r"0s: label_replace(x{j='f'}, `y`, `$1`, `i`, `/(\w+)/.*`)", r#"x{i="/x/{id}", j="f", y="x"} 3"#);
    check(DATA, r#"0s: sum by ("j") ({"x", j="\u0064"})"#, r#"{j="d"} 1"#);
}

#[test]
fn regular_expressions_are_those_of_re2() {
    check(DATA, r#"0s: x{i=~"/x/{id}"}"#, r#"x{i="/x/{id}", j="f"} 3"#);
    check(DATA, r#"0s: sum(x{j=~"[d&&e]"})"#, "{} 3");
    check(DATA, r#"0s: x{i=~"{}"}"#, "");
    check(DATA, r#"0s: x{i=~"x{1,2"}"#, "");
    check(DATA, r"0s: x{i=~`\Qa.b\E\d`}", r#"x{i="a.b1", j="d"} 1"#);
    for refused in ["x**", "a++", "x{1001}", "(?x)a"] {
        check(DATA, &format!("0s: x{{i=~\"{refused}\"}}"), "bad_data");
        check(DATA, &format!("0s: label_replace(x, \"y\", \"\", \"i\", \"{refused}\")"), "execution: invalid regular");
    }
}

#[test]
fn what_is_doubtful_is_said() {
    let stored =
        load("g 1x9\n h_bucket{le=\"1\"} 5x9\n h_bucket{le=\"2\"} 3x9\n h_bucket{le=\"+Inf\"} 9x9\n h_bucket 4x9");
    let check = |query: &str, warning: &str, info: &str| {
        let answer = ask(&stored, query, Limits::default()).unwrap();
        let said = |notes: &[String], note: &str| {
            note.is_empty() == notes.is_empty() && notes.iter().all(|n| n.contains(note))
        };
        assert!(
            said(&answer.warnings, warning) && said(&answer.infos, info),
            "{query}: {:?} {:?}",
            answer.warnings,
            answer.infos
        );
    };
    check("50s: rate(g[1m])", "", "not be a counter, name does not end in _total/_sum/_count/_bucket: \"g\" (1:6)");
    check("50s: quantile_over_time(2, g[1m])", "between 0 and 1, got 2 (1:20)", "");
    check("50s: 1 + quantile(-1, g)", "between 0 and 1, got -1 (1:14)", "");
    check("50s: histogram_quantile(NaN, h_bucket{le!=\"\"})", "between 0 and 1, got NaN (1:20)", "");
    check("50s: histogram_quantile(0.5, h_bucket{le!=\"\"})", "", "needed to be fixed for monotonicity");
    check("50s: histogram_quantile(0.5, h_bucket{le!=\"2\"})", "malformed value of \"\"", "");
    check("50s: limit_ratio(1.5, g)", "between -1 and 1, got 1.5, capping to 1 (1:13)", "");
    check("50s: 0 + holt_winters(g[1m], 0.5, 0.5)", "old name of double_exponential_smoothing, and will go (1:5)", "");
    check(
        "0s..10s/10s: sort(g)",
        "sort is ineffective for range queries since results are always ordered by labels (1:1)",
        "",
    );
    check("50s: histogram_quantile(0.5, h_bucket{le!~\"|2\"})", "", "");
}

#[test]
fn labels_and_answers_are_bounded() {
    let stored = load("x{id=\"0123456789\"} 1");
    let nested =
        |times: usize, function: &dyn Fn(String) -> String| (0..times).fold("x".to_owned(), |inner, _| function(inner));
    let replaced =
        nested(9, &|inner| format!("label_replace({inner}, \"id\", \"{}\", \"id\", \"(.*)\")", "$1".repeat(10)));
    let joined = nested(9, &|inner| format!("label_join({inner}, \"id\", \"\"{})", ", \"id\"".repeat(10)));
    for query in [replaced, joined] {
        let error = ask(&stored, &format!("0s: {query}"), Limits::default()).unwrap_err().to_string();
        assert!(
            error.contains("label value of more than 65536 bytes") && error.contains("query.max_label_bytes"),
            "{error}"
        );
    }
    let limits = Limits { answer_bytes: 100, ..Limits::default() };
    let error = ask(&stored, "0s..1000s/1s: vector(1)", limits).unwrap_err().to_string();
    assert!(error.contains("an answer of more than 100 bytes") && error.contains("query.max_answer_mb"), "{error}");
}

#[test]
fn memory_is_shared_and_given_back() {
    let engine = Engine::new(Limits { all_memory_bytes: 200_000, ..Limits::default() });
    let stored = load("x 1");
    let ask = || engine.range(&stored, "vector(1)", Timestamp(0), Timestamp(4_000_000), Duration::from_secs(1));
    let first = ask().unwrap();
    let error = ask().unwrap_err();
    assert_eq!(error.error_type(), "unavailable", "{error}");
    assert!(error.to_string().contains("query.max_memory_of_all_mb"), "{error}");
    assert!(matches!(first.data, Data::Matrix(_)));
    drop(first);
    ask().unwrap();
}
