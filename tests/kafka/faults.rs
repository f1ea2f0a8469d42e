//! What is killed, grown, deleted and lost.

use std::time::Duration;

use weir_tests::{Broker, eventually};

use crate::site::{PARTITIONS, PATIENCE, Site, log_of, wait_for, wait_for_hits};

#[test]
fn what_was_acknowledged_is_counted_once_while_broker_sink_and_gateway_are_killed() {
    let mut site = Site::start();
    let mut gateway = site.role("gateway", "gateway", &[]);
    let mut sink = site.role("sink", "sink", &[]);
    let agent = site.agent(&[&gateway]);
    let mut hits = 0;
    let mut load = |seconds: usize| {
        for _ in 0..10 * seconds {
            agent.emit("hits:1|c", 5);
            hits += 5;
            std::thread::sleep(Duration::from_millis(100));
        }
        hits
    };
    load(2);
    sink.program.kill();
    load(1);
    sink.start_again();
    load(2);
    site.broker.kill();
    load(3);
    wait_for(&gateway, "/readyz", 503, "the queue");
    site.broker.start_again();
    load(2);
    gateway.program.kill();
    gateway.start_again();
    load(2);
    sink.program.kill();
    sink.start_again();
    let hits = load(1);
    sink.wait_until_ready();
    wait_for(&gateway, "/readyz", 200, "");
    wait_for_hits(&sink, hits);
}

#[test]
fn a_topic_grown_by_hand_is_told_and_nobody_moves() {
    let site = Site::start();
    let gateway = site.role("gateway", "gateway", &[]);
    let sink = site.role("sink", "sink", &[]);
    let agent = site.agent(&[&gateway]);
    agent.emit("hits:1|c", 100);
    wait_for_hits(&sink, 100);
    site.topic_tool(&["--alter", "--topic", "weir.batches", "--partitions", "9"]);
    let unused = || gateway.reading("weir_queue_unused_partitions").filter(|count| *count == 5.0);
    eventually("the new partitions to be told", PATIENCE, unused);
    agent.emit("hits:1|c", 100);
    wait_for_hits(&sink, 200);
    // Nor does a gateway that starts later use them.
    drop(gateway);
    let gateway = site.role("gateway", "gateway-2", &[]);
    assert_eq!(gateway.reading("weir_queue_partitions"), Some(f64::from(PARTITIONS)));
}

#[test]
fn records_that_are_gone_before_they_were_read_are_refused_until_that_is_accepted() {
    let site = Site::start();
    let gateway = site.role("gateway", "gateway", &[]);
    let mut sink = site.role("sink", "sink", &[]);
    let agent = site.agent(&[&gateway]);
    agent.emit("hits:1|c", 100);
    wait_for_hits(&sink, 100);
    assert!(sink.program.stop().success());
    // Not stored by anybody when the topic forgets them.
    let acked = || gateway.reading("weir_gateway_acked_batches_total");
    let before = acked().unwrap();
    agent.emit("hits:1|c", 50);
    eventually("them to be acknowledged", PATIENCE, || acked().filter(|acked| *acked >= before + 3.0));
    let partition = |number| format!(r#"{{"topic": "weir.batches", "partition": {number}, "offset": -1}}"#);
    let partitions: Vec<String> = (0..PARTITIONS).map(partition).collect();
    let json = format!(r#"{{"partitions": [{}], "version": 1}}"#, partitions.join(","));
    std::fs::write(site.path("delete.json"), json).unwrap();
    let file = site.path("delete.json").display().to_string();
    site.broker.tool("org.apache.kafka.tools.DeleteRecordsCommand", &["--offset-json-file", &file]);
    let status = site.status("sink");
    assert!(status.contains("LOSES RECORDS"), "{status}");
    let said = site.refused("weir.toml", "sink");
    assert!(said.contains("records are lost") && said.contains("accept_lost_records"), "{said}");
    drop(sink);
    site.write_config("weir.toml", "accept_lost_records = true", "");
    let sink = site.role("sink", "sink", &[]);
    assert!(log_of(site.folder.path(), "sink").contains("this was accepted"));
    agent.emit("hits:1|c", 10);
    let hits = || sink.number("sum(hits)").filter(|hits| (110.0..=160.0).contains(hits));
    eventually("what comes now to be stored", PATIENCE, hits);
}

#[test]
fn a_log_that_has_lost_its_end_is_recognised_even_when_it_has_grown_again() {
    let site = Site::start();
    let gateway = site.role("gateway", "gateway", &[]);
    let mut sink = site.role("sink", "sink", &[]);
    let agent = site.agent(&[&gateway]);
    agent.emit("hits:1|c", 100);
    wait_for_hits(&sink, 100);
    assert!(sink.program.stop().success());
    drop((agent, gateway));
    let make_anew = || {
        site.topic_tool(&["--delete", "--topic", "weir.batches"]);
        let create = ["--create", "--topic", "weir.batches", "--config", "max.message.bytes=1200000"];
        eventually("the topic to be made anew", PATIENCE, || {
            let partitions = ["--partitions", "4", "--replication-factor", "1"];
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                site.topic_tool(&[&create[..], &partitions].concat())
            }))
            .ok()
        });
    };
    make_anew();
    let said = site.refused("weir.toml", "sink");
    assert!(said.contains("is not the log that was read"), "{said}");
    // Longer than before: only what is in it tells it from the old one.
    let fill = ["--num-records", "40000", "--record-size", "100", "--throughput", "-1", "--topic", "weir.batches"];
    site.broker.tool("org.apache.kafka.tools.ProducerPerformance", &fill);
    let said = site.refused("weir.toml", "sink");
    assert!(said.contains("is not the log that was read"), "{said}");
    site.write_config("weir.toml", "accept_lost_records = true", "");
    let gateway = site.role("gateway", "gateway", &[]);
    let sink = site.role("sink", "sink", &[]);
    let agent = site.agent(&[&gateway]);
    agent.emit("hits:1|c", 10);
    wait_for_hits(&sink, 110);
}

#[test]
fn a_broker_whose_disk_is_full_costs_nothing_but_time() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir_all(&disk).unwrap();
    let mounted =
        std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(&disk).status();
    assert!(mounted.unwrap().success(), "only root may mount a disk to fill");
    let unmount = Unmount(disk.clone());
    let logs = format!("log.dirs={}", disk.join("data").display());
    let broker = Broker::start_with(folder.path(), &[&logs, "log.segment.bytes=1048576"]);
    let mut site = Site::with(folder, broker);
    let gateway = site.role("gateway", "gateway", &[]);
    let sink = site.role("sink", "sink", &[]);
    let agent = site.agent(&[&gateway]);
    agent.emit("hits:1|c", 100);
    wait_for_hits(&sink, 100);
    let filler = disk.join("filler");
    fill(&filler);
    for _ in 0..30 {
        agent.emit("hits:1|c", 10);
        std::thread::sleep(Duration::from_millis(200));
    }
    std::fs::remove_file(&filler).unwrap();
    // It gives up a disk that has failed, and itself with its only one.
    site.broker.kill();
    site.broker.start_again();
    wait_for_hits(&sink, 400);
    drop((agent, gateway, sink, site, unmount));
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Leaves no byte free.
fn fill(path: &std::path::Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}
