//! Debian's Prometheus, which takes remote write and answers queries beside ours.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::{Program, eventually, free_port};

/// A Prometheus that runs, stopped when dropped.
pub struct Prometheus {
    /// Where it answers.
    pub address: SocketAddr,
    _program: Program,
}

impl Prometheus {
    /// Starts one with nothing to scrape and an empty store.
    pub fn start(folder: &Path) -> Self {
        let path = Path::new("/usr/bin/prometheus");
        assert!(path.exists(), "there is no Prometheus: run tests/setup, or apt-get install -y prometheus");
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, "global: {}\n").unwrap();
        let address = free_port();
        let args = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.join("prometheus").display()),
            format!("--web.listen-address={address}"),
            "--web.enable-remote-write-receiver".into(),
            "--log.level=warn".into(),
        ];
        let program = Program::start_at(path, &args, &folder.join("prometheus.log"));
        eventually("Prometheus to be ready", Duration::from_secs(30), || {
            ureq::get(format!("http://{address}/-/ready")).call().ok()
        });
        Self { address, _program: program }
    }
}
