//! Questions over engines: three that keep one tier each are one address to ask, and several sinks are one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use weir_tests::remote_write::{self, Native, Written};
use weir_tests::{Engine, Server, ServerPorts, eventually};

const PATIENCE: Duration = Duration::from_secs(60);
/// Minutes of samples, each 10 s.
const MINUTES: i64 = 30;
const HOSTS: usize = 4;

fn front(folder: &Path, name: &str, engines: &str) -> Server {
    let file = folder.join(format!("{name}.toml"));
    std::fs::write(&file, format!("[query]\n{engines}")).unwrap();
    Server::start_as("query-front", folder.join(name), ServerPorts::free(), &["--config", &file.display().to_string()])
}

fn engine(kind: &str, address: impl std::fmt::Display, more: &str) -> String {
    format!("[[query.engine]]\nkind = '{kind}'\nurl = 'http://{address}'\n{more}\n")
}

/// Values of an answer by labels, without what is said beside them.
fn answer(server: &Server, path: &str, query: &[(&str, String)]) -> Option<Value> {
    let request = ureq::get(format!("http://{}/api/v1/{path}", server.ports.http));
    let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
    let answer: Value = serde_json::from_str(&request.call().ok()?.body_mut().read_to_string().ok()?).ok()?;
    let mut result = answer["data"]["result"].as_array()?.clone();
    result.sort_by_key(|series| series["metric"].to_string());
    Some(Value::from(result))
}

/// A gauge and a counter of each host, from a whole minute on.
fn push(weir: &Server, from: i64) {
    let mut all = Vec::new();
    for host in 0..HOSTS {
        let name = format!("h{host}");
        let labels = [("host", name.as_str()), ("instance", name.as_str())];
        let (mut gauge, mut counter) = (Written::new("level", &labels), Written::new("jobs_total", &labels));
        for at in 1..=MINUTES * 6 {
            let value = ((at * (7 + host as i64) * 31) % 101) as f64;
            gauge.samples.push((from + at * 10_000, value));
            counter.samples.push((from + at * 10_000, (at * (host as i64 + 1)) as f64));
        }
        all.extend([gauge, counter]);
    }
    eventually("samples to be taken", PATIENCE, || (remote_write::write(weir.ports.http, &all).0 < 300).then_some(()));
}

#[test]
fn three_engines_with_a_tier_each_answer_like_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    let engines: Vec<Engine> = ["raw", "1m", "1h"]
        .map(|tier| {
            let own = folder.path().join(tier);
            std::fs::create_dir_all(&own).unwrap();
            Engine::victoria_metrics(&own)
        })
        .into();
    let backend = |tier: &str, engine: &Engine| {
        let url = format!("http://{}/api/v1/write", engine.address);
        format!(
            "[[sink.backend]]\nname = 'b{tier}'\nkind = 'remote_write'\ntier = '{tier}'\nevery = '1s'\nurl = '{url}'\n"
        )
    };
    let config: String = ["raw", "1m", "1h"].iter().zip(&engines).map(|(tier, engine)| backend(tier, engine)).collect();
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, format!("[sink]\ncheckpoint_interval_s = 1\n{config}")).unwrap();
    let file = file.display().to_string();
    let weir = Server::start_as("up", folder.path().join("weir"), ServerPorts::free(), &["--config", &file]);
    let passed = || {
        let passed = ["raw", "1m", "1h"].map(|tier| {
            weir.reading(&format!("weir_backend_passed_timestamp_seconds{{backend=\"b{tier}\"}}")).unwrap_or_default()
        });
        passed.iter().all(|passed| *passed > 0.0).then_some(())
    };
    eventually("a first watermark", PATIENCE, passed);
    let now = weir_tests::seconds_now() as i64;
    // An hour that ends at midnight exactly, where VictoriaMetrics 1.79 leaves the last sample out of a range.
    let from = (now - now % 86_400 - 3_600) * 1_000;
    push(&weir, from);
    let end = from / 1_000 + MINUTES * 60;
    let tiers = |days: [&str; 3]| -> String {
        ["raw", "1m", "1h"]
            .iter()
            .zip(&engines)
            .zip(days)
            .map(|((tier, at), keeps)| {
                engine("victoria_metrics", at.address, &format!("tier = '{tier}'\nkeeps = '{keeps}'"))
            })
            .collect()
    };
    let usual = front(folder.path(), "usual", &tiers(["7d", "30d", "365d"]));
    // As if raw samples, or minutes too, were past their time.
    let minutes = front(folder.path(), "minutes", &tiers(["1s", "30d", "365d"]));
    let hours = front(folder.path(), "hours", &tiers(["1s", "2s", "365d"]));
    let equal = |front: &Server, expression: &str, step: i64| {
        let query = [
            ("query", expression.to_owned()),
            ("start", (end - 20 * 60).to_string()),
            ("end", end.to_string()),
            ("step", step.to_string()),
        ];
        let expected = answer(&weir, "query_range", &query).unwrap();
        assert!(expected.as_array().is_some_and(|all| !all.is_empty()), "{expression}");
        let mut found = None;
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually("equal answers", PATIENCE, || {
                found = answer(front, "query_range", &query);
                (found.as_ref() == Some(&expected)).then_some(())
            });
        }));
        assert!(done.is_ok(), "{expression}: {found:?}\nof {expected}");
    };
    for expression in [
        "level",
        "sum by (host) (rate(jobs_total[5m]))",
        "max_over_time(level[7m])",
        "quantile_over_time(0.9, level[10m])",
        "topk(2, increase(jobs_total[3m]))",
        "count({__name__=~\"level|jobs.*\", host!~\"h[23]\"})",
    ] {
        equal(&usual, expression, 30);
    }
    for expression in [
        "max_over_time(level[10m])",
        "min_over_time(level[10m])",
        "sum_over_time(level[10m])",
        "count_over_time(level[10m])",
        "avg_over_time(level[10m])",
        "last_over_time(jobs_total[10m])",
        "max by (host) (level)",
    ] {
        equal(&minutes, expression, 60);
    }
    eventually("an hour's point", PATIENCE, || {
        let query = [("query", "max_over_time(level[1h])".to_owned()), ("time", (from / 1_000 + 3_600).to_string())];
        let (expected, found) = (answer(&weir, "query", &query)?, answer(&hours, "query", &query)?);
        (expected.as_array()?.len() == HOSTS && expected == found).then_some(())
    });
    // Parts are nobody's metric.
    let names = minutes.get("/api/v1/label/__name__/values").unwrap().1;
    assert!(names.contains("level") && !names.contains("level:"), "{names}");
}

#[test]
fn what_is_missing_is_refused_or_said_and_copies_stand_in() {
    let folder = tempfile::tempdir().unwrap();
    let sinks: Vec<Server> =
        ["a", "b"].map(|name| Server::start_as("up", folder.path().join(name), ServerPorts::free(), &[])).into();
    let now = weir_tests::seconds_now() as i64 * 1_000;
    for (at, sink) in sinks.iter().enumerate() {
        let mut series = Written::new("up", &[("host", ["x", "y"][at])]);
        series.samples.push((now, 1.0));
        eventually("a sample to be taken", PATIENCE, || {
            (remote_write::write(sink.ports.http, std::slice::from_ref(&series)).0 < 300).then_some(())
        });
    }
    let gone = weir_tests::free_port();
    let [a, b] = [&sinks[0], &sinks[1]].map(|sink| sink.ports.http);
    let shares = |second: &str| {
        [engine("prometheus", gone, "share = '0'"), engine("prometheus", a, "share = '0'"), second.to_owned()].concat()
    };
    let count = |server: &Server| {
        let (status, text) = server.get("/api/v1/query?query=count(up)")?;
        let answer: Value = serde_json::from_str(&text).ok()?;
        let value = answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned);
        Some((status, value, text))
    };
    let both = front(folder.path(), "both", &shares(&engine("prometheus", b, "share = '1'")));
    eventually("both shares", PATIENCE, || (count(&both)?.1.as_deref() == Some("2")).then_some(()));
    let strict = front(folder.path(), "strict", &shares(&engine("prometheus", gone, "share = '1'")));
    let (status, _, text) = count(&strict).unwrap();
    assert!(status == 503 && text.contains(&format!("http://{gone}")), "{status} {text}");
    let said = format!("partial = true\n{}", shares(&engine("prometheus", gone, "share = '1'")));
    let lenient = front(folder.path(), "lenient", &said);
    let (status, value, text) = count(&lenient).unwrap();
    assert!(status == 200 && value.as_deref() == Some("1") && text.contains("warnings"), "{status} {text}");
    assert!(lenient.get("/readyz").unwrap().1.contains(&format!("http://{gone}")));
}

#[test]
fn native_histograms_of_engines_are_fetched_and_where_they_cannot_be_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let engines: Vec<Server> =
        ["a", "b"].map(|name| Server::start_as("up", folder.path().join(name), ServerPorts::free(), &[])).into();
    let now = weir_tests::seconds_now() as i64 / 10 * 10;
    for (at, server) in engines.iter().enumerate() {
        let mut took = Written::new("took", &[("host", ["x", "y"][at])]);
        for step in 0..30 {
            let observed = vec![step as u64 * (at as u64 + 1), step as u64, 2 * step as u64];
            let native = Native { schema: 3, sum: 7.5 * step as f64, positive: (4, observed), ..Native::default() };
            took.histograms.push(native.message((now - 300 + step * 10) * 1_000));
        }
        // Floats of the same name, and a series that has both.
        let mut both = Written::new("mixed", &[("host", ["x", "y"][at])]);
        both.samples.push(((now - 200) * 1_000, 4.0));
        both.histograms.push(took.histograms[20].clone());
        eventually("histograms to be taken", PATIENCE, || {
            (remote_write::write(server.ports.http, &[took.clone(), both.clone()]).0 < 300).then_some(())
        });
    }
    let [a, b] = [&engines[0], &engines[1]].map(|server| server.ports.http);
    let shares = engine("prometheus", a, "share = '0'") + &engine("prometheus", b, "share = '1'");
    let front = front(folder.path(), "front", &shares);
    let range = |expression: &str| {
        let times = [("start", (now - 240).to_string()), ("end", now.to_string()), ("step", "30".to_owned())];
        [&[("query", expression.to_owned())][..], &times].concat()
    };
    for expression in [
        "histogram_quantile(0.9, rate(took[2m]))",
        "histogram_count(took)",
        "sum by (host) (histogram_sum(increase(took[1m])))",
        "mixed",
    ] {
        let mut found = None;
        eventually(&format!("{expression} to be equal"), PATIENCE, || {
            let of = |server: &Server| answer(server, "query_range", &range(expression));
            let mut expected: Vec<Value> = engines
                .iter()
                .map(of)
                .collect::<Option<Vec<_>>>()?
                .iter()
                .filter_map(Value::as_array)
                .flatten()
                .cloned()
                .collect();
            expected.sort_by_key(|series| series["metric"].to_string());
            found = of(&front);
            (expected.len() == 2 && found == Some(Value::from(expected))).then_some(())
        });
        let text = found.unwrap().to_string();
        assert!(
            text.len() > 100 && (expression != "mixed" || text.contains("histograms") && text.contains("values")),
            "{text}"
        );
    }
    let all = answer(&front, "query", &[("query", "sum(took)".into()), ("time", (now - 10).to_string())]).unwrap();
    assert_eq!(all[0]["histogram"][1]["count"], "261", "of both engines: {all}");
    // One that knows the query API alone.
    let deaf = without_remote_read(a);
    let lacking = self::front(folder.path(), "lacking", &engine("prometheus", deaf, ""));
    let (status, text) = lacking.get(&format!("/api/v1/query?query=mixed&time={}", now - 50)).unwrap();
    assert!(status == 200 && text.contains("warnings") && text.contains("\"4\""), "{status} {text}");
    assert_eq!(lacking.reading("weir_front_engine_unread_histograms_total"), Some(1.0));
    assert!(lacking.get("/readyz").unwrap().1.contains("native histograms are left out"));
}

/// An engine before this one that does not know `/api/v1/read`.
fn without_remote_read(engine: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map(Result::unwrap) {
            std::thread::spawn(move || {
                let mut request = Vec::new();
                let mut bytes = [0; 4_096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match client.read(&mut bytes) {
                        Ok(0) | Err(_) => return,
                        Ok(count) => request.extend(&bytes[..count]),
                    }
                }
                if request.starts_with(b"POST /api/v1/read") {
                    let _ =
                        client.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
                    return;
                }
                let head = String::from_utf8_lossy(&request);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let Ok(mut answer) = ureq::get(format!("http://{engine}{path}")).call() else { return };
                let body = answer.body_mut().read_to_string().unwrap_or_default();
                let length = body.len();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let _ = client.write_all((head + &body).as_bytes());
            });
        }
    });
    address
}

#[test]
fn another_weir_is_a_backend_by_remote_write_2_and_by_otlp() {
    let folder = tempfile::tempdir().unwrap();
    let behind: Vec<Server> = ["second", "otlp"]
        .map(|name| Server::start_as("up", folder.path().join(name), ServerPorts::free(), &[]))
        .into();
    let backend = |kind: &str, path: &str, to: &Server| {
        let url = format!("http://{}{path}", to.ports.http);
        format!("[[sink.backend]]\nkind = '{kind}'\nevery = '1s'\nurl = '{url}'\nmatch = ['level', 'jobs_total']\n")
    };
    let config = backend("remote_write", "/api/v1/write", &behind[0]) + &backend("otlp", "/v1/metrics", &behind[1]);
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, format!("[sink]\ncheckpoint_interval_s = 1\n{config}")).unwrap();
    let file = file.display().to_string();
    let weir = Server::start_as("up", folder.path().join("weir"), ServerPorts::free(), &["--config", &file]);
    eventually("a first watermark", PATIENCE, || {
        let passed = |name: &str| weir.reading(&format!("weir_backend_passed_timestamp_seconds{{backend=\"{name}\"}}"));
        (passed("remote_write")? > 0.0 && passed("otlp")? > 0.0).then_some(())
    });
    let now = weir_tests::seconds_now() as i64;
    push(&weir, (now - now % 60 - 35 * 60) * 1_000);
    for (metric, server) in
        [("level", &behind[0]), ("jobs_total", &behind[0]), ("level", &behind[1]), ("jobs_total", &behind[1])]
    {
        let query = [("query", format!("{metric}{{host=~\"h.\"}}[1h]"))];
        let all = |server: &Server| -> Option<Vec<Value>> {
            let answer = answer(server, "query", &query)?;
            Some(answer.as_array()?.iter().map(|series| series["values"].clone()).collect())
        };
        let mut found = None;
        eventually(&format!("{metric} to be equal"), PATIENCE, || {
            let expected = all(&weir)?;
            found = all(server);
            (expected.len() == HOSTS && found.as_ref() == Some(&expected)).then_some(())
        });
    }
    let refused = |name: &str| weir.reading(&format!("weir_backend_refused_samples_total{{backend=\"{name}\"}}"));
    assert_eq!((refused("remote_write"), refused("otlp")), (Some(0.0), Some(0.0)));
    let log = std::fs::read_to_string(folder.path().join("weir.log")).unwrap();
    assert!(!log.contains("does not speak remote write 2.0"), "{log}");
}
