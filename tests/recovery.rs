//! Promise: a disk that is full stops nothing for good. What was acknowledged is stored, without a restart by hand, and a
//! queue that filled its disk is drained on it. A queue's consumer has one owner.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use weir_tests::{Agent, Program, Server, ServerPorts, eventually, start_role};

const PATIENCE: Duration = Duration::from_secs(30);

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    /// `None` where this process may not mount one.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).status();
        let mounted = mounted.is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("not run: only root may mount a disk to fill");
        }
        mounted.then(|| Self(at.to_owned()))
    }

    fn filler(&self) -> PathBuf {
        self.0.join(".filler")
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut file = fs::File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn agent_of(server: &Server, folder: &Path) -> Agent {
    Agent::start(folder, &server.ports.batch.to_string(), &folder.join("fleet.keys"), &[])
}

fn wait_for_hits(server: &Server, hits: f64) {
    eventually("every line to be stored", PATIENCE, || server.number("sum(hits)").filter(|sum| *sum == hits));
}

/// Waits until a path is answered with this status and a text that has this in it.
fn wait_for(server: &Server, path: &str, status: u16, said: &str) {
    eventually(said, PATIENCE, || server.get(path).filter(|answer| answer.0 == status && answer.1.contains(said)));
}

#[test]
fn a_full_store_is_waited_for_while_gateways_acknowledge() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("up").join("store"), "4m") else { return };
    let mut server = start_role(folder.path(), "up", "up", &[]);
    let agent = agent_of(&server, folder.path());
    agent.emit("hits:1|c", 100);
    wait_for_hits(&server, 100.0);
    disk.fill();
    wait_for(&server, "/readyz", 503, "the sink recovers, and the queue keeps what is not stored");
    wait_for(&server, "/api/v1/query?query=1", 503, "the store is being opened again after a failure");
    let acked = || server.reading("weir_gateway_acked_batches_total");
    let before = acked().unwrap();
    agent.emit("hits:1|c", 50);
    eventually("batches to be acknowledged all the while", PATIENCE, || acked().filter(|now| *now > before + 2.0));
    disk.free();
    wait_for(&server, "/readyz", 200, "ready");
    wait_for_hits(&server, 150.0);
    assert!(server.reading("weir_step_failures_total{step=\"sink\"}").unwrap() >= 1.0);
    assert!(server.program.stop().success());
    let log = fs::read_to_string(folder.path().join("up.log")).unwrap();
    assert_eq!(log.matches("a step fails").count(), log.matches("a step works again").count(), "{log}");
}

/// Whatever room a restart or a reserve gives is taken too.
fn fill_until_refused(disk: &Disk, gateway: &Server) {
    eventually("the gateway to see that its disk is full", PATIENCE, || {
        disk.fill();
        gateway.get("/readyz").filter(|(status, why)| *status == 503 && why.contains("the queue takes no records"))
    });
}

#[test]
fn a_full_queue_is_drained_by_a_sink_that_starts_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("queue"), "2m") else { return };
    let mut gateway = start_role(folder.path(), "gateway", "gateway-0", &[]);
    let agent = agent_of(&gateway, folder.path());
    agent.emit("hits:1|c", 100);
    eventually("batches", PATIENCE, || {
        gateway.reading("weir_gateway_acked_batches_total").filter(|acked| *acked > 1.0)
    });
    fill_until_refused(&disk, &gateway);
    gateway.program.kill();
    disk.fill();
    gateway.start_again();
    fill_until_refused(&disk, &gateway);
    agent.emit("hits:1|c", 50);
    // What it reads makes room, though the disk has as little as before.
    let sink = start_role(folder.path(), "sink", "sink", &[]);
    gateway.wait_until_ready();
    disk.free();
    wait_for_hits(&sink, 150.0);
}

#[test]
fn a_second_sink_is_refused_by_name_and_a_killed_one_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start_role(folder.path(), "sink", "first", &[]);
    let (log, ports) = (folder.path().join("second.log"), ServerPorts::free());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut args: Vec<String> = ["sink", "--statsd", "off", "--http"].map(String::from).into();
    args.extend([ports.http.to_string(), "--batch".into(), ports.batch.to_string()]);
    args.extend(["--data".into(), path("second"), "--queue".into(), path("queue")]);
    let mut second = Program::start("weir", &args, &log);
    let ended = eventually("the second sink to end", PATIENCE, || second.ended());
    let said = fs::read_to_string(&log).unwrap();
    let refusal = format!("is read by another \"sink\", process {}", first.program.id());
    assert!(!ended.success() && said.contains(&refusal), "{said}");
    first.program.kill();
    first.start_again();
    first.wait_until_ready();
}

/// By itself systemd gives up after five starts within ten seconds.
#[test]
fn units_are_started_again_however_often_they_fail() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if text.lines().any(|line| line == "Restart=always") {
            let (unit, _) = text.split_once("[Service]").unwrap();
            assert!(unit.lines().any(|line| line == "StartLimitIntervalSec=0"), "{} has a limit", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}
