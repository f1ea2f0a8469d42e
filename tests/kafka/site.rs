//! A broker, a gateway, sinks, and an agent that counts.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use weir_tests::{Agent, Broker, Server, ServerPorts, eventually, program};

pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
pub(crate) const PARTITIONS: i32 = 4;

pub(crate) struct Site {
    pub(crate) broker: Broker,
    pub(crate) folder: tempfile::TempDir,
}

impl Site {
    /// A broker with the topics.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::start(folder.path());
        Self::with(folder, broker)
    }

    pub(crate) fn with(folder: tempfile::TempDir, broker: Broker) -> Self {
        let site = Self { broker, folder };
        site.write_config("weir.toml", "", "");
        let made = site.setup("weir.toml", &["--partitions", &PARTITIONS.to_string()]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A configuration with more keys in `[queue.kafka]`, and more sections.
    pub(crate) fn write_config(&self, name: &str, kafka: &str, more: &str) {
        let brokers = self.broker.address;
        let text = format!(
            "[sink]\ncheckpoint_interval_s = 2\nlateness_s = 1\n[queue.kafka]\nbrokers = '{brokers}'\n{kafka}\n{more}\n"
        );
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn setup(&self, config: &str, more: &[&str]) -> Output {
        let config = self.path(config).display().to_string();
        let base = ["kafka", "setup", "--replicas", "1", "--config", &config];
        Command::new(program("weir")).args([&base, more].concat()).output().unwrap()
    }

    /// What `weir kafka status` prints.
    pub(crate) fn status(&self, group: &str) -> String {
        let config = self.path("weir.toml").display().to_string();
        let args = ["kafka", "status", "--config", &config, "--group", group];
        let output = Command::new(program("weir")).args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts a role.
    pub(crate) fn role(&self, role: &str, name: &str, more: &[&str]) -> Server {
        let [config, keys] = ["weir.toml", "fleet.keys"].map(|name| self.path(name).display().to_string());
        let shared = ["--config", &config, "--keys", &keys, "--writer", name];
        Server::start_as(role, self.path(name), ServerPorts::free(), &[&shared, more].concat())
    }

    /// Starts a role that is to fail; what it says.
    pub(crate) fn refused(&self, config: &str, role: &str) -> String {
        let (config, data) = (self.path(config).display().to_string(), self.path(role).display().to_string());
        let args = [role, "--config", &config, "--data", &data, "--statsd", "off", "--http", "127.0.0.1:0"];
        let mut command = Command::new("timeout");
        command.arg("60").arg(program("weir")).args(args).args(["--batch", "127.0.0.1:0"]);
        let output = command.output().unwrap();
        assert!(
            !output.status.success() && output.status.code() != Some(124),
            "it was to end with an error: {output:?}"
        );
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// An agent that pushes to gateways.
    pub(crate) fn agent(&self, gateways: &[&Server]) -> Agent {
        let servers: Vec<String> = gateways.iter().map(|gateway| gateway.ports.batch.to_string()).collect();
        Agent::start(self.folder.path(), &servers.join(","), &self.path("fleet.keys"), &[])
    }

    pub(crate) fn topic_tool(&self, args: &[&str]) {
        self.broker.tool("org.apache.kafka.tools.TopicCommand", args);
    }
}

pub(crate) fn wait_for_hits(sink: &Server, hits: usize) {
    let mut last = None;
    let stored = || {
        last = sink.number("sum(hits)");
        last.filter(|sum| *sum >= hits as f64)
    };
    let sum = eventually("every line to be stored", PATIENCE, stored);
    assert_eq!(sum, hits as f64, "more than there were");
    // Nor is anything counted later.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(sink.number("sum(hits)"), Some(hits as f64));
}

/// Waits until a path is answered with this status and a text that has this in it.
pub(crate) fn wait_for(server: &Server, path: &str, status: u16, said: &str) {
    eventually(said, PATIENCE, || server.get(path).filter(|answer| answer.0 == status && answer.1.contains(said)));
}

/// The log of a server that was started in this folder.
pub(crate) fn log_of(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name).with_extension("log")).unwrap_or_default()
}
