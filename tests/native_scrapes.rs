//! Promise: collectors ask for protobuf where `scrape_protocols` or `scrape_native_histograms` say so, and native histograms of targets
//! are stored as they are, each window once, as Prometheus has them; they end with a marker, and come in the forms that the
//! configuration wants.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use weir_tests::exporter::{COUNTER, FAMILIES, HISTOGRAM, Page, double, family, histogram, serve};

use weir_tests::{Program, Prometheus, Server, eventually};

const PATIENCE: Duration = Duration::from_secs(90);
const COUNTS: [u64; 6] = [3, 0, 7, 900, 2, 1];
const CLASSIC: [(f64, u64); 2] = [(1.2, 10), (2.0, 913)];

/// What the target has now.
#[derive(Default)]
struct Shown {
    is_gone: AtomicBool,
    looks: AtomicU64,
}

fn answer(shown: &Shown, path: &str, head: &str) -> Page {
    if !head.contains("accept: application/vnd.google.protobuf") {
        let text = "# TYPE h histogram\nh_bucket{le=\"1.2\"} 10\nh_bucket{le=\"2\"} 913\nh_bucket{le=\"+Inf\"} 913\n\
                    h_sum 1234.5\nh_count 913\n# TYPE text_only gauge\ntext_only 1\n";
        return ("text/plain; version=0.0.4", text.as_bytes().to_vec());
    }
    let looks = shown.looks.fetch_add(1, Relaxed);
    let mut body = family("hits_total", "Hits.", "", COUNTER, &double(1, 7.0));
    if !shown.is_gone.load(Relaxed) {
        body.extend(family("h", "Time.", "seconds", HISTOGRAM, &histogram(&COUNTS, 1234.5, &CLASSIC)));
    }
    if path == "/grows" {
        body.extend(family("grown", "", "", HISTOGRAM, &histogram(&[looks + 1], looks as f64, &[])));
    }
    if path == "/broken" {
        body.truncate(body.len() - 3);
    }
    (if path == "/unsaid" { "application/octet-stream" } else { FAMILIES }, body)
}

fn configure(folder: &Path, target: std::net::SocketAddr) {
    let job = |name: &str, path: &str, settings: &str| {
        format!(
            "- {{job_name: {name}, metrics_path: {path}, static_configs: [{{targets: ['{target}']}}], {settings}}}\n"
        )
    };
    let native = "scrape_native_histograms: true";
    let text = [
        "global: {scrape_interval: 1s}\nscrape_configs:\n".to_owned(),
        job("native", "/metrics", native),
        job("grows", "/grows", native),
        job("broken", "/broken", native),
        job("unsaid", "/unsaid", &format!("{native}, fallback_scrape_protocol: PrometheusProto")),
        job("both", "/both", &format!("{native}, always_scrape_classic_histograms: true")),
        job("classic", "/classic", "scrape_protocols: [PrometheusProto, PrometheusText0.0.4]"),
        job("text", "/text", ""),
        job("converted", "/converted", "convert_classic_histograms_to_nhcb: true"),
        job("limited", "/limited", &format!("{native}, native_histogram_bucket_limit: 3")),
    ];
    fs::write(folder.join("scrape.yml"), text.concat()).unwrap();
}

fn collector(folder: &Path, server: &Server, name: &str) -> Program {
    let config = folder.join("scrape.yml").display().to_string();
    let (url, keys) = (format!("http://{}", server.ports.http), server.keys().display().to_string());
    let args = ["collect", "--config", &config, "--server", &url, "--keys", &keys].map(str::to_owned);
    Program::start("weir", &args, &folder.join(format!("{name}.log")))
}

fn assert_becomes(server: &Server, promql: &str, expected: f64) {
    eventually(&format!("{promql} to be {expected}"), PATIENCE, || {
        (server.number(promql) == Some(expected)).then_some(())
    });
}

/// What Prometheus has of the same target.
fn theirs(prometheus: &Prometheus, promql: &str) -> Option<Value> {
    let url = format!("http://{}/api/v1/query", prometheus.address);
    let body = ureq::get(url).query("query", promql).call().ok()?.body_mut().read_to_string().ok()?;
    let answer: Value = serde_json::from_str(&body).ok()?;
    Some(answer["data"]["result"][0]["histogram"][1].clone()).filter(|found| !found.is_null())
}

/// All numbers of a histogram; ends of buckets differ in their last digit, as powers are made in other ways.
fn shown(histogram: &Value) -> Vec<String> {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).or(value.as_f64());
    let buckets = histogram["buckets"].as_array().into_iter().flatten().flat_map(|bucket| bucket.as_array().unwrap());
    let all = buckets.chain([&histogram["count"], &histogram["sum"]]);
    all.map(|value| format!("{:.12}", number(value).unwrap())).collect()
}

#[test]
fn native_histograms_of_targets_are_stored_once_as_prometheus_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let has = Arc::new(Shown::default());
    let of_target = has.clone();
    let target = serve(move |path, head| answer(&of_target, path, head));
    configure(folder.path(), target);
    let _collectors = ["one", "two"].map(|name| collector(folder.path(), &server, name));
    let config = format!(
        "scrape_configs: [{{job_name: native, scrape_interval: 1s, static_configs: [{{targets: ['{target}']}}]}}]\n"
    );
    let prometheus = Prometheus::start_with(folder.path(), &config, &["--enable-feature=native-histograms"]);

    assert_becomes(&server, "histogram_count(h{job=\"native\"})", 913.0);
    assert_becomes(&server, "histogram_sum(h{job=\"native\"})", 1234.5);
    let expected = eventually("Prometheus to have the histogram", PATIENCE, || theirs(&prometheus, "h"));
    let ours = server.query("h{job=\"native\"}").unwrap();
    assert_eq!(shown(&ours[0]["histogram"][1]), shown(&expected));
    assert_becomes(&server, "hits_total{job=\"native\"}", 7.0);
    assert_becomes(&server, "scrape_samples_scraped{job=\"native\"}", 2.0);
    assert_eq!(server.query("h_count{job=\"native\"}"), Some(json!([])));
    // It counts on: of its growth nothing is lost, and nothing counted twice.
    assert_becomes(&server, "histogram_count(increase(grown[5s])) > bool 0", 1.0);
    assert_eq!(server.number("histogram_count(resets(grown[30s])) or vector(0)"), Some(0.0));
    // Both collectors bring each window, and it is there once.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let windows = "count_over_time(h{job=\"native\"}[6s])";
    eventually(windows, PATIENCE, || (server.number_at(windows, since + 7) == Some(6.0)).then_some(()));
    assert!(server.reading("weir_sink_scrapes_duplicate_total").is_some_and(|count| count > 5.0));

    assert_becomes(&server, "up{job=\"broken\"}", 0.0);
    assert_eq!(server.query("hits_total{job=\"broken\"}"), Some(json!([])));
    assert_becomes(&server, "histogram_count(h{job=\"unsaid\"})", 913.0);
    for promql in ["histogram_count(h{job=\"both\"})", "h_count{job=\"both\"}", "h_bucket{job=\"both\",le=\"2.0\"}"] {
        assert_becomes(&server, promql, 913.0);
    }
    assert_becomes(&server, "h_bucket{job=\"classic\",le=\"1.2\"}", 10.0);
    assert_eq!(server.query("h{job=\"classic\"}"), Some(json!([])));
    assert_becomes(&server, "h_bucket{job=\"text\",le=\"2\"} + on(job) text_only", 914.0);
    let buckets = |job: &str| {
        let found = server.query(&format!("h{{job=\"{job}\"}}"))?;
        Some(found[0]["histogram"][1]["buckets"].as_array()?.len())
    };
    assert_becomes(&server, "histogram_count(h{job=\"converted\"})", 913.0);
    assert_eq!(server.query("h_count{job=\"converted\"}"), Some(json!([])));
    assert_eq!((buckets("native"), buckets("converted")), (Some(5), Some(2)));
    eventually("a histogram that has come down", PATIENCE, || {
        buckets("limited").filter(|count| (1..=3).contains(count))
    });
    assert_becomes(&server, "histogram_count(h{job=\"limited\"})", 913.0);

    has.is_gone.store(true, Relaxed);
    eventually("histograms to end", PATIENCE, || {
        (server.query("h{job!=\"converted\"}") == Some(json!([]))).then_some(())
    });
    assert_becomes(&server, "hits_total{job=\"native\"}", 7.0);
    let log = fs::read_to_string(folder.path().join("one.log")).unwrap();
    assert!(!log.contains("has no effect"), "{log}");
}
