//! StatsD by UDP, from sockets to the records in the queue.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::UdpSocket,
    sync::Arc,
};

use weir_gateway::{Gateway, GatewayConfig, Running, StatsdConfig};
use weir_queue::{Checkpoint, Log, LogConfig, Reader};
use weir_sample::{Histogram, Series, Value, Window};

use crate::site::{Site, config, eventually, value};

fn listening(threads: usize) -> GatewayConfig {
    let statsd = StatsdConfig { threads, ..StatsdConfig::at("127.0.0.1:0".parse().unwrap()) };
    GatewayConfig { statsd: Some(statsd), ..config() }
}

/// Sends each text as a datagram, from a few client sockets, and waits until their lines are counted.
fn send(running: &Running, datagrams: &[String]) {
    let to = running.statsd_addresses()[0];
    let clients: Vec<UdpSocket> = (0..7).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let before = lines(running);
    let mut sent = 0;
    for chunk in datagrams.chunks(50) {
        for (at, datagram) in chunk.iter().enumerate() {
            clients[at % clients.len()].send_to(datagram.as_bytes(), to).unwrap();
            sent += datagram.lines().count();
        }
        eventually(|| lines(running) == before + sent as f64, "all lines are counted");
    }
}

/// Metric lines, good or bad.
fn lines(running: &Running) -> f64 {
    let readings = running.readings();
    value(&readings, "weir_statsd_lines_total", "") + value(&readings, "weir_statsd_refused_lines_total", "")
}

/// The partials in the site's queue, merged as the sink does, over all windows.
fn merged(site: &Site) -> BTreeMap<Series, Value> {
    let mut reader = Reader::open(&site.folder.path().join("queue"), "test", &Checkpoint::default()).unwrap();
    let (mut merged, mut seen) = (BTreeMap::<Series, Value>::new(), BTreeSet::new());
    let polled = reader.poll(usize::MAX, |record, _| {
        assert!(seen.insert((record.agent, record.epoch, record.seq)), "numbers are not used twice");
        for (series, part) in weir_wire::decode(record.payload).unwrap().points {
            match merged.get_mut(&series) {
                Some(value) => value.merge(part),
                None => drop(merged.insert(series, part)),
            }
        }
    });
    polled.unwrap();
    merged
}

#[test]
fn sums_are_exact_and_bad_lines_cost_only_themselves() {
    let site = Site::with(listening(2), LogConfig::default());
    let datagrams: Vec<String> = (0..600)
        .map(|i| format!("jobs.done:2|c|#q:{}\nrubbish\njobs.done:1|c|@0.5|#q:{}\nx:y|c", i % 300, i % 300))
        .collect();
    send(&site.running, &datagrams);
    site.running.drain();
    let merged = merged(&site);
    assert_eq!(merged.len(), 300);
    assert!(merged.values().all(|value| *value == Value::Counter(8.0)), "{merged:?}");
    let readings = site.running.readings();
    assert_eq!(value(&readings, "weir_statsd_refused_lines_total", "malformed"), 600.0);
    assert_eq!(value(&readings, "weir_statsd_refused_lines_total", "value"), 600.0);
    assert_eq!(value(&readings, "weir_gateway_statsd_datagrams_total", ""), 600.0);
    assert_eq!(value(&readings, "weir_gateway_statsd_lost_partials_total", ""), 0.0);
}

#[test]
fn other_networks_are_refused_and_counted() {
    let mut config = listening(1);
    config.statsd.as_mut().unwrap().networks = vec!["192.0.2.0/24".parse().unwrap()];
    let site = Site::with(config, LogConfig::default());
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"jobs:1|c", site.running.statsd_addresses()[0]).unwrap();
    let refused = || value(&site.running.readings(), "weir_gateway_statsd_refused_datagrams_total", "network");
    eventually(|| refused() == 1.0, "the datagram is refused");
    site.running.drain();
    assert!(merged(&site).is_empty());
}

#[test]
fn a_p99_over_three_gateways_is_the_true_one() {
    let site = Site::with(listening(2), LogConfig::default());
    let start = |writer: &str| {
        let log = Log::open(&site.folder.path().join("queue"), writer, LogConfig::default()).unwrap();
        Gateway::bind(listening(1), site.access.clone(), Arc::new(log)).unwrap().start().unwrap()
    };
    let others = [start("second"), start("third")];
    // A heavy tail, unlike on each gateway: no mean or maximum of three p99s would be right.
    let mut values: Vec<f64> = (0..9_000u32).map(|i| 1.0 + f64::from(i * 7_919 % 9_000).powi(3) / 1e6).collect();
    for (gateway, values) in [&site.running, &others[0], &others[1]].into_iter().zip(values.chunks(3_000)) {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let datagrams: Vec<String> = sorted
            .chunks(20)
            .map(|values| values.iter().map(|v| format!("took:{v}|d|#route:a")).collect::<Vec<_>>().join("\n"))
            .collect();
        send(gateway, &datagrams);
    }
    site.running.drain();
    for gateway in &others {
        gateway.drain();
    }
    let merged = merged(&site);
    let Value::Distribution(histogram) = &merged[&Series::new("took", [("route", "a")])] else { panic!("{merged:?}") };
    values.sort_by(f64::total_cmp);
    assert_eq!((histogram.count(), merged.len()), (9_000.0, 1));
    for q in [0.5, 0.9, 0.99, 0.999] {
        let (exact, found) = (values[(q * 8_999.0) as usize], Histogram::quantile(histogram, q));
        assert!((found / exact - 1.0).abs() <= 0.01, "q{q}: {found}, exactly {exact}");
    }
}

#[test]
fn a_failed_queue_delays_a_window_and_loses_nothing() {
    let retry = std::time::Duration::from_millis(5);
    let site = Site::with(listening(1), LogConfig { retry, segment_bytes: 1, ..LogConfig::default() });
    let (here, away) = (site.log_folder(), site.folder.path().join("away"));
    send(&site.running, &["jobs:3|c".into()]);
    std::fs::rename(&here, &away).unwrap();
    let retries = || value(&site.running.readings(), "weir_gateway_statsd_retries_total", "");
    std::thread::scope(|scope| {
        scope.spawn(|| site.running.drain());
        eventually(|| retries() > 0.0, "the queue refuses");
        std::fs::rename(&away, &here).unwrap();
    });
    assert_eq!(merged(&site), BTreeMap::from([(Series::named("jobs"), Value::Counter(3.0))]));
    assert_eq!(value(&site.running.readings(), "weir_gateway_statsd_lost_partials_total", ""), 0.0);
}

#[test]
fn what_is_flushed_belongs_to_the_running_window() {
    let site = Site::with(listening(1), LogConfig::default());
    let interval = std::time::Duration::from_secs(10);
    let before = Window::containing(crate::site::now(), interval);
    send(&site.running, &["jobs:3|c".into()]);
    site.running.drain();
    let after = Window::containing(crate::site::now(), interval);
    let mut reader = Reader::open(&site.folder.path().join("queue"), "test", &Checkpoint::default()).unwrap();
    let polled = reader.poll(usize::MAX, |record, _| {
        let window = weir_wire::decode(record.payload).unwrap().window;
        assert!(before <= window && window <= after);
        assert_eq!(record.tenant, 0);
    });
    assert_eq!(polled.unwrap().records, 1);
}
