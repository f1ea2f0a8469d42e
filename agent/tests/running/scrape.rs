//! An endpoint that the test serves becomes series; one that is away is counted by reason.

use std::io::{Read, Write};
use std::net::TcpListener;

use weir_sample::Value;

use crate::agent::Agent;

/// Serves one text after another, the last one for ever.
fn serve(texts: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for (turn, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1_024];
            let size = stream.read(&mut request).unwrap();
            let found = request[..size].starts_with(b"GET /metrics HTTP/1.1\r\n");
            let status = if found { "200 OK" } else { "404 Not Found" };
            let text = &texts[turn.min(texts.len() - 1)];
            // In pieces, and the connection stays open.
            let _ = write!(stream, "HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
            let _ = write!(stream, "{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
            open.push(stream);
        }
    });
    address
}

#[test]
fn scraped_counters_travel_as_deltas_and_failures_are_counted() {
    let text = |total: u32| {
        format!(
            "# TYPE jobs counter\njobs_total{{queue=\"a\"}} {total}\n# TYPE t histogram\nt_bucket{{le=\"1\"}} {total}\n\
             depth 7\nrubbish\n"
        )
    };
    let address = serve(vec![text(100), text(130), text(20), text(20)]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let targets = folder.path().join("targets.json");
    std::fs::write(&targets, format!(r#"[{{"targets": ["{closed}"], "labels": {{"shard": "b"}}}}]"#)).unwrap();
    let named = serve(vec!["named 1\n".to_owned()]);
    let port = named.split(':').next_back().unwrap();
    let settings = format!(
        "[[scrape]]\njob = \"app\"\ntargets = [\"{address}\"]\nfiles = [{targets:?}]\n\
         dns = [\"localhost:{port}\"]\n"
    );
    let mut agent = Agent::start_with(&settings, &["--statsd", "off", "--telemetry", "127.0.0.1:0"]);
    let mut counted = |name: &str, expected: f64| {
        let (series, _) = agent.point(|series, value| series.name() == name && *value == Value::Counter(expected));
        assert_eq!((series.label("job"), series.label("instance")), (Some("app"), Some(address.as_str())));
    };
    counted("jobs_total", 30.0);
    counted("t_bucket", 30.0);
    counted("jobs_total", 20.0);
    agent.point(|series, value| series.name() == "depth" && *value == Value::Gauge(7.0));
    agent.point(|series, value| series.name() == "up" && *value == Value::Gauge(1.0));
    let (by_name, _) = agent.point(|series, _| series.name() == "named");
    assert_eq!(by_name.label("instance"), Some(named.as_str()));
    let (down, _) = agent.point(|series, value| series.name() == "up" && *value == Value::Gauge(0.0));
    assert_eq!(down.label("shard"), Some("b"));
    agent.log_line("a scrape brought nothing");
    agent.point(|series, value| {
        series.name() == "weir_agent_failed_scrapes_total"
            && series.label("reason") == Some("connection")
            && *value != Value::Counter(0.0)
    });
    agent.point(|series, _| series.name() == "weir_agent_scrape_malformed_lines_total");
}

/// A server that speaks TLS, takes one name with one password, and closes its door after two looks.
fn sealed(folder: &std::path::Path) -> (String, std::path::PathBuf) {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, key.cert.pem()).unwrap();
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let config = std::sync::Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let session = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream.unwrap());
            let mut request = [0; 1_024];
            let size = stream.read(&mut request).unwrap();
            // scraper:secret
            let knows = String::from_utf8_lossy(&request[..size]).contains("authorization: Basic c2NyYXBlcjpzZWNyZXQ=");
            let status = if knows { "200 OK" } else { "401 Unauthorized" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 8\r\n\r\ndepth 7\n");
            let _ = stream.flush();
        }
    });
    (format!("https://localhost:{port}/metrics"), ca)
}

#[test]
fn targets_are_asked_by_tls_with_a_password_and_gauges_end_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let (address, ca) = sealed(folder.path());
    let password = folder.path().join("password");
    std::fs::write(&password, "secret\n").unwrap();
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let settings = format!(
        "[[scrape]]\njob = \"app\"\ntargets = [\"{address}\"]\n[scrape.tls]\nca_file = {ca:?}\n\
         [scrape.basic_auth]\nusername = \"scraper\"\npassword_file = {password:?}\n"
    );
    let mut agent = Agent::start_with(&settings, &["--statsd", "off"]);
    agent.point(|series, value| series.name() == "depth" && *value == Value::Gauge(7.0));
    agent.point(|series, value| series.name() == "up" && *value == Value::Gauge(1.0));
    agent.point(|series, value| series.name() == "up" && *value == Value::Gauge(0.0));
    let ends = |value: &Value| matches!(value, Value::Gauge(value) if value.to_bits() == weir_sample::STALE.to_bits());
    agent.point(|series, value| series.name() == "depth" && ends(value));
}
