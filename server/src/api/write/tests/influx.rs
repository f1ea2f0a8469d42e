//! Lines of InfluxDB as a client sends them.

use super::*;

const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");

fn check(server: &Server, path: &str, body: &[u8], status: u16, part: &str) {
    let (seen, answer) = server.send(path, &[TEXT], body);
    let answer = String::from_utf8_lossy(&answer);
    assert!(seen == status && answer.contains(part), "{path}: {seen} {answer}");
}

#[test]
fn lines_are_stored_under_their_database() {
    let (server, now) = (Server::start(None), now().millis());
    let line = format!("cpu,host=a usage=0.5,ok=t,text=\"x\" {now}\nmem,host=a value=7i {now}\n");
    check(&server, "/write?db=d&precision=ms&rp=x", line.as_bytes(), 204, "");
    check(&server, "/write?db=d&precision=ms", line.as_bytes(), 204, "");
    check(&server, "/api/v2/write?bucket=b&org=o", format!("cpu usage=1 {now}000000").as_bytes(), 204, "");
    check(&server, "/write", b"", 204, "");
    let stored = |labels: &str, value| (format!("cpu_usage{{{labels}}}"), vec![now], vec![value]);
    assert_eq!(server.stored("cpu_usage"), [stored("db=\"b\"", 1.0), stored("db=\"d\",host=\"a\"", 0.5)]);
    assert_eq!(server.stored("cpu_ok")[0].2, [1.0]);
    assert_eq!(server.stored("mem"), [("mem{db=\"d\",host=\"a\"}".into(), vec![now], vec![7.0])]);
    assert_eq!(server.counters.others.influx.refused(Reason::Text), 2);
}

#[test]
fn a_bad_line_costs_itself() {
    let server = Server::start(None);
    let body = b"a value=1\nb value=2\nc,host=x y value=3\nd value=\xff\ne value=5";
    check(&server, "/write", body, 400, "{\"code\":\"invalid\",\"error\":\"partial write: line 3: a field");
    check(&server, "/write", body, 400, "line 4: it is not UTF-8 dropped=2");
    check(&server, "/write", b"a value=1 1\nb value=2 99999999999999999", 400, "2 samples are older");
    check(&server, "/write?precision=d", body, 400, "invalid precision");
    for name in ["a", "b", "e"] {
        assert_eq!(server.stored(name)[0].0, name);
    }
    assert_eq!(server.counters.others.influx.refused(Reason::Line), 4);
    let (status, answer) = server.send("/write", &[("content-type", "application/json")], b"{}");
    assert!(status == 415 && String::from_utf8_lossy(&answer).contains("text/plain"));
    let many: Vec<_> = (0..100_001).map(|at| format!("m{at} value=1\n")).collect();
    check(&server, "/write", many.concat().as_bytes(), 400, "more than 100000 series");
}

#[test]
fn names_that_become_one_are_never_merged() {
    let server = Server::start(None);
    let body = b"k6.a value=1\nk6_a value=2\nx,a.b=1 value=1\nx,a_b=1 value=2\nx,a.b=2 value=3";
    check(&server, "/write", body, 400, "2 have a name that is no longer told from another one");
    check(&server, "/write", b"k6.a value=1\nk6_a value=1", 400, r#"(the first: {__name__=\"k6_a\"})"#);
    assert_eq!(server.stored("k6_a")[0].2, [1.0, 1.0]);
    assert_eq!(server.stored("x").iter().map(|(_, _, values)| values[0]).collect::<Vec<_>>(), [1.0, 3.0]);
    assert_eq!(server.counters.others.influx.refused(Reason::Mended), 3);
}

#[test]
fn a_token_is_shown_in_either_versions_way() {
    let issuer = Issuer::new();
    let server = Server::start(Some(&issuer));
    let claims = Claims {
        subject: "telegraf".into(),
        tenant: 3,
        scopes: vec![Scope::Ingest],
        not_before: None,
        expires: u64::try_from(now().millis() / 1_000).unwrap() + 60,
        max_series: None,
        labels: [("db".to_owned(), "own".to_owned())].into(),
    };
    let token = issue(&claims, &issuer.key).unwrap();
    let basic = weir_formats::base64::encode(format!("u:{token}").as_bytes());
    let send =
        |path: &str, authorization: &str| server.send(path, &[TEXT, ("authorization", authorization)], b"a value=1").0;
    assert_eq!((send("/write", "Token x.y.z"), server.send("/write", &[TEXT], b"a value=1").0), (401, 401));
    assert_eq!(send("/api/v2/write?bucket=b", &format!("Token {token}")), 204);
    assert_eq!(send("/write?db=b", &format!("Basic {basic}")), 204);
    assert_eq!(server.send(&format!("/write?u=x&p={token}"), &[TEXT], b"a value=1").0, 204);
    assert_eq!(server.stored("a")[0].0, "a{db=\"own\",tenant=\"3\"}");
}

#[test]
fn clients_find_what_they_ask_first() {
    let server = Server::start(None);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let ping = agent.get(format!("http://{}/ping", server.address)).call().unwrap();
    assert_eq!((ping.status().as_u16(), ping.headers().contains_key("x-influxdb-version")), (204, true));
    let mut health = agent.get(format!("http://{}/health", server.address)).call().unwrap();
    assert!(health.body_mut().read_to_string().unwrap().contains("\"status\":\"pass\""));
    check(&server, "/query?q=CREATE+DATABASE+x", b"", 200, "results");
    check(&server, "/query", b"q=CREATE+DATABASE+%22x%22", 200, "results");
    check(&server, "/query?q=SELECT+1", b"", 400, "PromQL");
}
