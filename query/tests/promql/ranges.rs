//! Functions over ranges. The extrapolation of `rate` is worked out by hand in the comments.

use crate::check;

#[test]
fn rate_extrapolates_to_the_borders_of_the_window() {
    // Samples at 10..60 in (0, 60]: change 50 over 50 s, the gap of 10 s before the first is bridged.
    check("x 100+10x10", "60s: increase(x[1m])", "{} 60");
    check("x 100+10x10", "60s: rate(x[1m])", "{} 1");
    // The gap of 40 s is more than 1.1 intervals of 10 s, so half an interval is added: change 20 over 20 + 5 s.
    check("x _x4 100+10x2", "60s: increase(x[1m])", "{} 25");
    // Samples 10..60 seen from 65: 55 s of samples and gaps of 5 s.
    check("x 100+10x6", "65s: increase(x[1m])", "{} 60");
    check("x 100+10x6", "60s: rate(x[5s])", "");
    check("x 1", "0s: rate(x[1m])", "");
}

#[test]
fn counters_do_not_start_below_zero() {
    // From 2 to 22 over 20 s: zero was 2 s before the first sample, although the window starts 10 s before it.
    check("x _ 2 12 22", "30s: increase(x[30s])", "{} 22");
    check("x _ 2 12 22", "30s: delta(x[30s])", "{} 30");
}

#[test]
fn resets_add_what_was_lost() {
    check("x 0 10 20 5 15", "40s: increase(x[41s])", "{} 35");
    check("x 0 10 20 5 15", "40s: delta(x[40s])", "{} 6.666666667");
    check("x 50 60 10 20 30 0 10", "10s..60s/10s: increase(x[20s])", "{} 20 20 20 20 0 10");
    check("x 0 10 20 5 15 3", "50s: resets(x[1m])", "{} 2");
    check("x 0 10 NaN NaN 5 5", "50s: changes(x[1m])", "{} 3");
}

#[test]
fn a_rate_per_step_equals_a_rate_at_each_time() {
    let data = "x 3 7 7 11 0 4 _ 9 2 stale 5 8 13 13 21 34";
    for (start, end) in [(0, 150), (3, 153)] {
        for function in ["rate", "increase", "delta", "irate", "deriv", "avg_over_time", "max_over_time"] {
            let values: Vec<String> = (start..=end)
                .step_by(10)
                .map(|at| {
                    let query = format!("{at}s: {function}(x[35s])");
                    let answer = crate::ask(&crate::data::load(data), &query, Default::default()).unwrap();
                    let line = crate::render(&answer, &[at * 1000]).pop();
                    line.map_or("_".into(), |line| line.trim_start_matches("{} ").to_owned())
                })
                .collect();
            let expected = format!("{{}} {}", values.join(" "));
            check(data, &format!("{start}s..{end}s/10s: {function}(x[35s])"), &expected);
        }
    }
}

#[test]
fn instant_rates_use_the_last_two_samples() {
    check("x 0 10 30", "20s: irate(x[1m])", "{} 2");
    check("x 0 30 10", "20s: irate(x[1m])", "{} 1");
    check("x 0 30 10", "20s: idelta(x[1m])", "{} -20");
    check("x 0", "0s: irate(x[1m])", "");
}

#[test]
fn lines_are_fitted() {
    check("x 0+3x6", "60s: deriv(x[1m])", "{} 0.3");
    check("x 0+3x6", "60s: predict_linear(x[1m], 60)", "{} 36");
    check("x 0+3x6", "60s..70s/10s: predict_linear(x[1m] @ 60, 60)", "{} 36 39");
    check("x 5x6", "60s: deriv(x[1m])", "{} 0");
    check("x 0 1 4 9", "30s: double_exponential_smoothing(x[40s], 0.5, 0.5)", "{} 6.75");
}

#[test]
fn statistics_over_time() {
    let data = r#"x{a="b"} 1 2 NaN 4 stale"#;
    let check = |query: &str, expected: &str| check(data, &format!("40s: {query}"), expected);
    check("sum_over_time(x[20s])", r#"{a="b"} 4"#);
    check("sum_over_time(x[1m])", r#"{a="b"} NaN"#);
    check("min_over_time(x[1m])", r#"{a="b"} 1"#);
    check("max_over_time(x[1m])", r#"{a="b"} 4"#);
    check("count_over_time(x[1m])", r#"{a="b"} 4"#);
    check("avg_over_time(x[41s] offset 20s)", r#"{a="b"} NaN"#);
    check("avg_over_time(x[41s] offset 30s)", r#"{a="b"} 1.5"#);
    check("stddev_over_time(x[41s] offset 30s)", r#"{a="b"} 0.5"#);
    check("stdvar_over_time(x[41s] offset 30s)", r#"{a="b"} 0.25"#);
    check("last_over_time(x[1m])", r#"x{a="b"} 4"#);
    check("first_over_time(x[1m])", r#"x{a="b"} 1"#);
    check("present_over_time(x[1m])", r#"{a="b"} 1"#);
    check("quantile_over_time(0.5, x[41s] offset 30s)", r#"{a="b"} 1.5"#);
    check("mad_over_time(x[41s] offset 30s)", r#"{a="b"} 0.5"#);
    check("ts_of_max_over_time(x[1m])", r#"{a="b"} 30"#);
    check("ts_of_min_over_time(x[1m])", r#"{a="b"} 0"#);
    check("ts_of_last_over_time(x[1m])", r#"{a="b"} 30"#);
    check("sum_over_time(x[5s])", "");
}

#[test]
fn absence_takes_its_labels_from_the_selector() {
    check("x 1", "0s: absent(x)", "");
    check("x 1", r#"0s: absent(y{a="b",c=~"d",e="f",e="g"})"#, r#"{a="b"} 1"#);
    check("x 1", "0s: absent(sum(y))", "{} 1");
    check("x 1", "290s..310s/10s: absent(x)", "{} _ 1 1");
    check("x 1", r#"0s..20s/10s: absent_over_time(x{a=""}[15s])"#, "{} _ _ 1");
}
