//! Operators between scalars and vectors, and how vectors are matched.

use crate::check;

const DATA: &str = r#"
    used{host="a", disk="1"} 10 20
    used{host="a", disk="2"} 30 _
    used{host="b", disk="1"} 50 60
    size{host="a", disk="1"} 100 100
    size{host="a", disk="2"} 100 100
    size{host="c", disk="1"} 100 100
    role{host="a", role="web"} 1 1
    role{host="b", role="db"} 1 1
"#;

#[test]
fn scalars() {
    let check = |query: &str, expected: &str| check("", &format!("10s: {query}"), expected);
    check("1 + 2 * 3 ^ 2 ^ 0", "7");
    check("-1 ^ 2", "-1");
    check("7 % 4 - -7 % 4", "6");
    check("1 / 0", "inf");
    check("1 atan2 1", "0.7853981634");
    check("1 > bool 2", "0");
    check("NaN == bool NaN", "0");
    check("time() + pi() * 0", "10");
    check("\"text\"", "text");
    check("0x10 + 1e1 + 1m", "86");
    check("min_of(1, 2) + max_of(1, 2)", "3");
    check(
        "1 > 2",
        "bad_data: invalid parameter \"query\": 1:3: parse error: comparisons between scalars must use BOOL",
    );
}

#[test]
fn a_scalar_meets_every_element() {
    let a = r#"{disk="2", host="a"}"#;
    check(DATA, r#"0s: used{disk="2"} * 2"#, &format!("{a} 60"));
    check(DATA, r#"0s: 100 - used{disk="2"}"#, &format!("{a} 70"));
    check(DATA, r#"0s: used{disk="2"} > 20"#, &format!("used{a} 30"));
    check(DATA, r#"0s: 20 < used{disk="2"}"#, &format!("used{a} 30"));
    check(DATA, r#"0s: 20 > bool used{disk="2"}"#, &format!("{a} 0"));
    check(DATA, r#"0s: -used{disk="2"}"#, &format!("{a} -30"));
    check(DATA, r#"0s: used == 31"#, "");
    check(DATA, r#"0s: scalar(used{disk="2"}) + scalar(used)"#, "NaN");
    check(DATA, r#"0s: vector(1) + scalar(used{disk="2"})"#, "{} 31");
}

#[test]
fn elements_with_the_same_labels_belong_together() {
    check(DATA, "0s: used / size", "{disk=\"1\", host=\"a\"} 0.1\n {disk=\"2\", host=\"a\"} 0.3");
    check(DATA, "0s: used / on (host, disk) size", "{disk=\"1\", host=\"a\"} 0.1\n {disk=\"2\", host=\"a\"} 0.3");
    check(DATA, "0s: used < size", "used{disk=\"1\", host=\"a\"} 10\n used{disk=\"2\", host=\"a\"} 30");
    check(DATA, "0s: used >= bool size", "{disk=\"1\", host=\"a\"} 0\n {disk=\"2\", host=\"a\"} 0");
    check(DATA, r#"0s: used{disk="2"} / ignoring (disk) role"#, "");
    check(DATA, r#"0s: used{host="b"} / ignoring (disk, role) role"#, r#"{host="b"} 50"#);
    check(
        DATA,
        "0s..10s/10s: last_over_time(used[5s]) + size",
        "{disk=\"1\", host=\"a\"} 110 120\n {disk=\"2\", host=\"a\"} 130 _",
    );
}

#[test]
fn many_to_one_takes_labels_along() {
    let web = r#"{disk="1", host="a", role="web"} 10"#;
    let expected =
        format!("{web}\n {{disk=\"1\", host=\"b\", role=\"db\"}} 50\n {{disk=\"2\", host=\"a\", role=\"web\"}} 30");
    check(DATA, "0s: used * on (host) group_left (role) role", &expected);
    check(DATA, "0s: role * on (host) group_right (role) used", &expected);
    check(DATA, r#"0s: used{host="b"} * on (host) group_left () role"#, r#"{disk="1", host="b"} 50"#);
}

#[test]
fn ambiguous_matches_are_errors() {
    check(DATA, "0s: role * on (host) used", "execution: found duplicate series for the match group {");
    check(DATA, "0s: used * on (host) role", "execution: multiple matches for labels: many-to-one matching must be");
    check(DATA, "0s: used * on (disk) group_left () size", "execution: found duplicate series for the match group {");
    check(
        "a{x=\"1\", y=\"1\"} 1\n a{x=\"1\", y=\"2\"} 1\n b{x=\"1\"} 1",
        "0s: a * on (x) group_left (y) b",
        "execution: multiple matches for labels: grouping labels must ensure unique matches",
    );
    // Where they never meet at one step, one after the other is fine.
    check("a{x=\"1\"} 1 stale\n a{x=\"2\"} _ 2\n b 10 10", "0s..10s/10s: a * on () b", "{} 10 20");
}

#[test]
fn sets() {
    check(DATA, r#"0s: used and on (host) role{role="db"}"#, r#"used{disk="1", host="b"} 50"#);
    check(DATA, r#"0s: used unless on (host) role{role="web"}"#, r#"used{disk="1", host="b"} 50"#);
    check(
        DATA,
        r#"0s: used{host="b"} or role{host="a"}"#,
        "role{host=\"a\", role=\"web\"} 1\n used{disk=\"1\", host=\"b\"} 50",
    );
    check(
        DATA,
        r#"0s: used or ignoring (disk) used"#,
        "used{disk=\"1\", host=\"a\"} 10\n used{disk=\"1\", host=\"b\"} 50\n used{disk=\"2\", host=\"a\"} 30",
    );
    check("a 1 stale 3\n b _ 2 2", "0s..20s/10s: a or b", "a 1 _ 3\n b _ 2 _");
    check("a 1 stale 3\n b _ 2 2", "0s..20s/10s: a and b", "a _ _ 3");
    check("a 1 stale 3\n b _ 2 2", "0s..20s/10s: b unless a", "b _ 2 _");
}

#[test]
fn a_metric_name_that_no_longer_fits_is_dropped() {
    check("a 1\n b 2", "0s: a + b", "{} 3");
    check("a 1\n b 2", "0s: a < b", "a 1");
    check("a 1\n b 2", "0s: a < bool b", "{} 1");
    check(
        "a 1\n b 2",
        "0s: {__name__=~\"a|b\"} + 1",
        "execution: vector cannot contain metrics with the same labelset: {}",
    );
}
