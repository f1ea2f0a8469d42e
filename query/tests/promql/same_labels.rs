//! Elements that have, or come to have, the same labels.

use crate::check;

const UP: &str = r#"
    load 60s
    up{i="a"} 1x29
    up{i="b"} 0x14 1x14
    up{i="c"} 1 0 1x27
"#;

#[test]
fn the_elements_of_a_subquery_are_joined_over_its_steps() {
    check(UP, "25m: count(last_over_time((up==1 or up==0)[20m:1m]))", "{} 3");
    check(UP, "25m: count_over_time((up==1 or up==0)[20m:1m])", "{i=\"a\"} 20\n {i=\"b\"} 20\n {i=\"c\"} 20");
    check(UP, "10m: avg_over_time((sum(up==0) or vector(0))[5m:1m])", "{} 0");
    check(
        UP,
        "25m: count_over_time((up * on (i) group_left up > 0 or up * 0)[20m:1m])",
        "{i=\"a\"} 20\n {i=\"b\"} 20\n {i=\"c\"} 20",
    );
    check(UP, "10m: count_over_time((sum(up==0) or vector(0))[5m:1m])", "{} 5");
    check(UP, "0s..2m/1m: -(up==1 or up==0)", "{i=\"a\"} -1 -1 -1\n {i=\"b\"} -0 -0 -0\n {i=\"c\"} -1 -0 -1");
}

const TWO: &str = r#"
    a{x="1"} 0+1x9
    b{x="1"} 0+2x9
    c{x="1"} _x5 0+2x4
    a_bucket{le="1"} 5
    a_bucket{le="+Inf"} 10
    b_bucket{le="1"} 1
    b_bucket{le="+Inf"} 100
"#;

#[test]
fn two_metrics_that_lose_their_names_are_refused() {
    let refused = "execution: vector cannot contain metrics with the same labelset: {x=\"1\"}";
    check(TWO, "50s: sum(rate({__name__=~\"a|b\"}[5m]))", refused);
    check(TWO, "50s: max_over_time(({__name__=~\"a|b\"} + 0)[1m:10s])", refused);
    check(TWO, "50s: max_over_time((a or b)[1m:10s])", "{x=\"1\"} 5");
    check(TWO, "50s: max_over_time((a or on (nothing) b)[1m:10s])", "{x=\"1\"} 5");
    check(TWO, "50s: max_over_time({__name__=~\"a|b\"}[1m:10s])", refused);
    check(TWO, "50s: sum({__name__=~\"a|b\"} * 2)", refused);
    check(TWO, "50s: abs({__name__=~\"a|b\"})", refused);
    check(TWO, "50s: -{__name__=~\"a|b\"}", refused);
    check(TWO, "50s: +{__name__=~\"a|b\"}", "a{x=\"1\"} 5\n b{x=\"1\"} 10");
    check(TWO, "50s: {__name__=~\"a|b\"} > 5", "b{x=\"1\"} 10");
    check(TWO, "50s: last_over_time({__name__=~\"a|b\"}[1m])", "a{x=\"1\"} 5\n b{x=\"1\"} 10");
    check(TWO, "50s: sum(rate(a[5m])) + sum(rate(b[5m]))", "{} 0.05");
    check(TWO, "0s: histogram_quantile(0.5, {__name__=~\"a_bucket|b_bucket\"})", "execution: vector cannot contain");
}

#[test]
fn a_pair_that_a_comparison_drops_is_a_match() {
    let data = "many{j=\"x\",i=\"1\"} 5\n many{j=\"x\",i=\"2\"} 1\n one{j=\"x\"} 3";
    let refused = "execution: multiple matches for labels: many-to-one matching must be explicit";
    check(data, "0s: many > on (j) one", refused);
    check(data, "0s: many > on (j) group_left one", "many{i=\"1\", j=\"x\"} 5");
    check(data, "0s: many > 3 > on (j) one", "{j=\"x\"} 5");
}
