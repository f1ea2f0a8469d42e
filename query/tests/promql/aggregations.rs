//! Aggregations and the labels of their groups.

use crate::check;

const DATA: &str = r#"
    x{host="a", pool="web"} 1 2 3 _
    x{host="b", pool="web"} 3 4 _ _
    x{host="c", pool="db"} 5 _ 7 _
"#;

#[test]
fn groups_by_and_without() {
    check(DATA, "0s: sum(x)", "{} 9");
    check(DATA, "0s: sum by (pool) (x)", "{pool=\"db\"} 5\n {pool=\"web\"} 4");
    check(DATA, "0s: sum without (host) (x)", "{pool=\"db\"} 5\n {pool=\"web\"} 4");
    check(DATA, "0s: sum by (none) (x)", "{} 9");
    check(DATA, "0s: sum by (__name__) (x)", "x 9");
    check(DATA, "0s..30s/10s: sum by (pool) (last_over_time(x[5s]))", "{pool=\"db\"} 5 _ 7 _\n {pool=\"web\"} 4 6 3 _");
    check(DATA, "0s: sum(none)", "");
}

#[test]
fn numbers_of_a_group() {
    check(DATA, "0s: avg(x)", "{} 3");
    check(DATA, "0s: min(x)", "{} 1");
    check(DATA, "0s: max(x)", "{} 5");
    check(DATA, "0s: count(x)", "{} 3");
    check(DATA, "0s: group(x)", "{} 1");
    check(DATA, "0s: stdvar by (pool) (x)", "{pool=\"db\"} 0\n {pool=\"web\"} 1");
    check(DATA, "0s: stddev(x)", "{} 1.632993162");
    check(DATA, "0s: quantile(0.5, x)", "{} 3");
    check(DATA, "0s: quantile(0.25, x)", "{} 2");
    check("x{a=\"1\"} NaN\n x{a=\"2\"} 1", "0s: max(x)", "{} 1");
    check("x{a=\"1\"} NaN\n x{a=\"2\"} 1", "0s: sum(x)", "{} NaN");
    check("x{a=\"1\"} 1e100\n x{a=\"2\"} 1\n x{a=\"3\"} -1e100", "0s: sum(x)", "{} 1");
}

#[test]
fn ranks() {
    let a = r#"x{host="a", pool="web"}"#;
    let b = r#"x{host="b", pool="web"}"#;
    let c = r#"x{host="c", pool="db"}"#;
    check(DATA, "0s: topk(2, x)", &format!("{c} 5\n {b} 3"));
    check(DATA, "0s: bottomk(2, x)", &format!("{a} 1\n {b} 3"));
    check(DATA, "0s: topk by (pool) (1, x)", &format!("{b} 3\n {c} 5"));
    check(DATA, "0s: topk(0, x)", "");
    check(DATA, "0s: limitk(1, x)", &format!("{a} 1"));
    check(DATA, "0s..20s/10s: topk(1, last_over_time(x[5s]))", &format!("{b} _ 4 _\n {c} 5 _ 7"));
    check("x{a=\"1\"} NaN\n x{a=\"2\"} 1\n x{a=\"3\"} 1", "0s: topk(2, x)", "x{a=\"2\"} 1\n x{a=\"3\"} 1");
    check("x{a=\"1\"} 1\n x{a=\"2\"} 1", "0s: topk(1, x)", "x{a=\"1\"} 1");
    check(DATA, "0s: topk(NaN, x)", "execution: Parameter value is NaN");
}

#[test]
fn values_are_counted() {
    check(
        "x{a=\"1\"} 1.5 2\n x{a=\"2\"} 1.5 1.5",
        "0s..10s/10s: count_values(\"v\", x)",
        "{v=\"1.5\"} 2 1\n {v=\"2\"} _ 1",
    );
    check("x 1", "0s: count_values(\"\", x)", "execution: invalid label name");
    check("x 1", "0s: count_values(\"a-b\", x)", r#"{"a-b"="1"} 1"#);
}

#[test]
fn a_share_of_the_elements_and_the_rest_are_all() {
    let data: String = (0..200).map(|n| format!("x{{n=\"{n}\"}} {n}\n")).collect();
    let count = |query: &str, expected: &str| check(&data, &format!("0s: {query}"), expected);
    count("count(limit_ratio(0.3, x) or limit_ratio(-0.7, x))", "{} 200");
    count("count(limit_ratio(0.3, x) and limit_ratio(-0.7, x)) or vector(0)", "{} 0");
    count("count(limit_ratio(0.3, x)) > bool 40", "{} 1");
    count("count(limit_ratio(0.3, x)) < bool 80", "{} 1");
    count("count(limit_ratio(0.3, x) == limit_ratio(0.5, x)) == bool count(limit_ratio(0.3, x))", "{} 1");
    count("count(limit_ratio(2, x))", "{} 200");
    count("limit_ratio(0, x)", "");
    count("limit_ratio(NaN, x)", "execution: Ratio value is NaN");
}
