//! Remote write as a sender sees it: real HTTP in front, a real queue and sink behind.

mod exemplars;
mod influx;
mod otlp;
mod push;
mod second;

use std::time::Duration;

use prost::Message;
use weir_identity::{Scope, issue};
use weir_query::{Column, Hint, Selection, selector};
use weir_queue::{Log, LogConfig};
use weir_sink::{Sink, SinkConfig};
use weir_store::{Store, StoreConfig};

use super::*;
use crate::api::auth::guard;
use crate::api::testing::{Issuer, serve};
use weir_formats::remote_write::{Label, Sample, TimeSeries, WriteRequest};

struct Server {
    folder: tempfile::TempDir,
    address: std::net::SocketAddr,
    counters: AllCounters,
}

impl Server {
    fn start(issuer: Option<&Issuer>) -> Self {
        Self::with(issuer, &OtlpSettings::default())
    }

    fn with(issuer: Option<&Issuer>, otlp: &OtlpSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::new(Log::open(&folder.path().join("queue"), "up", LogConfig::default()).unwrap());
        let counters = AllCounters::default();
        let door = Door::new(log, Duration::from_secs(86_400), Arc::default());
        let routes = routes(door, &counters, otlp);
        let routes = guard(routes, issuer.map(Issuer::tokens), Scope::Ingest);
        let address = serve(routes.layer(axum::middleware::map_request(as_bearer)).merge(greetings()));
        Self { folder, address, counters }
    }

    /// Status and body of a request.
    fn send(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Vec<u8>) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent.post(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_vec().unwrap())
    }

    fn post(&self, token: &str, content_type: &str, body: &[u8]) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(format!("http://{}/api/v1/write", self.address)).header("content-type", content_type);
        let mut response = request.header("authorization", token).send(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    fn write(&self, token: &str, timeseries: Vec<TimeSeries>) -> (u16, String) {
        let request = WriteRequest { timeseries, metadata: Vec::new() };
        self.post(token, "application/x-protobuf", &request.write())
    }

    /// What a sink stores of it.
    fn stored(&self, promql: &str) -> Vec<(String, Vec<i64>, Vec<f64>)> {
        let (store, saved) = Store::open(&self.folder.path().join("store"), StoreConfig::default()).unwrap();
        let store = Arc::new(store);
        let mut sink = Sink::open(&SinkConfig::new(&self.folder.path().join("queue")), store.clone(), &saved).unwrap();
        while sink.step(now()).unwrap() > 0 {}
        let matchers = selector(promql).unwrap();
        let (start, end) = (Timestamp(0), now());
        let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
        let mut found = Vec::new();
        store
            .select(&selection, &mut |data| {
                let Column::Floats(values) = data.values else { panic!("not floats") };
                found.push((data.series.to_string(), data.timestamps, values));
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }
}

fn series(name: &str, samples: &[(i64, f64)]) -> TimeSeries {
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    let samples = samples.iter().map(|&(timestamp, value)| Sample { timestamp, value }).collect();
    TimeSeries { labels: vec![label("__name__", name), label("job", "a")], samples, histograms: Vec::new() }
}

#[test]
fn what_is_answered_is_stored_once_however_often_it_is_sent() {
    let (server, now) = (Server::start(None), now().millis());
    let request = || vec![series("jobs_total", &[(now - 2_000, 5.0), (now - 1_000, 7.0)]), series("x", &[(now, 0.5)])];
    assert_eq!(server.write("", request()), (204, String::new()));
    assert_eq!(server.write("", request()).0, 204);
    let of = |name: &str, times: &[i64], values: &[f64]| {
        vec![(format!("{name}{{job=\"a\"}}"), times.to_vec(), values.to_vec())]
    };
    assert_eq!(server.stored("jobs_total"), of("jobs_total", &[now - 2_000, now - 1_000], &[5.0, 7.0]));
    assert_eq!(server.stored("x"), of("x", &[now], &[0.5]));
    assert_eq!(server.counters.remote_write.taken(), 6);
}

#[test]
fn what_cannot_be_stored_is_said_and_the_rest_is_stored() {
    let (server, now) = (Server::start(None), now().millis());
    let mut odd = series("x", &[(now, 1.0), (now - 2 * 86_400_000, 1.0), (now + 3_600_000, 1.0)]);
    // One that says it counted something, and nothing of what.
    odd.histograms = vec![vec![8, 1]];
    let mut nameless = series("y", &[(now, 1.0)]);
    nameless.labels.remove(0);
    let (status, text) = server.write("", vec![odd, nameless]);
    assert_eq!(status, 400, "{text}");
    for part in ["1 samples are older", "1 samples are more than", "1 samples have no metric", "1 are histograms"] {
        assert!(text.contains(part), "{text}");
    }
    let twice = |name: &str, value: &str| {
        let mut twice = series("z", &[(now, 1.0)]);
        twice.labels.push(Label { name: name.into(), value: value.into() });
        twice
    };
    let odd =
        vec![twice("job", "b"), twice("", "b"), twice("long", &"v".repeat(20_000)), series("good", &[(now, 1.0)])];
    let (status, text) = server.write("", odd);
    assert_eq!(status, 400, "{text}");
    for part in ["1 samples have two labels of one name", "1 samples have a label without", "at most 128 labels"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!((server.stored("x").len(), server.stored("z").len(), server.stored("good").len()), (1, 0, 1));
    assert_eq!(server.post("", "application/x-protobuf", b"up 1").0, 400);
    assert_eq!(server.post("", "application/x-protobuf;proto=io.prometheus.write.v3.Request", b"").0, 415);
    let refused: f64 = server.counters.remote_write.readings().iter().skip(1).map(|reading| reading.value).sum();
    assert_eq!(refused, 9.0);
}

#[test]
fn names_stand_as_they_were_sent() {
    let (server, now) = (Server::start(None), now().millis());
    let mut odd = series("k6.a", &[(now, 1.0)]);
    odd.labels[1].name = "job name".into();
    assert_eq!(server.write("", vec![odd, series("k6_a", &[(now, 2.0)])]).0, 204);
    assert_eq!(server.stored(r#"{"k6.a"}"#), [(r#"{"k6.a","job name"="a"}"#.into(), vec![now], vec![1.0])]);
    assert_eq!(server.stored(r#"{"job name"="a"}"#).len(), 1);
    assert_eq!(server.stored("k6_a"), [(r#"k6_a{job="a"}"#.into(), vec![now], vec![2.0])]);
}

#[test]
fn a_bad_series_is_named_and_costs_itself() {
    let (server, now) = (Server::start(None), now().millis());
    let labels = |labels: &[(&str, &str)]| {
        let mut odd = series("x", &[(now, 1.0)]);
        odd.labels =
            labels.iter().map(|(name, value)| Label { name: (*name).into(), value: (*value).into() }).collect();
        odd
    };
    let check = |odd: &[(&str, &str)], part: &str| {
        let (status, text) = server.write("", vec![labels(odd), series("good", &[(now, 1.0)])]);
        assert!(status == 400 && text.contains(part) && text.contains("the rest is stored"), "{text}");
    };
    check(&[("__name__", "x"), ("zone", "a"), ("zone", "b")], r#"(the first: {__name__=\"x\",zone=\"a\",zone=\"b\"})"#);
    check(&[("__name__", ""), ("zone", "a")], "no metric name (the first: {__name__");
    check(&[("__name__", "x"), ("__name__", "y")], "two labels of one name (the first: {__name__");
    check(&[("__name__", "x"), ("", "y")], "a label without a name (the first: {__name__");
    check(&[("__name__", "x"), ("a\u{1}", "y")], "cannot be read");
    check(&[("__name__", "x"), (&"n".repeat(60_000), "y")], "too long labels");
    assert_eq!((server.stored("x").len(), server.stored("good").len()), (0, 1));
}

#[test]
fn a_bad_byte_costs_its_series() {
    let (server, now) = (Server::start(None), now().millis());
    let body = WriteRequest {
        timeseries: ["bad", "good"].map(|name| series(name, &[(now, 1.0)])).into(),
        metadata: Vec::new(),
    };
    let whole = body.encode_to_vec();
    let at = whole.windows(3).position(|window| window == b"bad").unwrap();
    let mut lost = 0;
    // Its name, its length, and what stands ahead of it within the series.
    for place in at - 6..at + 3 {
        let mut bytes = whole.clone();
        bytes[place] = 0xff;
        let packed = snap::raw::Encoder::new().compress_vec(&bytes).unwrap();
        let (status, text) = server.post("", "application/x-protobuf", &packed);
        assert!(status == 400 && text.contains("cannot be read"), "{place}: {status} {text}");
        lost += 1;
        assert_eq!(server.counters.remote_write.refused(Reason::Unreadable), lost);
    }
    assert_eq!((server.stored("good").len(), server.stored(r#"{job="a",__name__!="good"}"#).len()), (1, 0));
}

#[test]
fn a_token_says_whose_samples_they_are() {
    let issuer = Issuer::new();
    let (server, time) = (Server::start(Some(&issuer)), now().millis());
    let token = |scope, max_series| {
        let claims = Claims {
            subject: "prometheus".into(),
            tenant: 3,
            scopes: vec![scope],
            not_before: None,
            expires: u64::try_from(time / 1_000).unwrap() + 60,
            max_series,
            labels: [("job".to_owned(), "b".to_owned())].into(),
        };
        format!("Bearer {}", issue(&claims, &issuer.key).unwrap())
    };
    let request = || vec![series("x", &[(time, 1.0)])];
    assert_eq!(server.write("", request()).0, 401);
    assert_eq!(server.write(&token(Scope::Read, None), request()).0, 403);
    assert_eq!(server.write(&token(Scope::Ingest, Some(7)), request()).0, 403);
    assert_eq!(server.write(&token(Scope::Ingest, None), request()).0, 204);
    assert_eq!(server.stored("x"), [("x{job=\"b\",tenant=\"3\"}".into(), vec![time], vec![1.0])]);
}

#[test]
fn bodies_over_a_limit_are_named_and_forms_are_none() {
    let server = Server::start(None);
    let packed = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    let empty = packed(&[0x0a, 0].repeat(1 << 20));
    let (status, text) = server.post("", "application/x-protobuf", &empty);
    assert!(status == 400 && text.contains("more than 100000 series"), "{status} {text}");
    // It is answered before it is read, so that a client may be told or cut off.
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let sent = agent.post(format!("http://{}/api/v1/write", server.address)).content_type("application/x-protobuf");
    assert!(sent.send(&[0; (8 << 20) + 1][..]).map_or(true, |answer| answer.status() == 413));
    assert_eq!(server.counters.remote_write.refused(Reason::TooLarge), 2);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(server.post("", content_type, &empty).0, 415);
    }
}

#[test]
fn a_request_of_many_records_is_stored_whole_or_not_at_all() {
    let (server, now) = (Server::start(None), now().millis());
    let samples: Vec<_> = (0..40_000).map(|at| (now - at, 0.1)).collect();
    let mut body = WriteRequest { timeseries: vec![series("x", &samples)], metadata: Vec::new() }.encode_to_vec();
    let packed = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    assert_eq!(server.post("", "application/x-protobuf", &packed(&body)).0, 204);
    assert_eq!(server.counters.remote_write.taken(), samples.len() as u64);
    assert_eq!(server.stored("x")[0].2.len(), samples.len());
    // More samples than a request may have come after those.
    body.extend([&[0x0a, 200, 1][..], &[0x12, 0].repeat(100)].concat().repeat(2_200));
    assert_eq!(server.post("", "application/x-protobuf", &packed(&body)).0, 400);
    assert_eq!(server.counters.remote_write.taken(), samples.len() as u64);
}
