//! Pushes as a job makes them.

use super::*;

fn request(server: &Server, method: &str, path: &str, content_type: &str, body: &[u8]) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://{}{path}", server.address);
    let answer = match method {
        "DELETE" => agent.delete(url).call(),
        "PUT" => agent.put(url).header("content-type", content_type).send(body),
        _ => agent.post(url).header("content-type", content_type).send(body),
    };
    let mut answer = answer.unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn a_push_is_stored_with_its_group_at_its_time() {
    let (server, before) = (Server::start(None), now().millis());
    let body = b"# TYPE done counter\ndone{part=\"x\"} 3\n";
    let text = "text/plain; version=0.0.4";
    assert_eq!(request(&server, "PUT", "/metrics/job/nightly/zone/a", text, body).0, 200);
    let form = "application/x-www-form-urlencoded";
    assert_eq!(request(&server, "POST", "/metrics/job@base64/L2E/zone/b%2Fc", form, b"done 4\n").0, 200);
    assert_eq!(request(&server, "DELETE", "/metrics/job/nightly/zone/a", "", b""), (202, String::new()));
    let stored = server.stored("done");
    let labels: Vec<_> = stored.iter().map(|(series, ..)| series.as_str()).collect();
    assert_eq!(labels, ["done{job=\"/a\",zone=\"b/c\"}", "done{job=\"nightly\",part=\"x\",zone=\"a\"}"]);
    let times = before..=now().millis();
    assert!(stored.iter().all(|(_, at, _)| at.len() == 1 && times.contains(&at[0])), "{stored:?}");
    let pushed = server.stored("push_time_seconds");
    assert!(pushed.len() == 2 && pushed[0].2[0] * 1_000.0 >= before as f64 - 1.0, "{pushed:?}");
}

#[test]
fn a_push_that_cannot_be_read_stores_nothing() {
    let server = Server::start(None);
    let check = |path: &str, content_type: &str, body: &[u8], status: u16, part: &str| {
        let (seen, answer) = request(&server, "POST", path, content_type, body);
        assert!(seen == status && answer.contains(part), "{path}: {seen} {answer}");
    };
    check("/metrics/job/a", "", b"x 1\ny", 400, "line 2, column 2");
    check("/metrics/job/a", "", b"x 1 1700000000000", 400, "timestamp");
    check("/metrics/job/a", "", b"x{a=\"\xff\"} 1", 400, "UTF-8");
    check("/metrics/jobs/a", "", b"x 1", 400, "the path is");
    check("/metrics/job/a/b%01c/d", "", b"x 1", 400, "no name of a label");
    check("/metrics/job/a", "application/json", b"{}", 415, "text/plain");
    check("/metrics/job/a", "application/vnd.google.protobuf; encoding=delimited", b"x 1", 400, "malformed");
    assert_eq!(server.stored("x"), []);
    check("/metrics/job/a", "", b"x 1\nx 2", 400, "1 samples have another value");
    check("/metrics/job/a", "", b"", 200, "");
    assert_eq!(server.stored("x").len(), 1);
}
