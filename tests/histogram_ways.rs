//! Promise: the same observations are the same histogram, whichever way they came: timers over StatsD, an endpoint that
//! the agent scrapes in protobuf, remote write that counts on.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use weir_tests::remote_write::{Native, Written, write};
use weir_tests::{Agent, Chance, Server, eventually};

const OBSERVATIONS: usize = 240;
const PATIENCE: Duration = Duration::from_secs(60);

/// A histogram with room for what is between 1 and 1,024, at the scale of our own ones.
fn empty() -> Native {
    Native { schema: 6, zero_threshold: 1e-9, positive: (0, vec![0; 641]), ..Native::default() }
}

fn observe(native: &mut Native, value: f64) {
    native.positive.1[(value.log2() * 64.0).ceil() as usize] += 1;
    native.sum += value;
}

/// Answers in protobuf whatever stands there, to those who ask for it, and counts the answers.
fn serve(state: Arc<Mutex<Native>>, looks: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), [0; 1_024]);
            let size = stream.read(&mut request).unwrap();
            let asks =
                "accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
            assert!(String::from_utf8_lossy(&request[..size]).contains(asks));
            let body = state.lock().unwrap().family("scraped");
            let kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len())
                .unwrap();
            stream.write_all(&body).unwrap();
            looks.fetch_add(1, Ordering::SeqCst);
        }
    });
    address
}

/// The only histogram of an answer: count, sum to the last places, buckets.
fn histogram(server: &Server, query: &str) -> Option<(String, i64, Value)> {
    let result = server.query(query)?;
    assert!(result.as_array()?.len() <= 1, "{query}: {result}");
    let found = &result[0]["histogram"][1];
    let sum: f64 = found["sum"].as_str()?.parse().unwrap();
    Some((found["count"].as_str()?.to_owned(), (sum * 1e6).round() as i64, found["buckets"].clone()))
}

#[test]
fn the_same_observations_are_the_same_histogram_whichever_way_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let (state, looks) = (Arc::new(Mutex::new(empty())), Arc::new(AtomicUsize::new(0)));
    let address = serve(Arc::clone(&state), Arc::clone(&looks));
    let config = folder.path().join("agent.toml");
    let scrape = format!("[[scrape]]\njob = 'a'\ntargets = ['{address}']\nscrape_native_histograms = true\n");
    std::fs::write(&config, scrape).unwrap();
    let servers = server.ports.batch.to_string();
    let agent = Agent::start(folder.path(), &servers, &server.keys(), &["--config", config.to_str().unwrap()]);
    // What was there before the first look is not known to have been observed since.
    eventually("a first look", PATIENCE, || (looks.load(Ordering::SeqCst) > 1).then_some(()));
    let mut chance = Chance::new(17);
    let mut values = Vec::new();
    for _ in 0..OBSERVATIONS {
        let value = 1.0 + chance.below(900) as f64 + 0.3;
        values.push(value);
        agent.emit(&format!("took:{value}|d"), 1);
        observe(&mut state.lock().unwrap(), value);
        std::thread::sleep(Duration::from_millis(50));
    }
    let full = OBSERVATIONS.to_string();
    let all = |query: &str| histogram(&server, query).filter(|found| found.0 == full);
    let timers = eventually("all timers", PATIENCE, || all("increase(took[5m])"));
    let scraped = eventually("all that was scraped", PATIENCE, || all("increase(scraped[5m])"));
    assert_eq!(scraped, timers);

    // Running totals of the same windows.
    let windows = server.query("took[5m]").unwrap()[0]["histograms"].as_array().unwrap().clone();
    assert!(windows.len() > 8, "{windows:?}");
    let (mut totals, mut left) = (empty(), values.iter());
    let mut written = Written::new("totals", &[]);
    let time = |window: &Value| (window[0].as_f64().unwrap() * 1e3) as i64;
    written.histograms.push(totals.message(time(&windows[0]) - 1_000));
    for window in &windows {
        let count: usize = window[1]["count"].as_str().unwrap().parse().unwrap();
        left.by_ref().take(count).for_each(|value| observe(&mut totals, *value));
        written.histograms.push(totals.message(time(window)));
    }
    assert_eq!(write(server.ports.http, &[written]).0, 204);
    let last = time(windows.last().unwrap()) as f64 / 1e3;
    for (function, seconds) in [("rate", 3), ("increase", 5), ("rate", 8)] {
        for back in 0..4 {
            let of = |name: &str| {
                histogram(&server, &format!("{function}({name}[{seconds}s] anchored @ {last} offset {back}s)"))
            };
            let timers = of("took").unwrap();
            let totals = eventually("the totals to be stored", PATIENCE, || of("totals"));
            assert_eq!(totals, timers, "{function} over {seconds} s, {back} s before the last");
        }
    }
}
