//! Promise: a job that has a token and no agent is told whether its figures are safe, and what it is told is true: two
//! hundred short jobs make one series, exact to the unit, whatever the network loses.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use weir_tests::{Faults, Relay, Server, eventually, program, start_role, write_secret};

const JOBS: u32 = 200;
const AT_A_TIME: usize = 8;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn two_hundred_sealed_jobs_make_one_true_series() {
    let site = Site::start();
    let faults = Faults { loss: 0.2, duplicate: 0.1, delay: Duration::from_millis(20), ..Faults::default() };
    let relays: Vec<Relay> =
        (1..).zip(&site.gateways).map(|(seed, to)| Relay::start_with_streams(to.ports.batch, faults, seed)).collect();
    let server = relays.iter().map(|relay| relay.address().to_string()).collect::<Vec<_>>().join(",");
    // A heavy tail, each value at a job of its own.
    let value = |job: u32| 1.0 + f64::from(job).powi(3) / 1e3;
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(job) = Some(next.fetch_add(1, Relaxed)).filter(|job| *job < JOBS) {
                    let took = format!("took:{}|d|#route:a", value(job));
                    let users = format!("users:u{}|s", job % 50);
                    let output = site.emit(&server, &["done:2|c", &took, &users, "--timeout", "60s"]);
                    assert!(output.status.success(), "{}", said(&output));
                }
            });
        }
    });
    let sink = &site.sink;
    let took = r#"sum(increase(took{route="a"}[10m]))"#;
    eventually("all windows to be stored", PATIENCE, || {
        let count = sink.number(&format!("histogram_count({took})"))?;
        (count.round() >= f64::from(JOBS)).then_some(())
    });
    assert_eq!(sink.number("sum(done)"), Some(f64::from(2 * JOBS)), "each ack was true, and nothing counted twice");
    assert_eq!(sink.number(r#"count({__name__=~"done|took"})"#), Some(2.0), "one series each");
    for q in [0.5, 0.9, 0.99] {
        // Between the value of this rank and the next, as far as the borders of their buckets.
        let rank = (q * f64::from(JOBS)) as u32 - 1;
        let (low, high) = (value(rank) * 0.989, value(rank + 1) * 1.011);
        let found = sink.number(&format!("histogram_quantile({q}, {took})")).unwrap();
        assert!((low..=high).contains(&found), "q{q}: {found}, exactly {} to {}", value(rank), value(rank + 1));
    }
    let users = sink.number("max_over_time(users[10m])").unwrap();
    assert!(users <= 52.0, "{users} of 50");
    let lost: u64 = relays.iter().map(Relay::lost).sum();
    let again = sink.reading("weir_sink_duplicates_total").unwrap();
    assert!(lost > 0 && again > 0.0, "{lost} datagrams lost, {again} batches delivered again: nothing was tried");
    for gateway in &site.gateways {
        assert!(gateway.reading("weir_gateway_batches_total").unwrap() > 0.0, "both gateways were used");
    }
}

#[test]
fn a_job_that_is_not_heard_is_told_why() {
    let site = Site::start();
    let gateway = site.gateways[0].ports.batch.to_string();
    let check = |output: Output, expected: &str| {
        assert!(!output.status.success());
        let said = said(&output);
        assert!(said.contains(expected) && said.lines().count() == 1, "{said}");
    };
    let token = site.path("job.token");
    let good = std::fs::read_to_string(&token).unwrap();
    write_secret(&token, good.replace('.', ".A"));
    check(site.emit(&gateway, &["done:1|c"]), "the server refused the session (401)");
    write_secret(&token, "\n");
    check(site.emit(&gateway, &["done:1|c"]), "no token");
    write_secret(&token, &good);
    check(site.emit(&gateway, &["done:1|c", "done:x|c"]), "nothing was sent: line 2 of 2 is wrong: \"done:x|c\"");
    check(site.emit("127.0.0.1:1", &["done:1|c"]), "connecting to 127.0.0.1:1");
    let deaf = Relay::start_with_streams(site.gateways[0].ports.batch, Faults { loss: 1.0, ..Faults::default() }, 1);
    let output = site.emit(&deaf.address().to_string(), &["done:1|c", "done:1|c", "--timeout", "1s"]);
    check(output, "no gateway has acknowledged 1 batches (1 values) within 1.0s");
    for gateway in &site.gateways {
        assert_eq!(gateway.reading("weir_gateway_batches_total"), Some(0.0), "nothing of all this was taken");
    }
}

#[test]
fn what_a_token_grants_holds_whoever_gave_the_session() {
    let site = Site::start();
    let sign = ["token", "issue", "--key", &site.path("ops.key"), "--sub", "ci", "--scope", "ingest,read"];
    let token = weir(&[&sign[..], &["--label", "env=ci", "--max-series", "9"]].concat());
    write_secret(site.path("job.token"), &token);
    let gateway = site.gateways[0].ports.batch.to_string();
    let output = site.emit(&gateway, &["done:1|c|#env:prod"]);
    assert!(output.status.success(), "{}", said(&output));
    let labelled = r#"sum(done{env="ci"})"#;
    eventually("the job's series", PATIENCE, || site.sink.number(labelled).filter(|sum| *sum == 1.0));
    let agent = "11111111-1111-4111-8111-111111111111";
    let sign = ["token", "issue", "--key", &site.path("ops.key"), "--sub", agent, "--scope", "ingest"];
    let token = weir(&[&sign[..], &["--label", "env=ci", "--max-series", "9"]].concat());
    drop(site.sink);
    let mut sink = start_role(site.folder.path(), "sink", "sink", &[]);
    let session = ureq::post(format!("http://{}/v1/session", sink.ports.http))
        .header("authorization", format!("Bearer {}", token.trim()))
        .send(format!("{{\"agent\": \"{agent}\"}}"));
    assert_eq!(session.unwrap().status(), 200, "a sink that checks tokens keeps what they grant");
    assert!(sink.program.stop().success());
}

/// Two gateways that check tokens, and their sink.
struct Site {
    folder: tempfile::TempDir,
    gateways: [Server; 2],
    sink: Server,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        weir(&["certs", "dev", &path("certs")]);
        std::fs::create_dir(path("trusted")).unwrap();
        weir(&["token", "key", &path("ops")]);
        std::fs::rename(path("ops.pem"), path("trusted/ops.pem")).unwrap();
        let token = weir(&["token", "issue", "--key", &path("ops.key"), "--sub", "jobs", "--scope", "ingest"]);
        write_secret(path("job.token"), token);
        // The sink checks no tokens, so that this test may ask it.
        let sink = start_role(folder.path(), "sink", "sink", &[]);
        std::fs::write(path("weir.toml"), config(folder.path())).unwrap();
        let gateway = |name| start_role(folder.path(), "gateway", name, &[]);
        let gateways = [gateway("gateway-1"), gateway("gateway-2")];
        Self { folder, gateways, sink }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn emit(&self, server: &str, more: &[&str]) -> Output {
        let (token, ca) = (self.path("job.token"), self.path("certs/ca.pem"));
        let args = ["emit", "--server", server, "--token-file", &token, "--ca", &ca];
        Command::new(program("weir")).args(args).args(more).output().unwrap()
    }
}

fn config(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "[tls]\ncertificates = \"{folder}/certs/server.pem\"\nkey = \"{folder}/certs/server.key\"\nhttp = false\n\
         [identity]\ntoken_keys = [\"{folder}/trusted\"]\n"
    )
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn weir(args: &[&str]) -> String {
    let output = Command::new(program("weir")).args(args).output().unwrap();
    assert!(output.status.success(), "weir {args:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}
