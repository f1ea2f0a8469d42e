//! A web server's log becomes requests by class and a distribution of durations, through a rotation.

use std::fs::{File, rename};
use std::io::Write;
use std::path::Path;

use weir_sample::Value;

use crate::agent::Agent;

fn add(path: &Path, lines: &[&str]) {
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    lines.iter().for_each(|line| writeln!(file, "::1 - - [x] {line}").unwrap());
}

#[test]
fn requests_of_a_rotated_log_are_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    add(&path, &["\"GET /old HTTP/1.1\" 200 1 0.1"]);
    let format = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent $request_time";
    let settings =
        format!("[[access_log]]\npath = {path:?}\nservice = \"shop\"\nformat = '{format}'\nroutes = [\"/a*\"]\n");
    let mut agent = Agent::start_with(&settings, &["--statsd", "off"]);
    agent.point(|series, _| series.name() == "system_uptime_seconds");
    add(&path, &["\"GET /a1 HTTP/1.1\" 200 10 0.5", "\"GET /a2?x HTTP/1.1\" 204 0 1.5", "rubbish"]);
    rename(&path, folder.path().join("access.log.1")).unwrap();
    add(&path, &["\"GET /a3 HTTP/1.1\" 200 30 1.0", "\"POST /b HTTP/1.1\" 500 0 -"]);
    let (mut requests, mut seconds) = (0.0, 0.0);
    while requests < 3.0 || seconds < 3.0 {
        let (series, value) = agent.point(|series, _| {
            series.label("http_response_status_class") == Some("2xx") && !series.name().ends_with("bytes_total")
        });
        assert_eq!((series.label("service_name"), series.label("http_route")), (Some("shop"), Some("/a*")));
        match value {
            Value::Counter(delta) => requests += delta,
            Value::Distribution(histogram) => seconds += histogram.sum(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((requests, seconds), (3.0, 3.0));
    let (failed, _) = agent.point(|series, value| {
        series.label("http_response_status_class") == Some("5xx") && *value == Value::Counter(1.0)
    });
    assert_eq!((failed.label("http_request_method"), failed.label("http_route")), (Some("POST"), Some("other")));
    agent.log_line("an access log's line is not of its format");
}
