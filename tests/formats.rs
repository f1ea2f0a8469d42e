//! Promise: a newer program reads what an older one left on disk, to the unit: queue, checkpoint and blocks of a killed
//! server, the spool of a killed agent. Also where they change one by one.
//!
//! `tests/saved` has what the older programs wrote, `tests/saved/make` says how. All of it has times of its own, so the
//! servers here keep samples and remember senders for decades: the test must hold at any later date.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value};
use tempfile::TempDir;
use weir_tests::{Agent, Server, ServerPorts, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = "[sink]\nlateness_s = 1\ncheckpoint_interval_s = 2\n\
                      forget_agents_after_h = 400000\nforget_jobs_after_h = 400000\n\
                      [store]\nidle_after_h = 400000\nraw_retention_h = 400000\n\
                      minute_retention_h = 400000\nhour_retention_h = 400000\n";

/// Reaches back to before anything was saved.
const EVER: &str = "1000w";

/// A copy of the folders that killed programs left.
struct Saved {
    folder: TempDir,
    /// What was written to them.
    expected: Value,
}

/// What should be stored: with what the server had queued, or also with what the agent had spooled.
#[derive(Clone, Copy)]
enum Upto {
    Queued,
    Delivered,
}

impl Upto {
    fn key(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
        }
    }
}

impl Saved {
    fn unpack(name: &str) -> Self {
        let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("saved").join(name);
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(folder.path()).status().unwrap();
        assert!(status.success(), "unpacking {}", archive.display());
        std::fs::write(folder.path().join("weir.toml"), CONFIG).unwrap();
        let expected = std::fs::read(folder.path().join("expected.json")).unwrap();
        Self { folder, expected: serde_json::from_slice(&expected).unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts one of the server's roles on a data folder, with the saved queue and keys.
    fn start(&self, role: &str, data: &str) -> Server {
        let path = |name: &str| self.path(name).display().to_string();
        let (config, queue, keys) = (path("weir.toml"), path("server/queue"), path("server/fleet.keys"));
        let more = ["--config", &config, "--queue", &queue, "--keys", &keys, "--writer", "up"];
        Server::start_as(role, self.path(data), ServerPorts::free(), &more)
    }

    /// Starts the agent again on what it had saved.
    fn agent(&self, server: &Server) -> Agent {
        let keys = self.path("server/fleet.keys");
        Agent::start(self.folder.path(), &server.ports.batch.to_string(), &keys, &["--host", "agent"])
    }

    fn sums(&self, upto: Upto) -> &Map<String, Value> {
        self.expected[upto.key()].as_object().unwrap()
    }

    /// What a counter came to.
    fn sum(&self, upto: Upto, selector: &str) -> f64 {
        self.sums(upto)[selector].as_f64().unwrap()
    }

    /// Waits until the server has stored every counter, then compares everything.
    fn assert_stored(&self, server: &Server, upto: Upto) {
        for selector in self.sums(upto).keys() {
            let expected = self.sum(upto, selector);
            eventually(&format!("{selector} to be {expected}"), PATIENCE, || {
                (total(server, selector) == Some(expected)).then_some(())
            });
        }
        let observed = self.expected["observed"][upto.key()].as_f64().unwrap();
        let took = format!("sum(increase(took{{route=\"a\"}}[{EVER}]))");
        assert_eq!(server.number(&format!("histogram_count({took})")), Some(observed));
        assert_eq!(server.number(&format!("histogram_sum({took})")), Some(observed * (observed + 1.0) / 2.0));
        let depth = self.expected["depth"][upto.key()].as_f64();
        assert_eq!(server.number(&format!("last_over_time(depth[{EVER}])")), depth);
        assert_eq!(server.number(&format!("max_over_time(users[{EVER}])")), self.expected["users"].as_f64());
        self.assert_imported(server);
        self.assert_grants(server);
    }

    /// Samples by remote write, in blocks and in the queue, stand as they were sent.
    fn assert_imported(&self, server: &Server) {
        let imported = self.expected["imported"].as_array().unwrap();
        assert_eq!(imported.len(), 4);
        for one in imported {
            let (name, zone) = (one["name"].as_str().unwrap(), one["labels"]["zone"].as_str().unwrap());
            let found = server.query(&format!("{name}{{zone={zone:?}}}[{EVER}]")).unwrap();
            let sent = one["samples"].as_array().unwrap().iter();
            let sent: Vec<_> = sent.map(|sample| (sample[0].as_f64().unwrap(), sample[1].as_f64().unwrap())).collect();
            let stored = found[0]["values"].as_array().unwrap_or_else(|| panic!("{name} is not there: {found}")).iter();
            let stored: Vec<_> = stored
                .map(|sample| {
                    let value: f64 = sample[1].as_str().unwrap().parse().unwrap();
                    ((sample[0].as_f64().unwrap() * 1e3).round(), value)
                })
                .collect();
            assert_eq!(stored, sent, "{name}");
        }
    }

    /// What tokens say of their bearers holds, whether it was read by the older server or stood in its queue.
    fn assert_grants(&self, server: &Server) {
        for jobs in ["alpha|beta|gamma|delta", "epsilon|zeta|eta|theta"] {
            let selector = format!("{{__name__=~\"{jobs}\",team=\"narrow\"}}");
            let count = |more: &str| server.number(&format!("count(last_over_time({selector}[{EVER}]){more})"));
            assert_eq!(count(""), Some(4.0), "{jobs}");
        }
    }
}

/// What a counter has come to, over all its series.
fn total(server: &Server, selector: &str) -> Option<f64> {
    server.number(&format!("sum(last_over_time({selector}[{EVER}]))"))
}

const BEFORE_ROOMS: &str = "0.1-afff28a.tar.gz";

#[test]
fn queue_checkpoint_and_blocks_of_an_older_server_are_read() {
    let saved = Saved::unpack(BEFORE_ROOMS);
    let mut server = saved.start("up", "server");
    saved.assert_stored(&server, Upto::Queued);
    assert!(server.program.stop().success());
    server.start_again();
    server.wait_until_ready();
    saved.assert_stored(&server, Upto::Queued);
}

#[test]
fn the_spool_of_an_older_agent_is_delivered_and_counted_once() {
    let saved = Saved::unpack(BEFORE_ROOMS);
    let mut server = saved.start("up", "server");
    let mut agent = saved.agent(&server);
    saved.assert_stored(&server, Upto::Delivered);
    let known = |server: &Server| server.reading("weir_sink_duplicates_total").filter(|count| *count > 0.0);
    eventually("batches that the older server had", PATIENCE, || known(&server));
    for turn in 1..=3 {
        agent.emit("orders:1|c\nvisits:1|c|#weir.scope:global", 10);
        for selector in ["orders", "visits"] {
            let expected = saved.sum(Upto::Delivered, selector) + f64::from(10 * turn);
            eventually(selector, PATIENCE, || (total(&server, selector) == Some(expected)).then_some(()));
        }
        // All that is not acked is sent again, and the newer checkpoint knows it.
        agent.program.kill();
        assert!(server.program.stop().success());
        server.start_again();
        server.wait_until_ready();
        agent.start_again();
    }
}

#[test]
fn a_newer_gateway_goes_on_with_an_older_queue_before_the_sink_changes() {
    let saved = Saved::unpack(BEFORE_ROOMS);
    let mut gateway = saved.start("gateway", "gateway");
    let agent = saved.agent(&gateway);
    agent.emit("orders:1|c", 10);
    let reading = |name: &str| agent.reading(name).unwrap_or_default();
    eventually("the lines", PATIENCE, || (reading("weir_agent_statsd_lines_total") == 10.0).then_some(()));
    let sealed = reading("weir_agent_sealed_batches_total");
    eventually("the agent's acks", PATIENCE, || {
        let newer = reading("weir_agent_sealed_batches_total") >= sealed + 2.0;
        (newer && reading("weir_agent_spooled_batches") <= 1.0).then_some(())
    });
    drop(agent);
    gateway.program.kill();
    let sink = saved.start("sink", "server");
    let expected = saved.sum(Upto::Delivered, "orders") + 10.0;
    eventually("orders of three programs", PATIENCE, || (total(&sink, "orders") == Some(expected)).then_some(()));
}
