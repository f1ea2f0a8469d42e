//! The API as a client sees it: a real store behind it, real HTTP in front.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use weir_identity::{Claims, Scope, SigningKey, issue};
use weir_query::{Engine, ResultCache};
use weir_sample::{Histogram, Kind, Metadata, MetricType, Series, Timestamp};
use weir_store::{Store, StoreConfig};

use super::routes;
use crate::api::auth::guard;
use crate::api::testing::{Issuer, ask, serve};
use crate::clock::now;

/// `x` counts ten a window, `t` is a distribution, `y` belongs to tenant 7; six windows from 1,000 s on.
fn store() -> (tempfile::TempDir, std::sync::Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
    let columns = [
        (Series::new("x", [("host", "a")]), Kind::Counter),
        (Series::new("y", [("host", "a"), ("tenant", "7")]), Kind::Gauge),
        (Series::new("t", [("host", "a")]), Kind::Distribution),
    ];
    let rows = store.rows(1, &columns);
    let mut histogram = Histogram::new();
    [1.0, 2.0, 3.0].iter().for_each(|&value| histogram.insert(value));
    for window in 1..=6 {
        let time = Timestamp::from_secs(1_000 + window * 10);
        store.append(&rows, time, Duration::from_secs(10), &[10.0, 1.5, f64::NAN]).unwrap();
        store.append_histogram(&rows, 2, time, &histogram).unwrap();
    }
    (folder, std::sync::Arc::new(store))
}

/// Asks by GET and, where there is a form, by POST; both answers must hold `expected`.
fn check(path: &str, parameters: &str, status: u16, expected: &str) {
    let (_folder, store) = store();
    let server = serve(guard(routes(store, Engine::default(), None), None, Scope::Read));
    let by_get = ask(&server, "GET", &format!("{path}?{parameters}"), None, "");
    assert!(by_get.0 == status && by_get.1.contains(expected), "{path}?{parameters}: {by_get:?}, not {expected}");
    if ["query", "query_range", "series", "labels"].iter().any(|end| path.ends_with(&format!("/{end}"))) {
        let by_post = ask(&server, "POST", path, None, parameters);
        assert_eq!(by_post, by_get, "{path}");
    }
}

#[test]
fn answers_tell_the_watermark_of_whoever_asks() {
    let (_folder, store) = store();
    let of = |tenant: Option<u32>| (tenant != Some(9)).then_some(Timestamp(1_060_500));
    let issuer = Issuer::new();
    let routes = routes(store, Engine::default(), Some(std::sync::Arc::new(of)));
    let server = serve(guard(routes, Some(issuer.tokens()), Scope::Read));
    let check = |tenant, path: &str, told: bool| {
        let (status, body) = ask(&server, "GET", path, Some(&token(&issuer.key, tenant)), "");
        assert_eq!((status, body.ends_with(r#"},"watermark":1060.5}"#)), (200, told), "{body}");
    };
    check(7, "/api/v1/query?query=y&time=1060", true);
    check(7, "/api/v1/query_range?query=y&start=1000&end=1060&step=10", true);
    check(9, "/api/v1/query?query=y&time=1060", false);
    check(7, "/api/v1/labels", false);
}

#[test]
fn rules_are_replayed_within_a_tenant_and_within_bounds() {
    let (_folder, store) = store();
    let issuer = Issuer::new();
    let server = serve(guard(routes(store, Engine::default(), None), Some(issuer.tokens()), Scope::Read));
    let check = |tenant, range: &str, rules: &str, status: u16, expected: &str| {
        let path = format!("/api/v1/rules/replay?{range}");
        let answer = ask(&server, "POST", &path, Some(&token(&issuer.key, tenant)), rules);
        assert!(answer.0 == status && answer.1.contains(expected), "{range} {rules}: {answer:?}, not {expected}");
    };
    let group = |rules: &str| format!("groups: [{{name: g, interval: 10s, rules: [{rules}]}}]");
    let high = group("{alert: High, expr: y > 1, for: 20s}");
    check(7, "start=1000&end=1100", &high, 200, r#""evaluations":11,"#);
    check(7, "start=1000&end=1100", &high, 200, r#""active_at_ms":1010000,"annotations":{},"at_ms":1030000,"#);
    check(7, "start=1000&end=1100", &high, 200, r#""reached":1100.0}"#);
    check(7, "start=1000&end=1100&interval=20s", &high, 200, r#""evaluations":6,"#);
    check(7, "start=1000&end=1100&interval=1s", &high, 200, r#""evaluations":11,"#);
    check(9, "start=1000&end=1100", &high, 200, r#""events":[],"failures":[]"#);
    check(7, "start=1000&end=1100", &group("{alert: A, expr: y >}"), 400, "rules:1:");
    check(7, "start=1000&end=1100", "groups: []", 400, "0 rules");
    check(7, "start=1000&end=9999999", &high, 400, "31 days");
    check(7, "end=1100", &high, 400, "start");
}

#[test]
fn an_export_is_what_an_import_takes() {
    let check = |parameters: &str, status: u16, expected: &str| check("/api/v1/export", parameters, status, expected);
    let text = "# TYPE x counter\nx{host=\"a\"} 0 1000000\nx{host=\"a\"} 10 1010000\n";
    check("match[]=x&start=1000&end=1010", 200, text);
    check("match[]=%7Bhost%3D%22a%22%7D&start=1050", 200, "# TYPE y gauge\ny{host=\"a\",tenant=\"7\"} 1.5 1050000\n");
    check("match[]=nothing", 200, "");
    check("start=1000", 400, "match[]");
    check("match[]=x%7B", 400, "bad_data");
}

#[test]
fn a_long_export_comes_whole_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
    let rows = store.rows(1, &[(Series::new("long", [("host", "a")]), Kind::Gauge)]);
    for at in 1..=30_000 {
        store.append(&rows, Timestamp::from_secs(at), Duration::from_secs(1), &[at as f64]).unwrap();
    }
    let server = serve(guard(routes(std::sync::Arc::new(store), Engine::default(), None), None, Scope::Read));
    let (status, text) = ask(&server, "GET", "/api/v1/export?match[]=long&match[]=%7Bhost=%22a%22%7D", None, "");
    let expected = (1..=30_000).map(|at| format!("long{{host=\"a\"}} {at} {at}000\n")).collect::<String>();
    assert_eq!(status, 200);
    assert!(text.contains(&expected) && text.lines().count() == 30_001, "{} bytes", text.len());
}

#[test]
fn instant_queries() {
    let check = |parameters: &str, expected: &str| check("/api/v1/query", parameters, 200, expected);
    check(
        "query=increase(x[1m])&time=1060",
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"host":"a"},"value":[1060,"60"]}]}}"#,
    );
    check("query=x%7Bhost%3D%22a%22%7D&time=1970-01-01T00:17:40Z", r#""value":[1060,"60"]"#);
    check("query=1%2B1&time=1.5", r#"{"resultType":"scalar","result":[1.500,"2"]}"#);
    check("query=increase(t[10s])&time=1060", r#""histogram":[1060,{"count":"3","sum":"6","buckets":[[0,"0.98"#);
    check("query=x&timeout=10s", r#""result":[]"#);
}

#[test]
fn range_queries() {
    let path = "/api/v1/query_range";
    check(
        path,
        "query=x&start=1000&end=1030&step=10s",
        200,
        r#"{"metric":{"__name__":"x","host":"a"},"values":[[1000,"0"],[1010,"10"],[1020,"20"],[1030,"30"]]}"#,
    );
    check(path, "query=x&start=1000&end=1030", 400, r#"invalid parameter \"step\": it is missing"#);
    check(path, "query=x&start=1000&end=1&step=1", 400, "end timestamp must not be before start time");
    check(path, "query=x&start=soon&end=1&step=1", 400, r#"cannot parse \"soon\" to a valid timestamp"#);
}

#[test]
fn what_is_asked_again_is_not_evaluated_again_but_for_others() {
    let issuer = Issuer::new();
    let (_folder, store) = store();
    let engine = Engine::default().with_cache(ResultCache::new(1 << 20));
    let server = serve(guard(routes(store, engine.clone(), None), Some(issuer.tokens()), Scope::Read));
    let check = |tenant: u32, more: &str, samples: usize, steps: &str| {
        let path = format!("/api/v1/query_range?query=sum(y)&start=1010&end=1060&step=10{more}");
        let (status, body) = ask(&server, "GET", &path, Some(&token(&issuer.key, tenant)), "");
        let values = if tenant == 7 { 6 } else { 0 };
        assert_eq!((status, body.matches(r#"0,"1.5"]"#).count()), (200, values), "{body}");
        let series = samples.min(1);
        let read = format!(r#""samples":{{"totalQueryableSamples":{samples}}},"series":{series},"tiers":["raw"],"#);
        let stats = format!(r#"{read}"steps":{steps}}}}}}}"#);
        assert_eq!(body.ends_with(&stats), !steps.is_empty(), "{body}");
        assert_eq!(body.contains(r#""stats":{"timings":{"evalTotalTime":"#), !steps.is_empty(), "{body}");
    };
    check(7, "&stats=all", 6, r#"{"kept":0,"evaluated":6}"#);
    check(7, "&stats=all", 0, r#"{"kept":6,"evaluated":0}"#);
    check(0, "&stats=all", 0, r#"{"kept":0,"evaluated":6}"#);
    check(7, "&stats=all&nocache=1", 6, r#"{"kept":0,"evaluated":6}"#);
    check(7, "&nocache=0&stats=all", 0, r#"{"kept":6,"evaluated":0}"#);
    check(7, "", 0, "");
    let hits = engine.readings().into_iter().find(|reading| reading.series.name() == "weir_query_cache_hits_total");
    assert_eq!(hits.map(|reading| reading.value), Some(3.0));
}

#[test]
fn errors_have_prometheus_shape() {
    let path = "/api/v1/query";
    check(path, "query=x%7B", 400, r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\""#);
    check(path, "", 400, r#"invalid parameter \"query\": it is missing"#);
    check(path, "query=limit_ratio(NaN,x)", 422, r#""errorType":"execution","error":"Ratio value is NaN"#);
    check(path, "query=x&timeout=0", 503, r#""errorType":"timeout""#);
}

#[test]
fn series_and_labels() {
    check(
        "/api/v1/series",
        "match[]=x&match[]=y",
        200,
        r#"[{"__name__":"x","host":"a"},{"__name__":"y","host":"a","tenant":"7"}]"#,
    );
    check("/api/v1/series", "match[]=x&match[]=y&limit=1", 200, r#"[{"__name__":"x","host":"a"}],"warnings":["#);
    check("/api/v1/series", "match[]=x%7B", 400, r#"invalid parameter \"match[]\": 1:3: parse error"#);
    let ever = "match[]=x&start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z";
    check("/api/v1/series", ever, 200, r#"[{"__name__":"x","host":"a"}]"#);
    check("/api/v1/series", "", 400, "no match[] parameter provided");
    check("/api/v1/series", "match[]=rate(x[5m])", 400, "is no series selector");
    check("/api/v1/labels", "", 200, r#""data":["__name__","host","tenant"]"#);
    check("/api/v1/labels", "match[]=x", 200, r#""data":["__name__","host"]"#);
    check("/api/v1/label/host/values", "", 200, r#""data":["a"]"#);
    check("/api/v1/label/__name__/values", "match[]=%7Bhost=%22a%22%7D", 200, r#""data":["t","x","y"]"#);
    check("/api/v1/status/buildinfo", "", 200, r#""application":"weir""#);
}

#[test]
fn a_form_may_come_in_parts() {
    let (_folder, store) = store();
    let server = serve(guard(routes(store, Engine::default(), None), None, Scope::Read));
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = |path: &str, body: &str| {
        let request =
            agent.post(format!("http://{server}{path}")).header("content-type", "multipart/form-data; boundary=b");
        let mut response = request.send(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    };
    let part =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let (status, body) = post("/api/v1/query", &(part("query", "sum(x)") + &part("time", "1060") + "--b--\r\n"));
    assert!(status == 200 && body.contains(r#"[1060,"60"]"#), "{status} {body}");
    let (status, body) = post("/api/v1/series", &(part("match[]", "x") + "--b--"));
    assert!(status == 200 && body.contains(r#"{"__name__":"x","host":"a"}"#), "{status} {body}");
    let (status, body) = post("/api/v1/query", &part("query", "x"));
    assert!(status == 400 && body.contains("the last one does not end"), "{status} {body}");
}

#[test]
fn metadata_tells_types() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
    let rows = store.rows(1, &[(Series::named("x"), Kind::Counter), (Series::named("y"), Kind::Gauge)]);
    store.append(&rows, now(), Duration::from_secs(10), &[1.0, 1.0]).unwrap();
    let server = serve(guard(routes(std::sync::Arc::new(store), Engine::default(), None), None, Scope::Read));
    let (status, body) = ask(&server, "GET", "/api/v1/metadata", None, "");
    let entry = |kind: &str| format!(r#"[{{"help":"","type":"{kind}","unit":""}}]"#);
    let expected = format!(r#"{{"data":{{"x":{},"y":{}}},"status":"success"}}"#, entry("counter"), entry("gauge"));
    assert_eq!((status, body), (200, expected));
}

#[test]
fn metadata_are_what_senders_tell_then_our_own_tables_then_the_type() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
    let names = ["x", "lat_bucket", "lat_count", "system_uptime_seconds", "bare"];
    let columns = names.map(|name| (Series::named(name), Kind::Gauge));
    let rows = store.rows(1, &columns);
    store.append(&rows, now(), Duration::from_secs(10), &[1.0; 5]).unwrap();
    let told = |kind, unit: &str, help: &str| Metadata { kind, unit: unit.into(), help: help.into() };
    let known: BTreeMap<String, Vec<Metadata>> = [
        ("x".to_owned(), vec![told(MetricType::Unknown, "", "new"), told(MetricType::Unknown, "s", "old")]),
        ("lat".to_owned(), vec![told(MetricType::Histogram, "seconds", "Latency.")]),
    ]
    .into();
    let of = move |_: Option<u32>, metric: Option<&str>| match metric {
        Some(metric) => known.get(metric).map(|told| (metric.to_owned(), told.clone())).into_iter().collect(),
        None => known.clone(),
    };
    let api = super::Api::new(std::sync::Arc::new(store), Engine::default(), None).telling(std::sync::Arc::new(of));
    let server = serve(guard(super::routes_of(api), None, Scope::Read));
    let check = |path: &str, expected: serde_json::Value| {
        let (status, body) = ask(&server, "GET", path, None, "");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["data"]), (200, &expected), "{path}");
    };
    let entry = |kind: &str, help: &str, unit: &str| json!({ "type": kind, "help": help, "unit": unit });
    let (new, old) = (entry("gauge", "new", ""), entry("gauge", "old", "s"));
    let all = json!({
        "bare": [entry("gauge", "", "")],
        "lat": [entry("histogram", "Latency.", "seconds")],
        "system_uptime_seconds": [entry("gauge", "time since boot", "seconds")],
        "x": [new, old],
    });
    check("/api/v1/metadata", all);
    check("/api/v1/metadata?metric=x&limit_per_metric=1", json!({ "x": [new] }));
    check("/api/v1/metadata?limit=1", json!({ "bare": [entry("gauge", "", "")] }));
    check("/api/v1/metadata?metric=nothing", json!({}));
    let row = json!({ "target": {}, "metric": "lat", "type": "histogram", "help": "Latency.", "unit": "seconds" });
    let (_, body) = ask(&server, "GET", "/api/v1/targets/metadata", None, "");
    let rows: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(rows["data"].as_array().unwrap().contains(&row), "{body}");
    let row = json!({ "target": {}, "type": "histogram", "help": "Latency.", "unit": "seconds" });
    check("/api/v1/targets/metadata?metric=lat", json!([row]));
}

#[test]
fn a_tenant_sees_its_own_series() {
    let issuer = Issuer::new();
    let (_folder, store) = store();
    let server = serve(guard(routes(store, Engine::default(), None), Some(issuer.tokens()), Scope::Read));
    let check = |tenant: u32, path: &str, expected: &str| {
        let (status, body) = ask(&server, "GET", path, Some(&token(&issuer.key, tenant)), "");
        assert!(status == 200 && body.ends_with(&format!("{expected}}}")), "{tenant} {path}: {status} {body}");
    };
    check(7, "/api/v1/label/__name__/values", r#"["y"]"#);
    check(0, "/api/v1/label/__name__/values", r#"["t","x"]"#);
    check(8, "/api/v1/query?query=count(%7Bhost=%22a%22%7D)&time=1060", r#""result":[]}"#);
    check(0, "/api/v1/query?query=y%7Btenant=%227%22%7D&time=1060", r#""result":[]}"#);
}

fn token(key: &SigningKey, tenant: u32) -> String {
    let claims = Claims {
        subject: "grafana".into(),
        tenant,
        scopes: vec![Scope::Read],
        not_before: None,
        expires: u64::try_from(now().millis() / 1_000).unwrap() + 60,
        max_series: None,
        labels: Default::default(),
    };
    format!("Bearer {}", issue(&claims, key).unwrap())
}

#[test]
fn answers_are_cut_and_look_back_as_they_are_told() {
    check("/api/v1/query", "query={__name__=~%22x|y%22}&time=1060&limit=1", 200, "results truncated due to limit");
    check("/api/v1/query", "query=x&time=1070&lookback_delta=5s", 200, r#""result":[]"#);
    check("/api/v1/query", "query=x&time=1070&lookback_delta=20s", 200, r#""host":"a""#);
    let range = "query=x&start=1070&end=1080&step=5";
    check("/api/v1/query_range", &format!("{range}&lookback_delta=12s"), 200, r#"[[1070,"60"]]"#);
    check("/federate", "match[]=x", 200, "");
}

#[test]
fn remote_read_gives_samples_of_each_question() {
    use weir_formats::remote_write::{ReadMatcher, ReadQuery, ReadRequest};
    let (_folder, store) = store();
    let server = serve(guard(routes(store, Engine::default(), None), None, Scope::Read));
    let query = |name: &str, from: i64| {
        let matchers = vec![ReadMatcher { kind: 0, name: "__name__".into(), value: name.into() }];
        ReadQuery { start_ms: from, end_ms: 1_060_000, matchers }
    };
    let ask = |queries: Vec<ReadQuery>| {
        let body = ReadRequest { queries }.packed();
        let mut answer = ureq::post(format!("http://{server}/api/v1/read")).send(&body[..]).unwrap();
        assert_eq!(answer.headers()["content-encoding"], "snappy");
        weir_formats::remote_write::ReadResponse::read(&answer.body_mut().read_to_vec().unwrap()).unwrap()
    };
    let answer = ask(vec![query("x", 1_050_000), query("nothing", 0), query("t_count", 0), query("t", 1_030_000)]);
    let samples = |at: usize| -> Vec<(i64, f64)> {
        let series = answer.results[at].timeseries.iter().flat_map(|series| &series.samples);
        series.map(|sample| (sample.timestamp, sample.value)).collect()
    };
    assert_eq!(samples(0), [(1_050_000, 50.0), (1_060_000, 60.0)]);
    assert_eq!((samples(1).len(), answer.results.len()), (0, 4));
    let told = answer.results[3].timeseries[0].histograms.iter().map(|bytes| {
        let (time, histogram) = weir_formats::remote_write::read_histogram(bytes).unwrap();
        let histogram = histogram.unwrap();
        (time, histogram.count(), histogram.hint())
    });
    use weir_sample::ResetHint::{NotReset, Reset};
    let expected =
        [(1_030_000, 3.0, Reset), (1_040_000, 6.0, NotReset), (1_050_000, 9.0, NotReset), (1_060_000, 12.0, NotReset)];
    assert_eq!(told.collect::<Vec<_>>(), expected, "what agents see in a window is added up");
    let labels = &answer.results[0].timeseries[0].labels;
    assert_eq!(labels.iter().map(|label| label.name.as_str()).collect::<Vec<_>>(), ["__name__", "host"]);
}
