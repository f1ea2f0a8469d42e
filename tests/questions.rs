//! Promise: no question ends a server. It is answered or refused within twice its time, memory stays within its limit, and
//! others are answered beside it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use weir_tests::remote_write::{Written, write};
use weir_tests::{Server, ServerPorts, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// Time that each question of the attack gets.
const TIMEOUT: Duration = Duration::from_secs(2);

const SERIES: usize = 60;

fn serve(folder: &Path, settings: &str) -> Server {
    let config = folder.join("weir.toml");
    std::fs::write(&config, format!("[query]\n{settings}\n")).unwrap();
    let server = Server::start_on(folder, ServerPorts::free(), &["--config", config.to_str().unwrap()]);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = since.as_millis() as i64;
    let series = |id: usize| {
        let mut series = Written::new("x", &[("id", &format!("{id:010}")), ("job", "a")]);
        series.samples = (0..100).map(|at| (now - (100 - at) * 10_000, (at * id as i64 % 17) as f64)).collect();
        series
    };
    let (status, text) = write(server.ports.http, &(0..SERIES).map(series).collect::<Vec<_>>());
    assert!(status < 300, "{status} {text}");
    eventually("the series", PATIENCE, || (server.number("count(x)") == Some(SERIES as f64)).then_some(()));
    server
}

fn ask(server: SocketAddr, path: &str, form: &[(&str, &str)]) -> (u16, String) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
    let mut response =
        ureq::Agent::from(config).post(format!("http://{server}{path}")).send_form(form.iter().copied()).unwrap();
    let status = response.status().as_u16();
    (status, response.body_mut().with_config().limit(1 << 30).read_to_string().unwrap())
}

/// The largest memory that a process has had, in MiB.
fn peak_mb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}

fn nested(times: usize, function: impl Fn(String) -> String) -> String {
    (0..times).fold("x".to_owned(), |inner, _| function(inner))
}

fn attack() -> Vec<String> {
    let fine = "quantile_over_time(0.5, (vector(1)*time()%7)[1000s:1ms])";
    let replace = |inner| format!("label_replace({inner},\"id\",\"{}\",\"id\",\"(.*)\")", "$1".repeat(10));
    let join = |inner| format!("label_join({inner},\"id\",\"\"{})", ",\"id\"".repeat(10));
    vec![
        fine.into(),
        format!("{fine} + {fine} + {fine}"),
        "mad_over_time((vector(1)*time()%7)[1000s:1ms])".into(),
        "max_over_time(max_over_time(x[100s:1ms])[10000s:10s])".into(),
        "count_over_time(x[1000s:1ms])".into(),
        "sum(quantile_over_time(0.5, x[1000s:100ms]))".into(),
        "count(x * on (job) group_left x)".into(),
        "sum(deriv((x or x * 2)[900s:1s]))".into(),
        nested(9, replace),
        nested(9, join),
        "(".repeat(100_000),
        format!("{}x", "-".repeat(100_000)),
        format!("{}x", "-".repeat(60_000)),
        format!("{}1{}", "(".repeat(30_000), ")".repeat(30_000)),
        format!("1{}", "+1".repeat(30_000)),
        format!("x{}", " or x".repeat(10_000)),
        format!("x{{id=~\"{}\"}}", "(".repeat(60_000)),
        "x{id=~\"((x{100}){10}|\\\\pL{1000}){1}\"}".into(),
        "x{id=~\"(.*){900}y\"}".into(),
        "count_values(\"v\", x[1d:1ms])".into(),
        nested(100, |inner| format!("avg_over_time({inner}[1000s:1ms])")),
        format!("vector({}1{})", "(1+".repeat(100), ")".repeat(100)),
    ]
}

#[test]
fn no_question_ends_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), "max_memory_mb = 64\nmax_memory_of_all_mb = 128\nmax_answer_mb = 16");
    let (http, process) = (server.ports.http, server.program.id());
    let before = peak_mb(process);
    let ends = |path: &str, query: &str, more: &[(&str, &str)]| {
        let form = [&[("query", query), ("timeout", "2s")], more].concat();
        let started = Instant::now();
        let (status, text) = ask(http, path, &form);
        let shown = format!("{path} {}: {status} {}", &query[..query.len().min(90)], &text[..text.len().min(200)]);
        assert!(started.elapsed() < 2 * TIMEOUT, "{:?} for {shown}", started.elapsed());
        assert!(matches!(status, 200 | 400 | 422 | 503), "{shown}");
        text
    };
    let end = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (start, end) = ((end - 10_000).to_string(), end.to_string());
    let fine = [("start", start.as_str()), ("end", end.as_str()), ("step", "1")];
    for query in attack() {
        ends("/api/v1/query", &query, &[]);
        if query.starts_with("quantile") || query.starts_with("sum") {
            ends("/api/v1/query_range", &query, &fine);
        }
        assert_eq!(ask(http, "/api/v1/query", &[("query", "1")]).0, 200, "after {}", &query[..query.len().min(90)]);
    }
    let copy = |at| format!("label_replace(x * 2, \"copy\", \"{at}\", \"\", \"\")");
    let query = (0..8).map(copy).collect::<Vec<_>>().join(" or ");
    let (_, kept) = ask(http, "/api/v1/query_range", &[&[("query", query.as_str())], &fine[..]].concat());
    assert!(
        kept.contains("query.max_memory_mb") || kept.contains("query.max_answer_mb"),
        "{}",
        &kept[..kept.len().min(300)]
    );
    let label = ends("/api/v1/query", &attack()[8], &[]);
    assert!(label.contains("65536 bytes") && label.contains("query.max_label_bytes"), "{label}");

    let grown = peak_mb(process) - before;
    assert!(grown < 128 + 100, "{grown} MiB more than before");
    let refused = |reason: &str| server.reading(&format!("weir_queries_refused_total{{reason=\"{reason}\"}}")).unwrap();
    assert!(refused("timeout") > 0.0 && refused("label_bytes") > 0.0 && refused("bad_data") > 0.0);
    assert_eq!(server.reading("weir_query_held_bytes"), Some(0.0), "memory is given back");
}

/// Sends a question that takes long, and leaves it to the caller whether anyone waits.
fn question(server: SocketAddr) -> TcpStream {
    let query = "sum%28quantile_over_time%280.5%2C%28vector%281%29*time%28%29%257%29%5B1000s%3A1ms%5D%29%29";
    let mut stream = TcpStream::connect(server).unwrap();
    let path = format!("/api/v1/query_range?query={query}&start=1000&end=1090&step=0.1&timeout=60s");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    stream
}

#[test]
fn who_leaves_takes_the_question_along_and_who_comes_too_late_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), "max_waiting = 2");
    let http = server.ports.http;
    let refused = |reason: &str| server.reading(&format!("weir_queries_refused_total{{reason=\"{reason}\"}}")).unwrap();
    let waiting: Vec<TcpStream> = (0..16).map(|_| question(http)).collect();
    eventually("questions over the bound to be refused", PATIENCE, || (refused("waiting") >= 6.0).then_some(()));
    let (status, text) = ask(http, "/api/v1/query", &[("query", "1")]);
    assert!(status == 503 && text.contains("query.max_waiting"), "{status} {text}");
    drop(waiting);
    let started = Instant::now();
    eventually("the turns to be free", PATIENCE, || {
        (ask(http, "/api/v1/query", &[("query", "1")]).0 == 200).then_some(())
    });
    eventually("all to have ended", PATIENCE, || (refused("gone") >= 8.0).then_some(()));
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}
