//! Four engines behind one sink, each before which a server fails a third of all requests, while sink and engines are killed.

use std::time::Duration;

use weir_tests::remote_write::{self, Written};
use weir_tests::{Agent, Engine, FaultyHttp, Prometheus, Server, ServerPorts, eventually};

use crate::samples::{Samples, differences, of_click_house, of_influx, of_prometheus, of_victoria_metrics};

const PATIENCE: Duration = Duration::from_secs(60);
const FAILS: f64 = 0.3;

struct Site {
    folder: tempfile::TempDir,
    victoria_metrics: Engine,
    prometheus: Prometheus,
    influx: Engine,
    click_house: Engine,
    fronts: Vec<FaultyHttp>,
    weir: Server,
    agent: Agent,
}

const TABLE: &str = "CREATE TABLE samples (name LowCardinality(String), labels Map(LowCardinality(String), String), kind LowCardinality(String), \
    time DateTime64(3), value Float64) ENGINE = MergeTree ORDER BY (name, labels, time) SETTINGS non_replicated_deduplication_window = 10000";

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let victoria_metrics = Engine::victoria_metrics(path);
        let late = "storage:\n  tsdb:\n    out_of_order_time_window: 1h\n";
        let prometheus = Prometheus::start_with(path, &format!("global: {{}}\n{late}"), &[]);
        let (influx, click_house) = (Engine::influx(path), Engine::click_house(path));
        ureq::post(format!("http://{}/", click_house.address)).query("query", TABLE).send_empty().unwrap();
        let targets = [victoria_metrics.address, prometheus.address, influx.address, click_house.address];
        let fronts: Vec<_> = (1..).zip(targets).map(|(seed, target)| FaultyHttp::before(target, FAILS, seed)).collect();
        let backend = |name: &str, kind: &str, at: usize, path: &str| {
            let address = fronts[at].address;
            format!(
                "[[sink.backend]]\nname = '{name}'\nkind = '{kind}'\nurl = 'http://{address}{path}'\nevery = '1s'\nbatch = 50\n\
                 timeout = '5s'\nmatch = ['hits', 'level', 'pushed']\n"
            )
        };
        let config = [
            "[sink]\ncheckpoint_interval_s = 1\nlateness_s = 1\n".to_owned(),
            backend("vm", "remote_write", 0, "/api/v1/write"),
            backend("prometheus", "remote_write", 1, "/api/v1/write"),
            backend("influx", "influx", 2, "/write?db=weir"),
            backend("clickhouse", "clickhouse", 3, ""),
        ];
        let file = path.join("weir.toml");
        std::fs::write(&file, config.concat()).unwrap();
        let file = file.display().to_string();
        let weir = Server::start_as("up", path.join("weir"), ServerPorts::free(), &["--config", &file]);
        let agent = Agent::start(path, &weir.ports.batch.to_string(), &weir.keys(), &["--host", "a"]);
        Self { folder, victoria_metrics, prometheus, influx, click_house, fronts, weir, agent }
    }

    fn of_weir(&self, metric: &str) -> Samples {
        of_prometheus(self.weir.ports.http, metric).unwrap()
    }

    /// Waits until all engines have what the embedded store has.
    fn wait_until_equal(&self, metric: &str) {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let expected = self.of_weir(metric);
            let found = [
                ("VictoriaMetrics", of_victoria_metrics(&self.victoria_metrics, metric)),
                ("Prometheus", of_prometheus(self.prometheus.address, metric)),
                ("InfluxDB", of_influx(&self.influx, metric)),
                ("ClickHouse", of_click_house(&self.click_house, metric)),
            ];
            let wrong = found.map(|(name, found)| (name, found.map(|found| differences(&expected, &found))));
            if wrong.iter().all(|(_, wrong)| wrong.as_ref().is_some_and(Vec::is_empty)) {
                return;
            }
            assert!(std::time::Instant::now() < until, "{metric}: {wrong:#?}\n{:?}", self.weir.get("/readyz"));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn push(&self, ago: Duration, value: f64) {
        let time = (weir_tests::seconds_now() - ago.as_secs_f64()) * 1e3;
        let mut series = Written::new("pushed", &[("host", "b"), ("instance", "b")]);
        series.samples.push((time as i64, value));
        eventually("the sample to be taken", PATIENCE, || {
            (remote_write::write(self.weir.ports.http, std::slice::from_ref(&series)).0 < 300).then_some(())
        });
    }
}

#[test]
fn engines_hold_what_the_embedded_store_holds_through_faults_and_kills() {
    let mut site = Site::start();
    let beat = |site: &Site, times: usize| {
        for at in 0..times {
            site.agent.emit("hits:1|c", 3);
            site.agent.emit(&format!("level:{at}|g"), 1);
            std::thread::sleep(Duration::from_millis(300));
        }
    };
    eventually("a first watermark", PATIENCE, || {
        let passed = site.weir.reading("weir_backend_passed_timestamp_seconds{backend=\"vm\"}")?;
        (passed > 0.0).then_some(())
    });
    beat(&site, 12);
    // It says that it has what it keeps in memory for some seconds, so it is let stop in peace.
    site.victoria_metrics.stop();
    site.push(Duration::ZERO, 1.0);
    beat(&site, 10);
    // Late, made durable while an engine is away, and then the sink is killed.
    site.push(Duration::from_secs(4), 2.0);
    beat(&site, 8);
    site.weir.program.kill();
    site.weir.start_again();
    beat(&site, 6);
    site.click_house.kill();
    site.weir.program.kill();
    site.weir.start_again();
    beat(&site, 6);
    site.victoria_metrics.start_again();
    site.click_house.start_again();
    site.push(Duration::from_secs(10), 3.0);
    beat(&site, 6);
    // What is told each second anew would have to be everywhere at one instant.
    assert!(site.agent.program.stop().success());
    std::thread::sleep(Duration::from_secs(3));
    for metric in ["hits", "level", "pushed"] {
        site.wait_until_equal(metric);
    }
    let hits = site.of_weir("hits").remove("a").unwrap();
    assert_eq!(hits.values().copied().fold(0.0, f64::max), 3.0 * 48.0);
    assert_eq!(site.of_weir("pushed")["b"].len(), 3);
    let retries: f64 = ["vm", "prometheus", "influx", "clickhouse"]
        .iter()
        .map(|name| site.weir.reading(&format!("weir_backend_retries_total{{backend=\"{name}\"}}")).unwrap())
        .sum();
    assert!(retries > 10.0, "faults were met: {retries}");
    for name in ["vm", "influx", "clickhouse", "prometheus"] {
        let refused = site.weir.reading(&format!("weir_backend_refused_samples_total{{backend=\"{name}\"}}"));
        assert_eq!(refused, Some(0.0), "{name}: {}", site.folder.path().display());
    }
    // ClickHouse keeps rows of a request that comes twice: by its token it knows such a one.
    let twice = "SELECT count() - uniqExact(name, labels, time) FROM samples";
    let twice: u64 = site.click_house.get("/", &[("query", twice)]).unwrap().trim().parse().unwrap();
    println!("{twice} rows are in ClickHouse twice");
    site.fronts.iter().for_each(|front| front.fail(0.0));
}
