//! Native histograms by remote write, asked of our server and of Debian's Prometheus.

use std::time::Duration;

use serde_json::Value;
use weir_tests::remote_write::{Native, Written, write};
use weir_tests::{Chance, Prometheus, Server, eventually};

use crate::data::PACE;
use crate::now;

const SAMPLES: i64 = 40;

/// A histogram that counts on, twice anew, with buckets that come later than others and a zero. It begins far from zero:
/// Prometheus 3 and this engine extrapolate no further than to there, 2.42 does.
fn history(chance: &mut Chance, host: &str, end: i64) -> Vec<(i64, Native, Written)> {
    let fresh = || Native {
        schema: 3,
        zero_threshold: 1e-6,
        zero: 1_000,
        positive: (-20, vec![0; 60]),
        negative: (2, vec![0; 9]),
        ..Native::default()
    };
    let mut counting = fresh();
    let labels = [("host", host)];
    let step = |at: i64| {
        if at == 17 || at == 31 {
            counting = fresh();
        }
        for _ in 0..chance.below(50) {
            let at = chance.below(60) as usize;
            counting.positive.1[at] += 1 + chance.below(4);
            counting.sum += at as f64 / 4.0;
        }
        counting.negative.1[chance.below(9) as usize] += chance.below(2);
        counting.zero += chance.below(3);
        let time = (end - (SAMPLES - 1 - at) * PACE) * 1_000;
        let mut series = Written::new("latency", &labels);
        series.histograms.push(counting.message(time));
        (time, counting.clone(), series)
    };
    (0..SAMPLES).map(step).collect()
}

/// Numbers and texts with numbers in them may differ in their last places.
fn is_near(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| is_near(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|other| is_near(value, other)))
        }
        (Value::String(ours), Value::String(theirs)) => {
            let of = |text: &str| text.replace("Inf", "inf").parse::<f64>();
            match (of(ours), of(theirs)) {
                (Ok(a), Ok(b)) => a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * (1.0 + a.abs()),
                _ => ours == theirs,
            }
        }
        _ => ours == theirs,
    }
}

/// The result of a range query, sorted.
fn ask(address: std::net::SocketAddr, query: &str, (start, end, step): (i64, i64, i64)) -> Vec<Value> {
    let request = ureq::get(format!("http://{address}/api/v1/query_range"))
        .query("query", query)
        .query("start", start.to_string())
        .query("end", end.to_string())
        .query("step", step.to_string());
    let text = request.call().unwrap().body_mut().read_to_string().unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let mut all = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    all.sort_by_key(|element| element["metric"].to_string());
    all
}

#[test]
fn native_histograms_by_remote_write_are_answered_as_prometheus_answers_them() {
    let folder = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start_with(folder.path(), "global: {}\n", &["--enable-feature=native-histograms"]);
    let server = Server::start(folder.path());
    let end = (now() / PACE - 4) * PACE + 4;
    let mut chance = Chance::new(7);
    let hosts = ["a", "b", "c"].map(|host| history(&mut chance, host, end));
    for at in 0..SAMPLES as usize {
        let part: Vec<Written> = hosts.iter().map(|samples| samples[at].2.clone()).collect();
        let (status, text) = write(prometheus.address, &part);
        assert!(status < 300, "{status} {text}");
    }
    // Ours in the other order of time, two requests twice.
    for at in (0..SAMPLES as usize).rev().chain([3, 20]) {
        let part: Vec<Written> = hosts.iter().map(|samples| samples[at].2.clone()).collect();
        let (status, text) = write(server.ports.http, &part);
        assert_eq!(status, 204, "{text}");
    }
    let range = (end + 3 - 39 * PACE, end + 3, PACE);
    eventually("our server to have all", Duration::from_secs(60), || {
        let all = ask(server.ports.http, "sum(count_over_time(latency[1h]))", (end + 3, end + 3, 1));
        (all.first()?["values"][0][1] == "120").then_some(())
    });
    let mut differing = Vec::new();
    // What 2.42 knows of histograms.
    for query in [
        "latency",
        "rate(latency[1m])",
        "increase(latency[3m])",
        "sum(rate(latency[1m]))",
        "sum(latency)",
        "histogram_count(latency)",
        "histogram_sum(rate(latency[1m]))",
        "histogram_fraction(-1, 1, rate(latency[2m]))",
        "latency + latency",
        "count_over_time(latency[2m])",
        "count(latency)",
        "histogram_quantile(0.9, sum by (host) (rate(latency[1m]))) > bool -1e9",
    ] {
        let (ours, theirs) = (ask(server.ports.http, query, range), ask(prometheus.address, query, range));
        assert!(!theirs.is_empty(), "{query}");
        if !is_near(&Value::Array(ours.clone()), &Value::Array(theirs.clone())) {
            let short = |all: &[Value]| Value::Array(all.to_vec()).to_string().chars().take(600).collect::<String>();
            differing.push(format!("{query}\n  ours:   {}\n  theirs: {}", short(&ours), short(&theirs)));
        }
    }
    assert!(differing.is_empty(), "\n{}", differing.join("\n"));
}
