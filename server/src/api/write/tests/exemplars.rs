//! Exemplars, by whichever protocol: kept once, each of its series.

use weir_sink::Exemplars;

use super::*;

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint(&mut out, bytes.len() as u64);
    [out, bytes.to_vec()].concat()
}

/// Value and time as samples have them at fields 1 and 2, and exemplars at 2 and 3.
fn numbers(first: u8, value: f64, millis: i64) -> Vec<u8> {
    let mut out = [&[first << 3 | 1][..], &value.to_le_bytes(), &[(first + 1) << 3]].concat();
    varint(&mut out, millis as u64);
    out
}

fn label(name: &str, value: &str) -> Vec<u8> {
    field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
}

fn packed(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).unwrap()
}

/// Series, times, values and labels of what a sink keeps of it.
fn kept(server: &Server) -> Vec<String> {
    let (store, saved) = Store::open(&server.folder.path().join("store"), StoreConfig::default()).unwrap();
    let queue = server.folder.path().join("queue");
    let mut sink = Sink::open(&SinkConfig::new(&queue), Arc::new(store), &saved).unwrap();
    while sink.step(now()).unwrap() > 0 {}
    let exemplars: Arc<Exemplars> = sink.exemplars();
    let found = exemplars.select((Timestamp(0), Timestamp(i64::MAX)), |_| true);
    let line = |(series, exemplars): &(weir_sample::Series, Vec<weir_sink::Exemplar>)| {
        let one =
            |exemplar: &weir_sink::Exemplar| format!("{} {} {:?}", exemplar.time.0, exemplar.value, exemplar.labels);
        format!("{series} {}", exemplars.iter().map(one).collect::<Vec<_>>().join("; "))
    };
    found.iter().map(line).collect()
}

#[test]
fn both_versions_of_remote_write_bring_exemplars() {
    let (server, now) = (Server::start(None), now().millis());
    let long = "x".repeat(130);
    let exemplar = |name: &str, value: &str, at: i64| field(3, &[label(name, value), numbers(2, 0.25, at)].concat());
    let series = [
        label("__name__", "took_bucket"),
        label("le", "1"),
        field(2, &numbers(1, 7.0, now)),
        exemplar("trace_id", "abc", now - 5),
        exemplar("trace_id", &long, now),
        exemplar("trace_id", "too old", 5),
    ];
    let first = packed(&field(1, &series.concat()));
    assert_eq!(server.post("", "application/x-protobuf", &first), (204, String::new()));
    assert_eq!(server.post("", "application/x-protobuf", &first).0, 204);
    let symbols = ["", "__name__", "done_total", "span_id", "s1"].map(|symbol| field(4, symbol.as_bytes()));
    let exemplar = |places: &[u8]| field(4, &[field(1, places), numbers(2, 3.0, now)].concat());
    let series =
        [field(1, &[1, 2]), field(2, &numbers(1, 9.0, now)), exemplar(&[3, 4]), exemplar(&[3, 40]), exemplar(&[])];
    let body = packed(&[symbols.concat(), field(5, &series.concat())].concat());
    let (status, _) = server.post("", "application/x-protobuf;proto=io.prometheus.write.v2.Request", &body);
    assert_eq!(status, 204);
    assert_eq!(server.counters.remote_write.refused(Reason::Exemplar), 2 * 2 + 1);
    assert_eq!(
        kept(&server),
        [
            format!("done_total {now} 3 [(\"span_id\", \"s1\")]; {now} 3 []"),
            format!("took_bucket{{le=\"1\"}} {} 0.25 [(\"trace_id\", \"abc\")]", now - 5),
        ]
    );
}

#[test]
fn otlp_brings_exemplars_of_buckets() {
    let (server, now) = (Server::start(None), now().millis());
    let exemplar =
        format!(r#"{{"timeUnixNano":"{now}000000","asDouble":0.5,"traceId":"5b8efff798038103d269b633813fc60c"}}"#);
    let json = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"took","histogram":{{"aggregationTemporality":2,"dataPoints":[
        {{"timeUnixNano":"{now}000000","count":"3","sum":9,"bucketCounts":["1","2"],"explicitBounds":[1],"exemplars":[{exemplar}]}}]}}}}]}}]}}]}}"#
    );
    let (status, _) = server.send("/v1/metrics", &[("content-type", "application/json")], json.as_bytes());
    assert_eq!(status, 200);
    let expected = format!("took_bucket{{le=\"1\"}} {now} 0.5 [(\"trace_id\", \"5b8efff798038103d269b633813fc60c\")]");
    assert_eq!(kept(&server), [expected]);
}
