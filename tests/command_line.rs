//! The command lines of both programs, as a person or a script meets them.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use weir_tests::{Agent, Program, Server, eventually, free_port, program};

/// A program with nobody's settings.
fn command(name: &str, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program(name));
    command.args(args).stdin(Stdio::null()).env("XDG_CONFIG_HOME", home).env_remove("WEIR_SERVER");
    command
}

fn run(name: &str, home: &Path, args: &[&str]) -> Output {
    command(name, home, args).output().unwrap()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Its exit code, what it printed, and what it said on standard error.
fn told(name: &str, home: &Path, args: &[&str]) -> (i32, String, String) {
    let output = run(name, home, args);
    (output.status.code().unwrap(), text_of(&output.stdout), text_of(&output.stderr))
}

/// Runs a program whose reader has gone; what it said on standard error, and its exit code.
fn run_unread(name: &str, home: &Path, args: &[&str]) -> (String, Option<i32>) {
    let mut command = command(name, home, args);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (said, child.wait().unwrap().code())
}

#[test]
fn a_reader_that_has_gone_ends_a_command_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let server = Server::start(home);
    let agent = Agent::start(home, &server.ports.batch.to_string(), &server.keys(), &[]);
    let (http, keys) = (server.ports.http.to_string(), server.keys().display().to_string());
    let telemetry = agent.telemetry.to_string();
    eventually("the agent's first window", Duration::from_secs(60), || {
        server.number("weir_agent_sealed_batches_total")
    });
    for (name, args) in [
        ("weir", &["query", "--server", &http, r#"{__name__=~".+"}"#][..]),
        ("weir", &["query", "--server", &http, "--json", "1"]),
        ("weir", &["top", "series", "--server", &http]),
        ("weir", &["keys", "list", &keys]),
        ("weir", &["completions", "bash"]),
        ("weir-agent", &["status", "--telemetry", &telemetry]),
    ] {
        assert_eq!(run_unread(name, home, args), (String::new(), Some(141)), "{name} {args:?}");
    }
}

#[test]
fn a_question_has_an_answer_nothing_or_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let server = Server::start(home);
    let http = server.ports.http.to_string();
    // By a context, then without a word of the server.
    assert_eq!(told("weir", home, &["context", "set", "here", "--server", &http]).0, 0);
    assert_eq!(told("weir", home, &["context", "list"]).1, format!("* here  {http}\n"));
    assert_eq!(told("weir", home, &["query", "1 + 1"]), (0, "{}  2\n".into(), String::new()));
    let (code, printed, said) = told("weir", home, &["query", "no_such_series"]);
    assert_eq!((code, printed.as_str(), said.as_str()), (4, "", "weir: no series\n"));
    let (code, _, said) = told("weir", home, &["query", "sum by (x"]);
    assert_eq!(code, 1);
    assert!(said.ends_with("\n  sum by (x\n           ^\n") && said.lines().count() == 3, "{said}");
    let range = ["query", "--start", "-1m", "--end", "now", "--step", "30s", "-o", "csv", "vector(7)"];
    let (code, printed, _) = told("weir", home, &range);
    assert_eq!((code, printed.lines().count(), printed.lines().next()), (0, 4, Some("time,metric,value")));
    let plotted = told("weir", home, &["query", "-o", "plot", "vector(7)"]).1;
    assert!(plotted.chars().any(|dots| ('\u{2801}'..='\u{28ff}').contains(&dots)), "{plotted}");
    // A server that is not there is said once.
    let (code, _, said) = told("weir", home, &["query", "--server", "127.0.0.1:1", "1"]);
    assert_eq!((code, said.lines().count()), (1, 1), "{said}");
    // A line that is none is not sent.
    let (code, _, said) = told("weir", home, &["emit", "a:x|c"]);
    assert!(code == 1 && said.contains("line 1"), "{said}");
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for (name, word) in [("weir", "query")] {
        for shell in ["bash", "zsh", "fish"] {
            let (code, printed, _) = told(name, folder.path(), &["completions", shell]);
            assert!(code == 0 && printed.contains(word), "{name} {shell}");
        }
        let pages = folder.path().join(name);
        assert_eq!(told(name, folder.path(), &["man", &pages.display().to_string()]).0, 0);
        assert!(std::fs::read_to_string(pages.join(format!("{name}-{word}.1"))).unwrap().contains(".TH"));
    }
}

#[test]
fn a_running_agent_is_asked_by_its_state_folder_and_its_way_is_walked() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let server = Server::start(home);
    let (batch, keys) = (server.ports.batch.to_string(), server.keys().display().to_string());
    let agent = Agent::start(home, &batch, &server.keys(), &[]);
    let state = home.join("agent").display().to_string();
    eventually("an acknowledgement", Duration::from_secs(60), || {
        let (_, page, _) = told("weir-agent", home, &["status", "--state", &state]);
        page.contains(" acknowledged, ").then_some(())
    });
    let (_, json, _) = told("weir-agent", home, &["status", "--state", &state, "--json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["ledger"]["acked"].as_u64() > Some(0), "{json}");
    let check = ["check", "--keys", &keys, "--server", &batch, "--connect"];
    let (code, printed, _) = told("weir-agent", home, &check);
    assert_eq!(code, 0, "{printed}");
    for step in ["key ", "name ", "udp ", "clock "] {
        assert!(printed.lines().any(|line| line.starts_with(step) && line.contains(" ok ")), "{step} in {printed}");
    }
    let gone = ["check", "--keys", &keys, "--server", "127.0.0.1:9", "--connect"];
    let (code, printed, _) = told("weir-agent", home, &gone);
    assert!(code == 1 && printed.contains("udp     failed  127.0.0.1:9: "), "{printed}");
    // A file that is none, though nothing is connected to.
    let (code, _, said) = told("weir-agent", home, &["check", "--keys", &keys, "--ca", &keys]);
    assert!(code == 1 && said.contains("fleet.keys"), "{said}");
    // A second agent at the same port leaves nothing behind, and is told of the first.
    let (second, statsd) = (home.join("second"), agent.statsd.to_string());
    let run = ["run", "--keys", &keys, "--statsd", &statsd, "--state", &second.display().to_string()];
    let (code, _, said) = told("weir-agent", home, &run);
    let first = format!("which process {} (weir-agent) has", agent.program.id());
    assert!(code == 1 && said.contains(&first) && said.contains("--statsd"), "{said}");
    assert!(!said.contains('\u{1b}') && !second.exists());
}

#[test]
fn a_store_is_made_by_an_import_and_not_by_a_failed_one() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let (data, file) = (home.join("new"), home.join("samples.txt"));
    let (data_text, file_text) = (data.display().to_string(), file.display().to_string());
    let import = ["store", "import", "--data", &data_text, &file_text];
    assert_eq!(told("weir", home, &import).0, 1);
    assert!(!data.exists());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    std::fs::write(&file, format!("x 5 {}\n", now - 60_000)).unwrap();
    assert_eq!(told("weir", home, &import), (0, "1 samples stored\n".into(), String::new()));
    assert!(told("weir", home, &["store", "export", "--data", &data_text, "x"]).1.contains("x 5"));
}

#[test]
fn a_server_that_cannot_start_says_why_once_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let server = Server::start(home);
    let (http, batch, free) = (server.ports.http.to_string(), server.ports.batch.to_string(), free_port().to_string());
    let data = home.join("second");
    for (ports, flag) in [([&http, &free], "--http"), ([&free, &batch], "--batch")] {
        let [http, batch] = ports;
        let up = ["up", "--data", &data.display().to_string(), "--statsd", "off", "--http", http, "--batch", batch];
        let (code, _, said) = told("weir", home, &up);
        let told = format!("which process {} (weir) has", server.program.id());
        assert!(
            code == 1 && said.matches("in use").count() == 1 && said.contains(&told) && said.contains(flag),
            "{said}"
        );
        assert!(!data.exists(), "{flag}");
    }
}

#[test]
fn a_server_behind_tls_is_asked_with_its_authority_and_messages_are_for_machines_too() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let path = |name: &str| home.join(name).display().to_string();
    for certs in ["certs", "others"] {
        assert_eq!(told("weir", home, &["certs", "dev", &path(certs)]).0, 0);
    }
    let (http, config) = (free_port().to_string(), path("weir.toml"));
    let text = format!(
        "data = {:?}\n[listen]\nhttp = {http:?}\nbatch = \"{}\"\nstatsd = \"off\"\n[tls]\ncertificates = {:?}\nkey = {:?}\n",
        path("data"),
        free_port(),
        path("certs/server.pem"),
        path("certs/server.key"),
    );
    std::fs::write(&config, text).unwrap();
    let log = home.join("server.log");
    let args = ["up", "--config", &config, "--log-format", "json"].map(str::to_owned);
    let _server = Program::start("weir", &args, &log);
    let (ca, others) = (path("certs/ca.pem"), path("others/ca.pem"));
    let ask = |ca: &str| {
        let output = command("weir", home, &["query", "--ca", ca, "1"]).env("WEIR_SERVER", &http).output().unwrap();
        (output.status.code(), text_of(&output.stdout), text_of(&output.stderr))
    };
    eventually("an answer by TLS", Duration::from_secs(60), || {
        (ask(&ca) == (Some(0), "{}  1\n".into(), String::new())).then_some(())
    });
    let (code, _, said) = ask(&others);
    assert!(code == Some(1) && said.contains(&others) && said.contains("--ca") && said.lines().count() == 1, "{said}");
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(
        log.lines().count() > 0 && log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "{log}"
    );
}
