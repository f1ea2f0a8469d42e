//! Distributions of an agent in other engines, as native histograms and as buckets, though the sink is killed.

use std::time::Duration;

use serde_json::Value;
use weir_tests::{Agent, Engine, Prometheus, Server, ServerPorts, eventually, seconds_now};

const PATIENCE: Duration = Duration::from_secs(60);

struct Site {
    _folder: tempfile::TempDir,
    /// Speaks remote write 2.0 and has native histograms: another of ours.
    receiver: Server,
    prometheus: Prometheus,
    victoria_metrics: Engine,
    weir: Server,
    agent: Agent,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let receiver = Server::start_as("up", path.join("receiver"), ServerPorts::free(), &[]);
        let prometheus = Prometheus::start_with(path, "global: {}\n", &["--enable-feature=native-histograms"]);
        let victoria_metrics = Engine::victoria_metrics(path);
        let backend = |name: &str, more: &str| {
            format!("[[sink.backend]]\nname = '{name}'\nevery = '1s'\nmatch = ['{{__name__=~\"took.*\"}}']\n{more}\n")
        };
        let config = [
            "[sink]\ncheckpoint_interval_s = 1\nlateness_s = 1\n".to_owned(),
            backend("second", &format!("kind = 'remote_write'\nurl = 'http://{}/api/v1/write'", receiver.ports.http)),
            backend(
                "prometheus",
                &format!(
                    "kind = 'remote_write_1'\nhistograms = 'native'\nurl = 'http://{}/api/v1/write'",
                    prometheus.address
                ),
            ),
            backend(
                "vm",
                &format!(
                    "kind = 'remote_write_1'\nhistograms = 'buckets'\nbuckets = [1, 10]\nurl = 'http://{}/api/v1/write'",
                    victoria_metrics.address
                ),
            ),
        ];
        let file = path.join("weir.toml");
        std::fs::write(&file, config.concat()).unwrap();
        let weir =
            Server::start_as("up", path.join("weir"), ServerPorts::free(), &["--config", &file.display().to_string()]);
        let agent = Agent::start(path, &weir.ports.batch.to_string(), &weir.keys(), &["--host", "a"]);
        Self { _folder: folder, receiver, prometheus, victoria_metrics, weir, agent }
    }
}

/// What a counter has come to at an address, step by step: also where it began anew.
fn grown(address: std::net::SocketAddr, promql: &str) -> Option<f64> {
    let now = seconds_now();
    let ask = ureq::get(format!("http://{address}/api/v1/query_range"));
    let ask = ask.query("query", promql).query("start", (now - 300.0).to_string()).query("end", now.to_string());
    let answer: Value =
        serde_json::from_str(&ask.query("step", "1").call().ok()?.body_mut().read_to_string().ok()?).ok()?;
    let values = answer["data"]["result"][0]["values"].as_array()?;
    let numbers = values.iter().map(|value| value[1].as_str()?.parse::<f64>().ok()).collect::<Option<Vec<_>>>()?;
    let steps = numbers.iter().scan(0.0, |before, now| {
        let by = if *now < *before { *now } else { now - *before };
        *before = *now;
        Some(by)
    });
    Some(steps.sum())
}

#[test]
fn engines_have_every_observation_once() {
    let mut site = Site::start();
    eventually("a first watermark", PATIENCE, || {
        let passed = site.weir.reading("weir_backend_passed_timestamp_seconds{backend=\"prometheus\"}")?;
        (passed > 0.0).then_some(())
    });
    for round in 0..30 {
        // 0.5 and 5 of each three, and one of 50.
        site.agent.emit("took:0.5|ms", 1);
        site.agent.emit("took:5|ms", 1);
        site.agent.emit("took:50|ms", 1);
        std::thread::sleep(Duration::from_millis(300));
        if round == 15 {
            site.weir.program.kill();
            site.weir.start_again();
        }
    }
    let places = [
        ("of 2.0, native", site.receiver.ports.http, "histogram_count(took)", 90.0),
        ("of 2.0, their sum", site.receiver.ports.http, "histogram_sum(took)", 30.0 * 55.5),
        ("Prometheus, native", site.prometheus.address, "histogram_count(took)", 90.0),
        ("VictoriaMetrics, at most 1", site.victoria_metrics.address, "took_bucket{le=\"1\"}", 30.0),
        ("VictoriaMetrics, at most 10", site.victoria_metrics.address, "took_bucket{le=\"10\"}", 60.0),
        ("VictoriaMetrics, all", site.victoria_metrics.address, "took_bucket{le=\"+Inf\"}", 90.0),
    ];
    for (name, address, promql, expected) in places {
        let mut found = None;
        let until = std::time::Instant::now() + PATIENCE;
        while found != Some(expected) {
            assert!(
                std::time::Instant::now() < until,
                "{name}: {found:?} of {expected}\n{:?}\n{:?}",
                site.weir.get("/readyz"),
                site.weir.query("histogram_count(increase(took[5m]))")
            );
            std::thread::sleep(Duration::from_millis(300));
            found = grown(address, promql);
        }
    }
    for name in ["second", "prometheus", "vm"] {
        let refused = site.weir.reading(&format!("weir_backend_refused_samples_total{{backend=\"{name}\"}}"));
        assert_eq!(refused, Some(0.0), "{name}");
    }
    let median = site.receiver.number("histogram_quantile(0.5, sum(took))").unwrap();
    assert!((4.9..5.1).contains(&median), "{median}");
}
