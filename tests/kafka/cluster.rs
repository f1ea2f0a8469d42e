//! Three brokers: leaders of partitions change, and too few copies stop everything until there are enough again.

use std::process::Command;
use std::time::Duration;

use weir_tests::{Agent, Broker, Server, ServerPorts, eventually, program};

use crate::site::{PARTITIONS, PATIENCE, wait_for_hits};

fn server(folder: &std::path::Path, role: &str) -> Server {
    let [config, keys] = ["weir.toml", "fleet.keys"].map(|name| folder.join(name).display().to_string());
    Server::start_as(role, folder.join(role), ServerPorts::free(), &["--config", &config, "--keys", &keys])
}

#[test]
fn leaders_change_and_brokers_are_too_few_and_everything_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let first = Broker::start(path);
    let mut others = [2, 3].map(|number| first.join(path, number));
    let addresses = [first.address, others[0].address, others[1].address].map(|address| address.to_string()).join(",");
    let text = format!("[sink]\ncheckpoint_interval_s = 2\nlateness_s = 1\n[queue.kafka]\nbrokers = '{addresses}'\n");
    std::fs::write(path.join("weir.toml"), text).unwrap();
    let config = path.join("weir.toml").display().to_string();
    let partitions = PARTITIONS.to_string();
    let args = ["kafka", "setup", "--config", &config, "--replicas", "3", "--partitions", &partitions];
    let made = Command::new(program("weir")).args(args).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (gateway, sink) = (server(path, "gateway"), server(path, "sink"));
    // Sinks and gateways of one folder would share the name of a log.
    let agent = Agent::start(path, &gateway.ports.batch.to_string(), &path.join("fleet.keys"), &[]);
    let mut hits = 0;
    let mut emit = |times: usize| {
        for _ in 0..times {
            agent.emit("hits:1|c", 10);
            hits += 10;
            std::thread::sleep(Duration::from_millis(100));
        }
        hits
    };
    let all = emit(10);
    wait_for_hits(&sink, all);
    // A third of the partitions loses its leader.
    others[0].kill();
    let all = emit(20);
    wait_for_hits(&sink, all);
    // One copy of three is not enough: nothing is acknowledged, and nothing lost.
    others[1].kill();
    std::thread::sleep(Duration::from_secs(10));
    let acked = || gateway.reading("weir_gateway_acked_batches_total").unwrap();
    emit(10);
    std::thread::sleep(Duration::from_secs(3));
    let before = acked();
    emit(20);
    assert_eq!(acked(), before, "batches were acknowledged that have one copy");
    others[0].start_again();
    eventually("acks to come again", PATIENCE, || (acked() > before).then_some(()));
    others[1].start_again();
    let all = emit(10);
    wait_for_hits(&sink, all);
}
