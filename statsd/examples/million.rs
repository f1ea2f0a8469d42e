//! Memory and totals at a million distinct series: `cargo run --release -p weir-statsd --example million [SERIES]`.

use std::time::{Duration, Instant};

use weir_sample::{Timestamp, Value, Window};
use weir_statsd::{Aggregator, AggregatorConfig};

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn main() {
    let series: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let config = AggregatorConfig { max_series: series, max_series_per_metric: 0, ..Default::default() };
    let before = resident_bytes();
    let mut aggregator = Aggregator::new(config);
    let started = Instant::now();
    for first in (0..series).step_by(40) {
        let lines: Vec<String> =
            (first..series.min(first + 40)).map(|i| format!("shop.requests:2|c|#user:{i},env:prod")).collect();
        aggregator.receive(lines.join("\n").as_bytes(), |refused| eprintln!("{refused}"));
    }
    let (met, held) = (started.elapsed(), resident_bytes() - before);
    let started = Instant::now();
    let mut sum = 0.0;
    aggregator.close_each(Window::containing(Timestamp::from_secs(1_000), Duration::from_secs(10)), |_, value, _| {
        if let Value::Counter(delta) = value {
            sum += delta;
        }
    });
    println!(
        "{} series, {} bytes each, met in {met:?}, closed in {:?}, counted {sum}, sent {}",
        aggregator.series(),
        held / series as u64,
        started.elapsed(),
        2 * series,
    );
}

/// From `/proc`, so it counts what the allocator holds too.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0) * 1_024
}
