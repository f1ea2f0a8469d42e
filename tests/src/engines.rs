//! Engines that a fleet may have already: VictoriaMetrics, InfluxDB 1 and ClickHouse, each in a folder of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::{Program, eventually, free_port};

/// An engine that runs, killed when dropped.
pub struct Engine {
    /// Where it speaks HTTP.
    pub address: SocketAddr,
    program: Program,
    start: Box<dyn Fn() -> Program + Send + Sync>,
    health: &'static str,
}

impl Engine {
    /// Debian's VictoriaMetrics, which keeps one of two samples of the same time.
    pub fn victoria_metrics(folder: &Path) -> Self {
        let path = Path::new("/usr/bin/victoria-metrics");
        assert!(path.exists(), "there is no VictoriaMetrics: run tests/setup, or apt-get install -y victoria-metrics");
        let address = free_port();
        let args = vec![
            format!("-storageDataPath={}", folder.join("victoria-metrics").display()),
            format!("-httpListenAddr={address}"),
            "-retentionPeriod=1y".into(),
            "-search.latencyOffset=0s".into(),
            "-search.disableCache".into(),
            "-dedup.minScrapeInterval=1ms".into(),
        ];
        let log = folder.join("victoria-metrics.log");
        Self::start(address, "/health", Box::new(move || Program::start_at(path, &args, &log)))
    }

    /// Debian's InfluxDB 1 with a database `weir`.
    pub fn influx(folder: &Path) -> Self {
        let path = Path::new("/usr/bin/influxd");
        assert!(path.exists(), "there is no InfluxDB: run tests/setup, or apt-get install -y influxdb");
        let (address, backup) = (free_port(), free_port());
        let home = folder.join("influx");
        let part = |name: &str| home.join(name).display().to_string();
        let config = format!(
            "bind-address = '{backup}'\nreporting-disabled = true\n[meta]\ndir = '{}'\n[data]\ndir = '{}'\nwal-dir = '{}'\n[http]\n\
             bind-address = '{address}'\nlog-enabled = false\n",
            part("meta"),
            part("data"),
            part("wal")
        );
        std::fs::create_dir_all(&home).unwrap();
        let file = home.join("influx.conf");
        std::fs::write(&file, config).unwrap();
        let (args, log) = (vec!["-config".into(), file.display().to_string()], folder.join("influx.log"));
        let engine = Self::start(address, "/ping", Box::new(move || Program::start_at(path, &args, &log)));
        ureq::post(format!("http://{address}/query")).query("q", "CREATE DATABASE weir").send_empty().unwrap();
        engine
    }

    /// ClickHouse in a process of Python's, behind the front that stands beside the tests.
    pub fn click_house(folder: &Path) -> Self {
        let (address, log) = (free_port(), folder.join("click-house.log"));
        let front = Path::new(env!("CARGO_MANIFEST_DIR")).join("backends/click_house.py");
        let data = folder.join("click-house");
        let args = [front.display().to_string(), data.display().to_string(), address.port().to_string()];
        let start = move || Program::start_at(Path::new("python3"), &args, &log);
        Self::start(address, "/ping", Box::new(start))
    }

    fn start(address: SocketAddr, health: &'static str, start: Box<dyn Fn() -> Program + Send + Sync>) -> Self {
        let engine = Self { address, program: start(), start, health };
        engine.wait();
        engine
    }

    fn wait(&self) {
        let url = format!("http://{}{}", self.address, self.health);
        eventually(&format!("{url} to answer; its log says more"), Duration::from_secs(60), || {
            ureq::get(&url).call().ok()
        });
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Stops it in peace.
    pub fn stop(&mut self) {
        self.program.stop();
    }

    /// Starts it again over the same folder.
    pub fn start_again(&mut self) {
        self.program = (self.start)();
        self.wait();
    }

    /// What it answers to a path.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<String> {
        let request = ureq::get(format!("http://{}{path}", self.address));
        let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
        request.call().ok()?.body_mut().with_config().limit(100 << 20).read_to_string().ok()
    }
}
