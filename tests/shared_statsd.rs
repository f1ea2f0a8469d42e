//! Promise: a series that several gateways hear is one series, its sums exact and its p99 the true one.
//!
//! Three gateways take StatsD for one sink. What each heard differs as much as can be, so that neither a mean nor a
//! maximum of three quantiles would do.

#![allow(clippy::unwrap_used)]

use std::net::UdpSocket;
use std::time::Duration;

use weir_tests::{eventually, free_port, start_role};

const VALUES: u32 = 9_000;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn what_three_gateways_hear_is_one_series() {
    let folder = tempfile::tempdir().unwrap();
    let sink = start_role(folder.path(), "sink", "sink", &[]);
    // A heavy tail, all of it at the last gateway.
    let values: Vec<f64> = (1..=VALUES).map(|i| 1.0 + f64::from(i).powi(3) / 1e6).collect();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (number, values) in values.chunks(VALUES as usize / 3).enumerate() {
        let statsd = free_port();
        let address = statsd.to_string();
        let mut gateway = start_role(folder.path(), "gateway", &format!("gateway-{number}"), &["--statsd", &address]);
        let mut sent = 0;
        for values in values.chunks(20) {
            let lines: Vec<String> = values.iter().map(|value| format!("took:{value}|d|#route:a\nseen:1|c")).collect();
            client.send_to(lines.join("\n").as_bytes(), statsd).unwrap();
            sent += 2 * values.len();
        }
        let heard = || gateway.reading("weir_statsd_lines_total").filter(|lines| *lines == sent as f64);
        eventually("all lines to be heard", PATIENCE, heard);
        assert!(gateway.program.stop().success(), "a gateway drains its open window and ends well");
    }
    let count = r#"sum(increase(took{route="a"}[5m]))"#;
    eventually("all parts to be stored", PATIENCE, || {
        let count = sink.number(&format!("histogram_count({count})"))?;
        (count.round() == f64::from(VALUES)).then_some(())
    });
    assert_eq!(sink.number("sum(seen)"), Some(f64::from(VALUES)));
    assert_eq!(sink.number(r#"count({__name__=~"took|seen"})"#), Some(2.0));
    for q in [0.5, 0.9, 0.99, 0.999] {
        // Between the value of this rank and the next, as far as the borders of their buckets.
        let rank = (q * f64::from(VALUES)).ceil() as usize - 1;
        let (low, high) = (values[rank], values[(rank + 1).min(values.len() - 1)]);
        let found = sink.number(&format!("histogram_quantile({q}, {count})")).unwrap();
        assert!((low * 0.989..=high * 1.011).contains(&found), "q{q}: {found}, exactly {low} to {high}");
    }
}
