//! Addresses, passwords and topics that are wrong, and what others put into ours.

use weir_tests::{Broker, eventually, write_secret};

use crate::site::{PATIENCE, Site, wait_for_hits};

#[test]
fn what_is_wrong_with_the_brokers_or_the_topic_is_told_at_the_start() {
    let site = Site::start();
    let check = |kafka: &str, expected: &str| {
        site.write_config("wrong.toml", kafka, "");
        for role in ["gateway", "sink"] {
            let said = site.refused("wrong.toml", role);
            assert!(said.contains(expected), "{role}, {kafka}: {said}");
        }
    };
    check("prefix = 'other'", "run `weir kafka setup` once");
    check("tls = {}", "SSL");
    site.write_config("wrong.toml", "share = '4/5'", "");
    assert!(site.refused("wrong.toml", "sink").contains("too few for 5 sinks"));
    std::fs::write(site.path("wrong.toml"), "[queue.kafka]\nbrokers = '127.0.0.1:9'\n").unwrap();
    let said = site.refused("wrong.toml", "gateway");
    assert!(said.contains("Connection refused"), "{said}");
    let configs = ["--alter", "--entity-type", "topics", "--entity-name", "weir.batches"];
    let small = ["--add-config", "max.message.bytes=100000"];
    site.broker.tool("kafka.admin.ConfigCommand", &[&configs[..], &small].concat());
    let said = site.refused("weir.toml", "gateway");
    assert!(said.contains("set its max.message.bytes to"), "{said}");
}

#[test]
fn what_others_write_into_the_topic_is_skipped_and_counted() {
    let site = Site::start();
    let gateway = site.role("gateway", "gateway", &[]);
    let sink = site.role("sink", "sink", &[]);
    let agent = site.agent(&[&gateway]);
    agent.emit("hits:1|c", 100);
    let garbage = ["--num-records", "50", "--record-size", "100", "--throughput", "-1", "--topic", "weir.batches"];
    site.broker.tool("org.apache.kafka.tools.ProducerPerformance", &garbage);
    agent.emit("hits:1|c", 100);
    wait_for_hits(&sink, 200);
    let foreign = r#"weir_queue_foreign_records_total{consumer="sink"}"#;
    eventually("them to be counted", PATIENCE, || sink.reading(foreign).filter(|count| *count == 50.0));
}

#[test]
fn brokers_behind_tls_and_passwords_are_spoken_with_and_a_wrong_password_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start_sealed(folder.path());
    let ca = broker.ca_file().display().to_string();
    let password = folder.path().join("password").display().to_string();
    write_secret(&password, format!("{}\n", Broker::PASSWORD));
    let site = Site { broker, folder };
    let kafka =
        format!("tls = {{ ca = '{ca}' }}\nsasl = {{ username = '{}', password_file = '{password}' }}\n", Broker::USER);
    site.write_config("weir.toml", &kafka, "");
    let made = site.setup("weir.toml", &["--partitions", "2"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = site.role("up", "up", &[]);
    let agent = site.agent(&[&server]);
    agent.emit("hits:1|c", 100);
    wait_for_hits(&server, 100);
    write_secret(&password, "another");
    let said = site.refused("weir.toml", "gateway");
    assert!(said.contains("uthentication failed"), "{said}");
    assert!(!said.contains("another"), "a password is never shown: {said}");
    // Whom the broker's certificate does not convince.
    site.write_config("weir.toml", &kafka.replace(&format!("ca = '{ca}'"), ""), "");
    let said = site.refused("weir.toml", "gateway");
    assert!(said.contains("certificate"), "{said}");
}

#[test]
fn shipped_rules_about_kafka_read_what_gateways_and_sinks_send() {
    let site = Site::start();
    std::fs::write(site.path("rules.yml"), "groups: []\n").unwrap();
    site.write_config("rules.toml", "", "[alerting]\nrules = ['rules.yml']");
    let config = site.path("rules.toml").display().to_string();
    let ports = weir_tests::ServerPorts::free();
    let sink = weir_tests::Server::start_as("sink", site.path("sink"), ports, &["--config", &config]);
    let servers = [site.role("gateway", "gateway", &[]), sink];
    let rules = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules/kafka.yml");
    let text = std::fs::read_to_string(rules).unwrap();
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let names: std::collections::BTreeSet<&str> = words.filter(|word| word.starts_with("weir_")).collect();
    assert!(names.len() > 4, "{names:?}");
    eventually("all that they read", PATIENCE, || {
        let served: String = servers.iter().filter_map(|server| Some(server.get("/metrics")?.1)).collect();
        names.iter().all(|name| served.lines().any(|line| line.starts_with(name))).then_some(())
    });
}
