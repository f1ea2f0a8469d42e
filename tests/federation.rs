//! Promise: a Prometheus that federates from here has the histograms that are here: those of timers, which are windows, as totals
//! that count every observation once, and those that count on as they are.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use weir_tests::remote_write::{Native, Written, write};
use weir_tests::{Agent, Prometheus, Server, eventually, seconds_now};

const PATIENCE: Duration = Duration::from_secs(60);
const OBSERVATIONS: usize = 60;
const ROUNDS: usize = 3;

/// Counts of buckets by their ends.
type Buckets = BTreeMap<String, f64>;

fn count(histogram: &Value) -> f64 {
    histogram["count"].as_str().unwrap().parse().unwrap()
}

fn add(all: &mut Buckets, histogram: &Value) {
    for bucket in histogram["buckets"].as_array().into_iter().flatten() {
        // The ends as numbers: two programs spell them in two ways.
        let end = |at: usize| format!("{:.9e}", bucket[at].as_str().unwrap().parse::<f64>().unwrap());
        let count: f64 = bucket[3].as_str().unwrap().parse().unwrap();
        *all.entry(format!("{} {}", end(1), end(2))).or_default() += count;
    }
}

/// What was counted, however often counting began anew.
fn counted(histograms: &[Value]) -> Buckets {
    let mut all = Buckets::new();
    for (at, one) in histograms.iter().enumerate() {
        let next = histograms.get(at + 1);
        if next.is_none_or(|next| count(&next[1]) < count(&one[1])) {
            add(&mut all, &one[1]);
        }
    }
    all
}

/// The only series of an answer.
fn of_prometheus(prometheus: &Prometheus, query: &str) -> Option<Value> {
    let url = format!("http://{}/api/v1/query", prometheus.address);
    let text = ureq::get(url).query("query", query).call().ok()?.body_mut().read_to_string().ok()?;
    let answer: Value = serde_json::from_str(&text).unwrap();
    let result = answer["data"]["result"].as_array()?.clone();
    assert!(result.len() <= 1, "{text}");
    result.into_iter().next()
}

#[test]
fn a_prometheus_has_the_histograms_that_it_federates() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let here = server.ports.http;
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: weir\n    honor_labels: true\n    \
         metrics_path: /federate\n    params: {{'match[]': ['{{__name__=~\"took|totals|took_count\"}}', 'totals']}}\n    \
         static_configs: [{{targets: ['{here}']}}]\n"
    );
    let prometheus = Prometheus::start_with(folder.path(), &config, &["--enable-feature=native-histograms"]);
    let servers = server.ports.batch.to_string();
    let agent = Agent::start(folder.path(), &servers, &server.keys(), &[]);
    let mut totals =
        Native { schema: 3, sum: 7.5, zero_threshold: 0.5, zero: 2, positive: (-3, vec![1, 4]), ..Native::default() };
    totals.negative = (2, vec![5]);
    let mut written = Written::new("totals", &[("host", "a")]);
    written.histograms.push(totals.message(seconds_now() as i64 * 1_000));
    assert_eq!(write(here, &[written]).0, 204);
    for at in 0..OBSERVATIONS {
        agent.emit(&format!("took:{}|d", 1 + at * at), 1);
        if (at + 1) % (OBSERVATIONS / ROUNDS) == 0 {
            // So that there is a sample of each round.
            eventually("a round at Prometheus", PATIENCE, || {
                let found = of_prometheus(&prometheus, "took[15m]")?;
                (counted(found["histograms"].as_array()?).values().sum::<f64>() == (at + 1) as f64).then_some(())
            });
        }
    }
    let all = eventually("all timers", PATIENCE, || {
        let found = server.query("sum_over_time(took[15m])")?[0]["histogram"][1].clone();
        found["count"].as_str().is_some_and(|count| count == OBSERVATIONS.to_string()).then_some(found)
    });
    let mut expected = Buckets::new();
    add(&mut expected, &all);
    let last = of_prometheus(&prometheus, "took[15m]").unwrap();
    let last = last["histograms"].as_array().unwrap();
    assert_eq!(counted(last), expected);
    assert!(last.len() >= ROUNDS, "{last:?}");
    let rate = of_prometheus(&prometheus, "histogram_count(rate(took[15m])) > 0").expect("a rate");
    assert_eq!(rate["metric"]["__name__"], Value::Null);

    let counts_on = eventually("what counts on", PATIENCE, || of_prometheus(&prometheus, "totals"));
    let ours = server.query("totals").unwrap()[0]["histogram"][1].clone();
    let (mut found, mut expected) = (Buckets::new(), Buckets::new());
    add(&mut found, &counts_on["histogram"][1]);
    add(&mut expected, &ours);
    assert_eq!((found, count(&counts_on["histogram"][1])), (expected, 12.0));
    assert_eq!(counts_on["metric"]["host"], "a");
    assert!(of_prometheus(&prometheus, "took_count").is_some(), "the numbers are there too");

    let text = ureq::get(format!("http://{here}/federate?match[]=totals&match[]=took")).call().unwrap();
    let text = text.into_body().read_to_string().unwrap();
    assert!(text.contains("totals_bucket{host=\"a\",instance=\"\",le=\"+Inf\"} 12 "), "{text}");
    assert!(text.contains("# took is a native histogram of windows"), "{text}");
}
