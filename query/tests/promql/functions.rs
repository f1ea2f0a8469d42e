//! Functions of instant vectors.

use crate::check;

#[test]
fn numbers() {
    let check = |query: &str, expected: &str| {
        check("x{a=\"b\"} -1.5", &format!("0s: {query}"), &format!("{{a=\"b\"}} {expected}"))
    };
    check("abs(x)", "1.5");
    check("ceil(x)", "-1");
    check("floor(x)", "-2");
    check("round(x)", "-1");
    check("round(x * 1.01, 0.1)", "-1.5");
    check("sgn(x)", "-1");
    check("exp(x)", "0.2231301601");
    check("sqrt(x)", "NaN");
    check("ln(abs(x))", "0.4054651081");
    check("log2(abs(x))", "0.5849625007");
    check("deg(x)", "-85.94366927");
    check("rad(deg(x))", "-1.5");
    check("cosh(x)", "2.352409615");
    check("clamp(x, -1, 1)", "-1");
    check("clamp_min(x, 0)", "0");
    check("clamp_max(x, -3)", "-3");
    check("clamp_max(x, NaN)", "NaN");
}

#[test]
fn swapped_clamps_are_empty() {
    check("x 1", "0s: clamp(x, 1, 0)", "");
}

#[test]
fn labels_are_replaced_and_joined() {
    let data = r#"x{src="a-1", dst="d"} 1"#;
    let check = |query: &str, expected: &str| check(data, &format!("0s: {query}"), expected);
    check(r#"label_replace(x, "dst", "$2.$1", "src", "(.*)-(.*)")"#, r#"x{dst="1.a", src="a-1"} 1"#);
    check(r#"label_replace(x, "n", "${k}", "src", "(?P<k>.).*")"#, r#"x{dst="d", n="a", src="a-1"} 1"#);
    check(r#"label_replace(x, "dst", "no", "src", "a")"#, r#"x{dst="d", src="a-1"} 1"#);
    check(r#"label_replace(x, "dst", "", "src", ".*")"#, r#"x{src="a-1"} 1"#);
    check(r#"label_replace(x, "__name__", "y", "", "")"#, r#"y{dst="d", src="a-1"} 1"#);
    check(r#"label_join(x, "dst", "/", "src", "dst", "none")"#, r#"x{dst="a-1/d/", src="a-1"} 1"#);
    check(r#"label_replace(x, "", "", "src", "")"#, "execution: invalid destination label name in label_replace(): ");
    check(
        r#"label_replace(x, "dst", "", "src", "(")"#,
        "execution: invalid regular expression in label_replace(): missing closing )",
    );
}

#[test]
fn two_series_cannot_become_one() {
    check(
        "x{a=\"1\"} 1\n x{a=\"2\"} 2",
        r#"0s: label_replace(x, "a", "", "", "")"#,
        "execution: vector cannot contain metrics with the same labelset: x",
    );
}

#[test]
fn elements_are_sorted() {
    let data = "x{a=\"1\"} 2\n x{a=\"2\"} NaN\n x{a=\"10\"} 1";
    check(data, "0s: sort(x)", "x{a=\"10\"} 1\n x{a=\"1\"} 2\n x{a=\"2\"} NaN");
    check(data, "0s: sort_desc(x)", "x{a=\"1\"} 2\n x{a=\"10\"} 1\n x{a=\"2\"} NaN");
    check(data, "0s: sort_by_label(x, \"a\")", "x{a=\"1\"} 2\n x{a=\"2\"} NaN\n x{a=\"10\"} 1");
    check(data, "0s: sort_by_label_desc(x, \"a\")", "x{a=\"10\"} 1\n x{a=\"2\"} NaN\n x{a=\"1\"} 2");
    check(data, "0s: x", "x{a=\"1\"} 2\n x{a=\"10\"} 1\n x{a=\"2\"} NaN");
}

#[test]
fn dates() {
    check("", "1795447800s: hour()", "{} 15");
    check("", "1795447800s: day_of_week(vector(0))", "{} 4");
    check("x 951782400", "0s: days_in_month(x)", "{} 29");
    check("", "0s..60s/30s: minute()", "{} 0 0 1");
}

#[test]
fn scalars_of_the_query() {
    check("", "10s..30s/10s: vector(start())", "{} 10 10 10");
    check("", "10s..30s/10s: end() + range() + step()", "{} 60 60 60");
    check("x 1 2 3", "0s..20s/10s: scalar(x) + time()", "{} 1 12 23");
}
