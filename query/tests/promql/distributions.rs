//! Histograms: our own, whose samples are deltas, and classic ones of buckets.

use crate::check;

const OWN: &str = r#"
    t{host="a"} {{1 2 3}}x5
    t{host="b"} {{10}}x5
    n 2x5
"#;

#[test]
fn a_range_of_histograms_is_their_merge() {
    check(OWN, r#"20s: t{host="a"}"#, r#"t{host="a"} {3|6}"#);
    check(OWN, r#"50s: increase(t{host="a"}[30s])"#, r#"{host="a"} {9|18}"#);
    check(OWN, r#"50s: rate(t{host="a"}[30s])"#, r#"{host="a"} {0.3|0.6}"#);
    check(OWN, r#"50s: irate(t{host="a"}[30s])"#, r#"{host="a"} {0.3|0.6}"#);
    check(OWN, r#"50s: avg_over_time(t{host="a"}[30s])"#, r#"{host="a"} {3|6}"#);
    check(OWN, r#"50s: count_over_time(t{host="a"}[30s])"#, r#"{host="a"} 3"#);
    check(OWN, r#"0s..20s/10s: increase(t{host="a"}[20s])"#, r#"{host="a"} {3|6} {6|12} {6|12}"#);
    check(OWN, r#"50s: max_over_time(t[30s])"#, "");
}

#[test]
fn histograms_are_merged_and_asked() {
    check(OWN, "50s: sum(rate(t[10s]))", "{} {0.4|1.6}");
    check(OWN, "50s: avg(increase(t[10s]))", "{} {2|8}");
    check(OWN, "50s: count(t)", "{} 2");
    check(OWN, "50s: histogram_count(sum(increase(t[20s])))", "{} 8");
    check(OWN, "50s: histogram_sum(sum(increase(t[20s])))", "{} 32");
    check(OWN, "50s: histogram_avg(sum(t))", "{} 4");
    check(OWN, "50s: histogram_quantile(1, sum(t))", "{} 10");
    check(OWN, "50s: histogram_quantile(0, sum(t))", "{} 1");
    check(OWN, "50s: round(histogram_quantile(0.5, t{host=\"a\"}), 0.1)", r#"{host="a"} 2"#);
    check(
        OWN,
        "50s: histogram_quantiles(t{host=\"b\"}, \"q\", 0.25, 1)",
        "{host=\"b\", q=\"0.25\"} 10\n {host=\"b\", q=\"1.0\"} 10",
    );
    check(OWN, "50s: histogram_quantiles(t, \"\", 1)", "execution: invalid label name \"\"");
    check(OWN, "50s: histogram_fraction(0, 5, sum(t))", "{} 0.75");
    check(OWN, "50s: round(histogram_stddev(t{host=\"a\"}), 0.1)", r#"{host="a"} 0.8"#);
    check(OWN, "50s: histogram_count(increase(t[20s:10s]))", "{host=\"a\"} 6\n {host=\"b\"} 2");
}

#[test]
fn histograms_meet_numbers() {
    check(OWN, r#"50s: t{host="a"} * 2"#, r#"{host="a"} {6|12}"#);
    check(OWN, r#"50s: t{host="a"} / on () group_left () n"#, r#"{host="a"} {1.5|3}"#);
    check(OWN, r#"50s: t{host="a"} + ignoring (host) t{host="b"}"#, "{} {4|16}");
    check(OWN, r#"50s: t{host="a"} + 1"#, "");
    check(OWN, r#"50s: t == t"#, "t{host=\"a\"} {3|6}\n t{host=\"b\"} {1|10}");
    check(OWN, r#"50s: t == bool on () group_left () t{host="b"}"#, "{host=\"a\"} 0\n {host=\"b\"} 1");
    check(OWN, r#"50s: sum({__name__=~"t|n"})"#, "");
    check(OWN, "50s: scalar(t{host=\"a\"})", "NaN");
}

const CLASSIC: &str = r#"
    h_bucket{le="0.1"} 10 10
    h_bucket{le="0.5"} 40 40
    h_bucket{le="1"} 90 30
    h_bucket{le="+Inf"} 100 100
    broken_bucket{le="1"} 5
"#;

#[test]
fn classic_buckets_are_interpolated() {
    check(CLASSIC, "0s..10s/10s: histogram_quantile(0.5, h_bucket)", "{} 0.6 1");
    check(CLASSIC, "0s: histogram_quantile(0.05, h_bucket)", "{} 0.05");
    check(CLASSIC, "0s: histogram_quantile(0.99, h_bucket)", "{} 1");
    check(CLASSIC, "0s: histogram_quantile(2, h_bucket)", "{} inf");
    let empty = "e_bucket{le=\"1\"} 0\n e_bucket{le=\"+Inf\"} 0\n inf_bucket{le=\"+Inf\"} 0";
    check(empty, "0s: histogram_quantile(2, e_bucket)", "{} inf");
    check(empty, "0s: histogram_quantile(-1, e_bucket)", "{} -inf");
    check(empty, "0s: histogram_quantile(0.5, e_bucket)", "{} NaN");
    check(empty, "0s: histogram_fraction(0, 1, inf_bucket)", "{} 0");
    check(CLASSIC, "0s: histogram_quantile(0.5, broken_bucket)", "{} NaN");
    check(CLASSIC, "0s: histogram_fraction(0.3, 0.75, h_bucket)", "{} 0.4");
    check(CLASSIC, "0s: histogram_fraction(-Inf, +Inf, h_bucket)", "{} 1");
    check(CLASSIC, "0s: histogram_quantile(0.9, sum by (le) (h_bucket))", "{} 1");
}
