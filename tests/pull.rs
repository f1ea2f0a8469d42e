//! Promise: `weir collect` brings what targets say, each window once, however many collectors have the same targets. A target
//! that does not answer with metrics is `up` 0, what vanishes ends with a marker, and a collector that is killed leaves no gap.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use weir_tests::{Program, Server, ServerPorts, eventually, program, write_secret};

const PATIENCE: Duration = Duration::from_secs(60);

/// A target of the test's own; one request for each connection.
struct Exporter {
    address: SocketAddr,
    has_fleeting: Arc<AtomicBool>,
}

impl Exporter {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, has_fleeting) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(true)));
        let shown = has_fleeting.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, shown.load(Relaxed));
            }
        });
        Self { address, has_fleeting }
    }
}

fn answer(mut stream: TcpStream, has_fleeting: bool) -> std::io::Result<()> {
    let (mut request, mut piece) = (Vec::new(), [0; 4_096]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
    let text = String::from_utf8_lossy(&request).to_lowercase();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let fleeting = if has_fleeting { "fleeting 1\n" } else { "" };
    let metrics = format!(
        "# TYPE hits_total counter\nhits_total 7\nnoise 1\nclock {}\nsteady{{job=\"own\"}} 3\n{fleeting}",
        seconds()
    );
    let (kind, body, length) = match path.as_str() {
        "/html" => ("text/html", "<html>fine 1</html>".to_owned(), 0),
        "/liar" => ("text/plain", "<html>\nfine 1\n".to_owned(), 0),
        "/secret" if !text.contains("authorization: basic bwu6c2vzyw1l") => ("text/html", "who?".to_owned(), 0),
        "/cut" => ("text/plain", metrics, 100),
        _ => ("text/plain; version=0.0.4", metrics, 0),
    };
    if path == "/moved" {
        return stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: /metrics\r\ncontent-length: 0\r\n\r\n");
    }
    let length = body.len() + length;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Starts a collector that shows who it is by a flag and its file.
fn collector(folder: &Path, server: &Server, flag: &str, file: &str) -> Program {
    let config = folder.join("scrape.yml").display().to_string();
    let url = format!("http://{}", server.ports.http);
    let args = ["collect", "--config", &config, "--server", &url, flag, file].map(str::to_owned);
    Program::start("weir", &args, &folder.join(format!("collect{flag}.log")))
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn assert_becomes(server: &Server, promql: &str, expected: f64) {
    eventually(promql, PATIENCE, || (server.number(promql) == Some(expected)).then_some(()));
}

/// Waits until six seconds of windows are there, each once.
fn assert_no_gap(server: &Server, since: u64) {
    for promql in ["count_over_time(up{job=\"good\"}[6s])", "sum_over_time(steady[6s]) / 3"] {
        eventually(promql, PATIENCE, || (server.number_at(promql, since + 7) == Some(6.0)).then_some(()));
    }
}

fn configure(folder: &Path, exporters: &[Exporter; 2]) {
    let [one, two] = exporters.each_ref().map(|exporter| exporter.address);
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 5s}}\nscrape_configs:\n\
         - job_name: good\n  static_configs: [{{targets: ['{one}'], labels: {{zone: a}}}}]\n  \
         metric_relabel_configs: [{{source_labels: [__name__], regex: noise, action: drop}}]\n\
         - job_name: html\n  metrics_path: /html\n  static_configs: [{{targets: ['{two}']}}]\n\
         - job_name: liar\n  metrics_path: /liar\n  static_configs: [{{targets: ['{two}']}}]\n\
         - job_name: cut\n  metrics_path: /cut\n  static_configs: [{{targets: ['{two}']}}]\n\
         - job_name: secret\n  metrics_path: /secret\n  basic_auth: {{username: me, password: sesame}}\n  \
         static_configs: [{{targets: ['{two}']}}]\n\
         - job_name: moved\n  metrics_path: /moved\n  static_configs: [{{targets: ['{two}']}}]\n\
         - job_name: files\n  file_sd_configs: [{{files: ['*.json']}}]\n  \
         metric_relabel_configs: [{{source_labels: [__name__], regex: hits_total, action: keep}}]\n"
    );
    fs::write(folder.join("scrape.yml"), text).unwrap();
    fs::write(folder.join("list.json"), format!("[{{\"targets\": [\"{two}\"]}}]")).unwrap();
}

#[test]
fn two_collectors_bring_each_window_once_and_one_alone_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let exporters = [Exporter::start(), Exporter::start()];
    configure(folder.path(), &exporters);
    let mut first = collector(folder.path(), &server, "--keys", &server.keys().display().to_string());
    let second = folder.path().join("second");
    fs::create_dir(&second).unwrap();
    configure(&second, &exporters);
    let _second = collector(&second, &server, "--keys", &server.keys().display().to_string());

    assert_becomes(&server, "up{job=\"good\",zone=\"a\"}", 1.0);
    assert_becomes(&server, "steady{job=\"good\",exported_job=\"own\"}", 3.0);
    assert_becomes(&server, "hits_total{job=\"files\"}", 7.0);
    assert_becomes(&server, "scrape_samples_scraped{job=\"good\"}", 5.0);
    assert_becomes(&server, "scrape_samples_post_metric_relabeling{job=\"good\"}", 4.0);
    assert_becomes(&server, "count(up{job=~\"secret|moved\"} == 1)", 2.0);
    for job in ["html", "liar", "cut"] {
        assert_becomes(&server, &format!("up{{job=\"{job}\"}}"), 0.0);
    }
    assert_eq!(server.query("{job=~\"html|liar|cut\",__name__!~\"up|scrape_.*\"}"), Some(json!([])));
    assert_eq!(server.query("noise{job=\"good\"}"), Some(json!([])));
    assert_no_gap(&server, seconds());
    let log = fs::read_to_string(folder.path().join("collect--keys.log")).unwrap();
    assert!(log.contains("evaluation_interval has no effect"), "{log}");

    // Of a page whose series are known only the values are read: each goes to its own.
    eventually("a value as it is now", PATIENCE, || {
        let told = server.number("clock{job=\"good\"}")?;
        (seconds() as f64 - told < 5.0).then_some(())
    });

    let duplicates = server.reading("weir_sink_scrapes_duplicate_total");
    assert!(duplicates.is_some_and(|count| count > 5.0), "both bring all: {duplicates:?}");

    first.kill();
    assert_no_gap(&server, seconds().saturating_sub(3));

    let since = seconds();
    server.program.kill();
    std::thread::sleep(Duration::from_secs(3));
    server.start_again();
    assert_no_gap(&server, since.saturating_sub(2));

    // Five minutes of looking back are over at once only by a marker.
    exporters[0].has_fleeting.store(false, Relaxed);
    fs::write(second.join("list.json"), "[]").unwrap();
    for promql in ["fleeting{job=\"good\"}", "hits_total{job=\"files\"}", "up{job=\"files\"}"] {
        eventually(promql, PATIENCE, || (server.query(promql) == Some(json!([]))).then_some(()));
    }
    assert_becomes(&server, "steady{job=\"good\"}", 3.0);
}

#[test]
fn a_collector_may_show_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let run = |args: &[&str]| {
        let output = Command::new(program("weir")).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(&["token", "key", &path("ops")]);
    let token =
        |scope| run(&["token", "issue", "--key", &path("ops.key"), "--sub", "t", "--tenant", "0", "--scope", scope]);
    write_secret(path("collect.token"), token("ingest"));
    fs::write(path("weir.toml"), format!("[identity]\ntoken_keys = [{:?}]\n", path("ops.pem"))).unwrap();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
    configure(folder.path(), &[Exporter::start(), Exporter::start()]);
    let _collector = collector(folder.path(), &server, "--token-file", &path("collect.token"));
    let read = token("read");
    eventually("what it brings", PATIENCE, || {
        let (_, body) = server.ask("/api/v1/query?query=steady", Some(&read))?;
        body.contains("\"3\"").then_some(())
    });
}
