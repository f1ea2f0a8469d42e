//! `weir bench statsd`: StatsD lines at a given rate, and the exact sum of the counters among them.
//!
//! The lines are made before the first is sent, so that what is measured is the receiver. 70 % are counters, 20 % timers
//! and 10 % gauges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use weir_files::say;
use weir_link::{Outgoing, UdpConfig, UdpSocket};

use crate::clock::{duration, now};
use crate::cmd::ask;

use super::cost::ServerCost;

#[derive(clap::Args)]
pub(crate) struct StatsdArgs {
    /// Where StatsD is listened for
    #[arg(long, default_value = "127.0.0.1:8125")]
    to: SocketAddr,
    /// Distinct series
    #[arg(long, default_value_t = 10_000)]
    names: usize,
    /// Bytes per datagram, packed full of lines; 1 sends each line by itself
    #[arg(long, default_value_t = 1_400)]
    payload: usize,
    /// Short lines without tags, as every StatsD server takes them, in place of lines with two tags
    #[arg(long)]
    plain: bool,
    /// Lines a second; 0 sends as fast as this machine can
    #[arg(long, default_value_t = 400_000)]
    rate: u64,
    /// How long to send
    #[arg(long, default_value = "30s", value_parser = duration)]
    duration: Duration,
    /// Sockets to send from, in turn
    #[arg(long, default_value_t = 8)]
    sockets: usize,
    /// HTTP address of the server, to compare what it stored and what that cost, such as http://127.0.0.1:8641
    #[arg(long)]
    http: Option<String>,
}

/// The counter whose lines are summed; its tag `run` tells runs apart.
const COUNTER: &str = "weir_bench_statsd_total";
/// Counters without tags begin with this and the run.
const PLAIN_COUNTER: &str = "bench.c";
/// Bytes of lines made in advance, at least one of each series.
const POOL_BYTES: usize = 8 << 20;
/// The most that is sent at a stretch before looking at the clock again.
const STRETCH: usize = 8;
const PAUSE: Duration = Duration::from_micros(200);
/// How long the store may take to show the last window: the window, its lateness, and some.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn main(args: &StatsdArgs) -> Result<()> {
    ensure!(args.names > 0 && args.sockets > 0, "names and sockets must be at least 1");
    ensure!(args.payload == 1 || (64..=65_000).contains(&args.payload), "--payload is 1, or 64 to 65000 bytes");
    let run = format!("{:x}", now().millis());
    let lines = Lines { run: &run, names: args.names, plain: args.plain };
    let pool = pool(&lines, args.payload);
    let before = args.http.as_deref().map(ServerCost::read).transpose()?;
    let sent = send(args, &pool)?;
    let mut report = sent.report(&run);
    if let (Some(server), Some(before)) = (&args.http, before) {
        compare(server, &lines, &sent, &before, &mut report)?;
    }
    say!("{}", Value::Object(report));
    Ok(())
}

/// One datagram of the pool.
struct Datagram {
    text: String,
    lines: u64,
    counters: u64,
}

/// Datagrams that name every series, the three kinds mixed.
fn pool(lines: &Lines<'_>, payload: usize) -> Vec<Datagram> {
    let (mut pool, mut bytes) = (Vec::new(), 0);
    let mut open = Datagram { text: String::new(), lines: 0, counters: 0 };
    for number in 0.. {
        let (line, counter) = lines.line(number);
        let full = open.lines > 0 && (payload == 1 || open.text.len() + 1 + line.len() > payload);
        if full {
            bytes += open.text.len();
            pool.push(std::mem::replace(&mut open, Datagram { text: String::new(), lines: 0, counters: 0 }));
            if bytes >= POOL_BYTES && number >= lines.names {
                break;
            }
        }
        if !open.text.is_empty() {
            open.text.push('\n');
        }
        open.text.push_str(&line);
        open.lines += 1;
        open.counters += u64::from(counter);
    }
    pool
}

/// What the lines of a run look like.
struct Lines<'a> {
    run: &'a str,
    names: usize,
    plain: bool,
}

impl Lines<'_> {
    /// The line of some number, and whether it is a counter's. Neighbours are different series, in no order.
    fn line(&self, number: usize) -> (String, bool) {
        let (run, name) = (self.run, (number * 7_919) % self.names);
        let (took, level) = (1 + number % 997, number % 1_000);
        let line = match (name % 10, self.plain) {
            (0..7, false) => format!("{COUNTER}:1|c|#run:{run},name:n{name}"),
            (0..7, true) => format!("{PLAIN_COUNTER}.{run}.n{name}:1|c"),
            (7 | 8, false) => format!("weir_bench_took:{took}|ms|#run:{run},name:n{name}"),
            (7 | 8, true) => format!("bench.t.{run}.n{name}:{took}|ms"),
            (_, false) => format!("weir_bench_level:{level}|g|#run:{run},name:n{name}"),
            (_, true) => format!("bench.g.{run}.n{name}:{level}|g"),
        };
        (line, name % 10 < 7)
    }

    /// The sum of the run's counters.
    fn promql(&self) -> String {
        match self.plain {
            false => format!("sum({COUNTER}{{run={:?}}})", self.run),
            true => format!("sum({{__name__=~\"{}_{}_.*\"}})", PLAIN_COUNTER.replace('.', "_"), self.run),
        }
    }
}

struct Sent {
    lines: u64,
    counters: u64,
    datagrams: u64,
    refused: u64,
    elapsed: Duration,
}

fn send(args: &StatsdArgs, pool: &[Datagram]) -> Result<Sent> {
    let any = if args.to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let bind = |_| UdpSocket::bind(SocketAddr::new(any, 0), &UdpConfig::default());
    let sockets = (0..args.sockets).map(bind).collect::<Result<Vec<_>, _>>().context("opening UDP sockets")?;
    let mut sent = Sent { lines: 0, counters: 0, datagrams: 0, refused: 0, elapsed: Duration::ZERO };
    let (start, mut outgoing) = (Instant::now(), Outgoing::new());
    let (mut datagrams, mut turn) = (pool.iter().cycle(), sockets.iter().cycle());
    loop {
        sent.elapsed = start.elapsed();
        if sent.elapsed >= args.duration {
            return Ok(sent);
        }
        let due = (sent.elapsed.as_secs_f64() * args.rate as f64) as u64;
        for _ in 0..STRETCH {
            if args.rate > 0 && sent.lines >= due {
                std::thread::sleep(PAUSE);
                break;
            }
            let before = (sent.lines, sent.counters);
            while !outgoing.is_full() && (args.rate == 0 || sent.lines < due) {
                let Some(datagram) = datagrams.next() else { bail!("no lines to send") };
                outgoing.push(args.to, datagram.text.as_bytes());
                (sent.lines, sent.counters) = (sent.lines + datagram.lines, sent.counters + datagram.counters);
            }
            sent.datagrams += outgoing.len() as u64;
            let Some(socket) = turn.next() else { bail!("no socket to send from") };
            let refused = socket.send(&mut outgoing).with_context(|| format!("sending to {}", args.to))?;
            if refused > 0 {
                // Nobody listens, most likely; what of these went out is not known, so they do not count as sent.
                (sent.lines, sent.counters) = before;
                sent.refused += refused as u64;
            }
        }
    }
}

impl Sent {
    fn report(&self, run: &str) -> Map<String, Value> {
        let report = json!({
            "run": run,
            "lines_sent": self.lines,
            "datagrams_sent": self.datagrams,
            "datagrams_refused": self.refused,
            "elapsed_s": self.elapsed.as_secs_f64(),
            "lines_per_s": (self.lines as f64 / self.elapsed.as_secs_f64()).round(),
            "counter_sum": self.counters,
        });
        report.as_object().cloned().unwrap_or_default()
    }
}

/// Waits until the store shows the sum, or does not come to it.
fn compare(
    server: &str,
    lines: &Lines<'_>,
    sent: &Sent,
    before: &ServerCost,
    report: &mut Map<String, Value>,
) -> Result<()> {
    let after = ServerCost::read(server)?;
    let cpu_s = after.cpu_s - before.cpu_s;
    let (promql, started) = (lines.promql(), Instant::now());
    let mut stored = 0.0;
    while stored < sent.counters as f64 && started.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(500));
        let answer = ask::instant(server, &promql, None, None)?;
        stored = answer["data"]["result"][0]["value"][1].as_str().unwrap_or("0").parse()?;
    }
    report.insert("stored_sum".into(), json!(stored));
    report.insert("lost".into(), json!(sent.counters as f64 - stored));
    report.insert("server_cpu_s".into(), json!(cpu_s));
    report.insert("server_ns_per_line".into(), json!((cpu_s * 1e9 / sent.lines.max(1) as f64).round()));
    report.insert("server_rss_bytes".into(), json!(after.rss_bytes));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_names_every_series_in_datagrams_that_fit() {
        for (payload, names, plain) in [(1, 1_000, false), (1_400, 10_000, false), (1_400, 10_000, true)] {
            let pool = pool(&Lines { run: "r", names, plain }, payload);
            let without_value = |line: &str| {
                let (name, rest) = line.split_once(':').unwrap();
                format!("{name}|{}", rest.split_once('|').unwrap().1)
            };
            let series = |datagram: &Datagram| datagram.text.lines().map(without_value).collect::<Vec<_>>();
            let distinct: std::collections::HashSet<String> = pool.iter().flat_map(series).collect();
            assert_eq!(distinct.len(), names);
            assert!(pool.iter().all(|datagram| datagram.text.len() <= payload.max(80)));
            let lines: u64 = pool.iter().map(|datagram| datagram.lines).sum();
            let counters: u64 = pool.iter().map(|datagram| datagram.counters).sum();
            let counted = |datagram: &Datagram| datagram.text.matches("|c").count() as u64;
            assert_eq!(counters, pool.iter().map(counted).sum::<u64>());
            assert!((counters as f64 / lines as f64 - 0.7).abs() < 0.01);
        }
    }
}
