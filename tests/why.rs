//! Promise: `weir why` says where a metric is, with a real server, a real agent and real senders: stored, denied, renamed, folded,
//! refused, another tenant's, misspelled, of a silent host.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weir_tests::remote_write::{Written, write};
use weir_tests::{Agent, Server, ServerPorts, eventually, program, seconds_now};

const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = "[admission]\nmax_tenant_series = 40\n[[admission.rules]]\nmetric = 'debug_*'\ndeny = true\n\
    [[admission.rules]]\nmetric = 'old_name'\nrename = 'new_name'\n";

/// Exit code, standard output and standard error of `weir why`.
fn why(server: &Server, args: &[&str]) -> (i32, String, String) {
    let http = server.ports.http.to_string();
    let output = Command::new(program("weir")).args(["why", "--server", &http]).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Asks until the answer has this verdict; its whole text.
fn verdict(server: &Server, selector: &str, expected: &str) -> String {
    eventually(&format!("{selector} to be {expected}"), PATIENCE, || {
        let (_, out, _) = why(server, &[selector, "--json"]);
        let answer: Value = serde_json::from_str(&out).ok()?;
        (answer["data"]["verdict"] == expected).then_some(out)
    })
}

fn gauge(name: &str, labels: &[(&str, &str)], age_s: i64) -> Written {
    let mut series = Written::new(name, labels);
    series.samples.push((seconds_now() as i64 * 1_000 - age_s * 1_000, 1.0));
    series
}

#[test]
fn a_metric_is_followed_from_its_sender_to_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.toml");
    fs::write(&file, CONFIG).unwrap();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &file.display().to_string()]);
    let sent = [
        gauge("level", &[("host", "web-1")], 0),
        gauge("ended", &[("host", "web-1")], 7_200),
        gauge("debug_level", &[], 0),
        gauge("old_name", &[], 0),
    ];
    assert!(write(server.ports.http, &sent).0 < 300);
    verdict(&server, "level", "stored");
    verdict(&server, "ended", "stale");
    let denied = verdict(&server, "debug_level", "denied");
    assert!(denied.contains("rule 1 of [admission] (debug_*) denies it"), "{denied}");
    assert!(denied.contains("tenant 0 has sent about 0 series of it lately"), "the sink has met it: {denied}");
    verdict(&server, "old_name", "renamed");
    verdict(&server, "new_name", "stored");

    // A label of too many values, and a series that no store takes.
    let many: Vec<_> = (0..60).map(|user| gauge("wild", &[("user", &user.to_string())], 0)).collect();
    assert!(write(server.ports.http, &many).0 < 300);
    verdict(&server, r#"wild{user="1"}"#, "stored");
    let over = verdict(&server, r#"wild{user="59"}"#, "over_limit");
    assert!(over.contains("max_tenant_series 40"), "{over}");
    let ancient = gauge("ancient", &[], 400 * 86_400);
    assert_eq!(write(server.ports.http, &[ancient]).0, 400);
    let refused = verdict(&server, "ancient", "refused");
    assert!(refused.contains("older than anything is kept"), "{refused}");

    let (code, out, err) = why(&server, &[r#"level{host="web1"}"#]);
    assert_eq!(code, 4, "{out}{err}");
    assert!(
        out.contains(r#"did you mean: level{host="web-1"}"#) && err.contains("is stored, with other labels"),
        "{out}{err}"
    );
    let (code, out, _) = why(&server, &["level", "--time", "-2d"]);
    assert!(code == 4 && out.contains("store      missing"), "{code} {out}");
    let (code, out, _) = why(&server, &["level"]);
    assert!(code == 0 && out.contains("store      passed   one series is there"), "{code} {out}");
    assert_eq!(why(&server, &["ended"]).0, 5);
    let (code, _, err) = why(&server, &["level{host"]);
    assert!(code == 1 && err.contains("parse error"), "{code} {err}");
}

#[test]
fn an_agent_that_ends_and_one_at_its_limit_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let toml = folder.path().join("agent.toml");
    fs::write(&toml, "[aggregation]\nmax_series_per_metric = 5\n").unwrap();
    let config = toml.display().to_string();
    let agent = Agent::start(
        folder.path(),
        &server.ports.batch.to_string(),
        &server.keys(),
        &["--host", "web-1", "--config", &config],
    );
    let mut number = 0;
    eventually("a metric to be over the agent's limit", PATIENCE, || {
        for _ in 0..20 {
            number += 1;
            agent.emit(&format!("wild:1|c|#user:{number}"), 1);
        }
        let (_, out, _) = why(&server, &[r#"wild{host="web-1",user="never"}"#, "--json"]);
        out.contains("over the limits of the agent of web-1").then_some(())
    });
    let told = verdict(&server, r#"nothing{host="web1"}"#, "no_agent");
    assert!(told.contains(r#"there is one of \"web-1\""#), "{told}");
    drop(agent);
    let told = verdict(&server, r#"nothing{host="web-1"}"#, "silent");
    assert!(told.contains("has said goodbye") || told.contains("is silent"), "{told}");
}
