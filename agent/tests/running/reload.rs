//! SIGHUP takes what can change and tells what cannot; a wrong file changes nothing.

use std::net::UdpSocket;
use std::process::Command;

use weir_sample::Value;

use crate::agent::Agent;

#[test]
fn a_reload_takes_new_rules_and_names_what_takes_a_restart() {
    let mut agent = Agent::start(&["--statsd", "127.0.0.1:0"]);
    let statsd = agent.address("listening for statsd");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    agent.log_line("pushing");
    agent.reload("[aggregation]\nprefx = \"app.\"");
    let refused = agent.log_line("reload refused");
    assert!(refused.contains("weir-agent.toml:2: unknown field `prefx`"), "{refused}");
    agent.reload("telemetry = \"127.0.0.1:0\"\n[aggregation]\nprefix = \"app.\"\n[labels]\nrole = \"web\"");
    let fixed = agent.log_line("takes a restart");
    assert!(fixed.contains("telemetry"), "{fixed}");
    agent.log_line("reloaded");
    let (host, _) = agent.point(|series, _| series.name() == "system_uptime_seconds" && series.label("role").is_some());
    assert_eq!(host.to_string(), r#"system_uptime_seconds{host="test",role="web"}"#);
    client.send_to(b"jobs.done:2|c", &statsd).unwrap();
    let (series, value) = agent.point(|series, _| series.name().ends_with("jobs_done"));
    assert_eq!((series.to_string().as_str(), value), (r#"app_jobs_done{host="test",role="web"}"#, Value::Counter(2.0)));
}

#[test]
fn check_tells_the_line_and_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keys) = (folder.path().join("a.toml"), folder.path().join("fleet.keys"));
    weir_files::replace(&keys, format!("key 1 1 active {}\n", "ab".repeat(32)).as_bytes(), 0o600).unwrap();
    let keys = format!("keys = {:?}", keys.display().to_string());
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_weir-agent")).arg("check").arg("--config").arg(&path).output();
        let output = output.unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
    };
    assert_eq!(check(&keys), (true, "the configuration is right\n".to_owned()));
    let (right, said) = check(&format!("{keys}\ninterval = \"10\""));
    assert!(!right && said.contains("a.toml:2: \"10\" is not a time"), "{said}");
}
