//! Selectors: matchers, lookback, staleness, offset and `@`.

use crate::check;

const DATA: &str = r#"
    x{host="a", pool="web"} 0+1x100
    x{host="b", pool="db"} 0+2x100
    x{host="c"} 5 6 stale _ _ 7
    y 0+1x10
"#;

#[test]
fn matchers_choose_series() {
    check(DATA, r#"10s: x{pool="web"}"#, r#"x{host="a", pool="web"} 1"#);
    check(DATA, r#"10s: x{pool!="web",host!="c"}"#, r#"x{host="b", pool="db"} 2"#);
    check(DATA, r#"10s: x{pool=~"we.|d"}"#, r#"x{host="a", pool="web"} 1"#);
    check(DATA, r#"10s: x{pool!~"web|db"}"#, r#"x{host="c"} 6"#);
    check(DATA, r#"10s: x{pool=""}"#, r#"x{host="c"} 6"#);
    check(DATA, r#"10s: {__name__=~"x|y", host!~".+"}"#, "y 1");
    check(DATA, r#"10s: {"y"}"#, "y 1");
    check(DATA, "10s: none", "");
}

#[test]
fn lookback_is_five_minutes_open_on_the_left() {
    check(DATA, "100s..430s/110s: y", "y 10 10 10 _");
    check(DATA, "399999ms: y", "y 10");
    check(DATA, "400s: y", "");
}

#[test]
fn stale_markers_end_a_series() {
    check(DATA, r#"0s..60s/10s: x{host="c"}"#, r#"x{host="c"} 5 6 _ _ _ 7 7"#);
    check(DATA, r#"40s: count_over_time(x{host="c"}[1m])"#, r#"{host="c"} 2"#);
    check("x NaN 1", "0s..10s/10s: x", "x NaN 1");
}

#[test]
fn offset_and_at_move_the_view() {
    check(DATA, "50s..70s/10s: y offset 20s", "y 3 4 5");
    check(DATA, "50s: y offset -20s", "y 7");
    check(DATA, "50s..70s/10s: y @ 20", "y 2 2 2");
    check(DATA, "50s..70s/10s: y @ start()", "y 5 5 5");
    check(DATA, "50s..70s/10s: y @ end() offset 10s", "y 6 6 6");
    check(DATA, "50s..70s/10s: rate(y[20s] @ 40)", "{} 0.1 0.1 0.1");
    check(DATA, "50s..70s/10s: sum_over_time((y @ 30)[20s:10s])", "{} 6 6 6");
    check(DATA, "50s..70s/10s: sum_over_time(y[20s:10s] @ 30)", "{} 5 5 5");
}

#[test]
fn timestamps_are_the_samples_own() {
    check(DATA, "15s..35s/10s: timestamp(y)", "{} 10 20 30");
    check(DATA, "15s: timestamp(y + 0)", "{} 15");
    check(DATA, "15s: timestamp(y offset 10s)", "{} 0");
}

#[test]
fn an_instant_query_shows_a_range_as_it_is() {
    check(DATA, "20s: y[20s]", "y 1@10000 2@20000");
    check(DATA, "25s: y[20s:5s]", "y 1@10000 1@15000 2@20000 2@25000");
    check(DATA, "20s: x{host=\"c\"}[1m]", r#"x{host="c"} 5@0 6@10000"#);
}

#[test]
fn subqueries_are_aligned_and_default_to_a_minute() {
    check("load 1m\n x 0+1x10", "10m: sum_over_time(x[3m:])", "{} 27");
    check(DATA, "100s: sum_over_time(y[30s:10s] offset 10s)", "{} 24");
    check(DATA, "103s: count_over_time(y[30s:10s])", "{} 3");
    check(DATA, "100s..120s/10s: max_over_time(rate(y[20s])[30s:10s])", "{} 0.1 0.1 0.1");
    check(DATA, "100s: max_over_time(sum(x)[1m:10s])", "{} 37");
}
