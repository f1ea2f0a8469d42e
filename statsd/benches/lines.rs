//! Nanoseconds per line: parse alone, parse and aggregate, and what new and folded series cost.
//!
//! `cargo bench -p weir-statsd`. Datagrams are 1,400 bytes; 70 % of the series are counters, 20 % timers and 10 %
//! gauges, each with two tags. The time shown is per line.

use std::hint::black_box;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, Divan};
use weir_sample::{Timestamp, Window};
use weir_statsd::{Aggregator, AggregatorConfig, Item, parse};

/// Shows that lines of known series allocate nothing.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    Divan::from_args().main();
}

const SERIES: [usize; 3] = [1_000, 10_000, 100_000];
const DATAGRAM_BYTES: usize = 1_400;
const RUN: Duration = Duration::from_millis(1_500);

/// Datagrams that name every series once, in an order that no cache can foresee.
struct Load {
    datagrams: Vec<Vec<u8>>,
    lines: usize,
}

impl Load {
    fn new(series: usize, line: impl Fn(usize) -> String) -> Self {
        Self::packed(DATAGRAM_BYTES, series, line)
    }

    fn packed(datagram_bytes: usize, series: usize, line: impl Fn(usize) -> String) -> Self {
        let mut datagrams = vec![Vec::new()];
        let lines = series.max(40_000);
        for i in 0..lines {
            // An odd multiplier visits every series before it comes back.
            let line = line(i.wrapping_mul(48_271) % series);
            if datagrams
                .last()
                .is_some_and(|datagram| !datagram.is_empty() && datagram.len() + line.len() + 1 > datagram_bytes)
            {
                datagrams.push(Vec::new());
            }
            let datagram = datagrams.last_mut().expect("there is one from the start");
            datagram.extend_from_slice(line.as_bytes());
            datagram.push(b'\n');
        }
        Self { datagrams, lines }
    }
}

fn mixed(i: usize) -> String {
    match i % 10 {
        0..7 => format!("shop.requests{}:1|c|#env:prod,q:{}", i, i % 7),
        7 | 8 => format!("shop.latency{}:{}|ms|#env:prod,q:{}", i, 1 + i % 320, i % 7),
        _ => format!("shop.queue{}:{}.5|g|#env:prod,q:{}", i, i % 50, i % 7),
    }
}

fn counters(i: usize) -> String {
    format!("shop.requests{i}:1|c|#env:prod,q:{}", i % 7)
}

fn timers(i: usize) -> String {
    format!("shop.latency{i}:{}|ms|@0.5|#env:prod,q:{}", 1 + i % 320, i % 7)
}

fn plain(i: usize) -> String {
    format!("shop.eu.requests.checkout.count{i}:1|c")
}

#[divan::bench(max_time = RUN, args = SERIES)]
fn parse_alone(bencher: Bencher<'_, '_>, series: usize) {
    let load = Load::new(series, mixed);
    bencher.counter(ItemsCount::new(load.lines)).bench_local(|| {
        for datagram in &load.datagrams {
            parse(datagram, |item| {
                if let Ok(Item::Metric(metric)) = item {
                    black_box(metric.values().map(|number| number.value).sum::<f64>() * metric.rate);
                }
            });
        }
    });
}

#[divan::bench(max_time = RUN, args = SERIES)]
fn aggregate_mixed(bencher: Bencher<'_, '_>, series: usize) {
    aggregate(bencher, &Load::new(series, mixed));
}

#[divan::bench(max_time = RUN, args = SERIES)]
fn aggregate_counters(bencher: Bencher<'_, '_>, series: usize) {
    aggregate(bencher, &Load::new(series, counters));
}

#[divan::bench(max_time = RUN, args = SERIES)]
fn aggregate_timers(bencher: Bencher<'_, '_>, series: usize) {
    aggregate(bencher, &Load::new(series, timers));
}

#[divan::bench(max_time = RUN, args = SERIES)]
fn aggregate_untagged_counters(bencher: Bencher<'_, '_>, series: usize) {
    aggregate(bencher, &Load::new(series, plain));
}

#[divan::bench(max_time = RUN, args = SERIES)]
fn aggregate_one_line_datagrams(bencher: Bencher<'_, '_>, series: usize) {
    aggregate(bencher, &Load::packed(1, series, mixed));
}

#[divan::bench(max_time = RUN, args = SERIES)]
fn aggregate_one_line_datagrams_by_64(bencher: Bencher<'_, '_>, series: usize) {
    let load = Load::packed(1, series, mixed);
    let mut aggregator = unlimited();
    receive(&mut aggregator, &load);
    bencher.counter(ItemsCount::new(load.lines)).bench_local(|| {
        for batch in load.datagrams.chunks(64) {
            aggregator.receive_all(batch.iter().map(Vec::as_slice), |refused| panic!("{refused}"));
        }
    });
}

#[divan::bench(max_time = RUN, args = [10_000])]
fn meet_new_series(bencher: Bencher<'_, '_>, series: usize) {
    let load = Load::new(series, mixed);
    bencher.counter(ItemsCount::new(load.lines)).with_inputs(unlimited).bench_local_values(|mut aggregator| {
        receive(&mut aggregator, &load);
        aggregator
    });
}

#[divan::bench(max_time = RUN, args = [10_000])]
fn fold(bencher: Bencher<'_, '_>, series: usize) {
    let load = Load::new(series, |i| format!("shop.requests:1|c|#env:prod,user:{i}"));
    let mut aggregator = Aggregator::new(AggregatorConfig { max_series: 10, ..Default::default() });
    bencher.counter(ItemsCount::new(load.lines)).bench_local(|| receive(&mut aggregator, &load));
}

#[divan::bench(max_time = RUN, args = [10_000])]
fn close(bencher: Bencher<'_, '_>, series: usize) {
    let load = Load::new(series, mixed);
    let window = Window::containing(Timestamp::from_secs(1_000), Duration::from_secs(10));
    let full = || {
        let mut aggregator = unlimited();
        receive(&mut aggregator, &load);
        aggregator
    };
    bencher.counter(ItemsCount::new(series)).with_inputs(full).bench_local_values(|mut aggregator| {
        let points = aggregator.close(window);
        (aggregator, points)
    });
}

fn aggregate(bencher: Bencher<'_, '_>, load: &Load) {
    let mut aggregator = unlimited();
    receive(&mut aggregator, load);
    bencher.counter(ItemsCount::new(load.lines)).bench_local(|| receive(&mut aggregator, load));
}

fn receive(aggregator: &mut Aggregator, load: &Load) {
    for datagram in &load.datagrams {
        aggregator.receive(datagram, |refused| panic!("{refused}"));
    }
}

fn unlimited() -> Aggregator {
    Aggregator::new(AggregatorConfig { max_series: 1 << 20, ..Default::default() })
}
