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
        Self::start_with(folder, "global: {}\n", &[])
    }

    /// Starts one with this configuration and more flags; [`Prometheus::reload`] reads it and its rules again.
    pub fn start_with(folder: &Path, text: &str, more: &[&str]) -> Self {
        let path = Path::new("/usr/bin/prometheus");
        assert!(path.exists(), "there is no Prometheus: run tests/setup, or apt-get install -y prometheus");
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, text).unwrap();
        let address = free_port();
        let mut args = vec![
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.join("prometheus").display()),
            format!("--web.listen-address={address}"),
            "--web.enable-remote-write-receiver".into(),
            "--web.enable-lifecycle".into(),
            "--log.level=warn".into(),
        ];
        args.extend(more.iter().map(|flag| (*flag).to_owned()));
        let program = Program::start_at(path, &args, &folder.join("prometheus.log"));
        eventually("Prometheus to be ready", Duration::from_secs(30), || {
            ureq::get(format!("http://{address}/-/ready")).call().ok()
        });
        Self { address, _program: program }
    }

    /// Lets it read its configuration and rules again.
    pub fn reload(&self) {
        ureq::post(format!("http://{}/-/reload", self.address)).send_empty().unwrap();
    }
}
