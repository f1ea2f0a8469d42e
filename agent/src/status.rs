//! What an operator sees: a page about the running agent, and the commands that show it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use weir_sample::{Reading, Series, Value};

/// What the last window was made of.
#[derive(Default)]
pub(crate) struct Top {
    /// The metrics with most series.
    series: Vec<Metric>,
    /// The metrics that counted most: who talks.
    talkers: Vec<Metric>,
}

/// A metric, its series, and what its counters and distributions counted.
#[derive(Clone)]
struct Metric {
    name: String,
    series: usize,
    counted: f64,
}

const SHOWN_METRICS: usize = 15;

impl Top {
    pub(crate) fn of(points: &[(Series, Value)]) -> Self {
        let mut metrics: HashMap<&str, (usize, f64)> = HashMap::new();
        for (series, value) in points {
            let (count, sum) = metrics.entry(series.name()).or_default();
            *count += 1;
            *sum += match value {
                Value::Counter(delta) => *delta,
                Value::Distribution(sketch) => sketch.count(),
                Value::Gauge(_) | Value::Set(_) => 0.0,
            };
        }
        let metric = |(name, (series, counted)): (&str, _)| Metric { name: name.to_owned(), series, counted };
        let mut series: Vec<_> = metrics.into_iter().map(metric).collect();
        // The host's own counters are bytes and the like; what applications count are events.
        let own = |metric: &&Metric| metric.name.starts_with("system_") || metric.name.starts_with("weir_agent_");
        let mut talkers: Vec<_> =
            series.iter().filter(|metric| !own(metric) && metric.counted > 0.0).cloned().collect();
        series.sort_by(|a, b| b.series.cmp(&a.series).then_with(|| a.name.cmp(&b.name)));
        talkers.sort_by(|a, b| b.counted.total_cmp(&a.counted).then_with(|| a.name.cmp(&b.name)));
        series.truncate(SHOWN_METRICS);
        talkers.truncate(SHOWN_METRICS);
        Self { series, talkers }
    }
}

/// The page: `about` in a line, then what the readings say, then the top metrics.
pub(crate) fn page(about: &str, readings: &[Reading], top: &Top) -> String {
    let mut text = format!("weir-agent {} {about}\n", env!("CARGO_PKG_VERSION"));
    let sum = |name: &str| {
        let all = readings.iter().filter(|reading| reading.series.name() == name);
        // A sum of nothing would be shown as -0.
        all.fold(0.0, |sum, reading| sum + reading.value)
    };
    for (title, figures) in LINES {
        let _ = write!(text, "{title:<9}");
        for (name, figure) in figures.iter() {
            let _ = write!(text, " {name} {}", sum(figure));
        }
        text.push('\n');
    }
    let lost: Vec<_> =
        readings.iter().filter(|reading| reading.help.contains("(loss") && reading.value > 0.0).collect();
    if !lost.is_empty() {
        text.push_str("\nlost so far; each name's HELP in /metrics says what to do\n");
        lost.iter().for_each(|reading| _ = writeln!(text, "  {:>10}  {}", reading.value, reading.series));
    }
    for (title, metrics) in [("metrics with most series", &top.series), ("top talkers", &top.talkers)] {
        let _ = writeln!(text, "\n{title} in the last window\n      series     counted  metric");
        for Metric { name, series, counted } in metrics {
            let _ = writeln!(text, "  {series:>10}  {:>10}  {name}", (counted * 100.0).round() / 100.0);
        }
    }
    text
}

type Line = (&'static str, &'static [(&'static str, &'static str)]);

const LINES: [Line; 6] = [
    (
        "ledger",
        &[
            ("sealed", "weir_agent_sealed_batches_total"),
            ("acked", "weir_agent_acked_batches_total"),
            ("resent", "weir_agent_resent_batches_total"),
            ("dropped", "weir_agent_dropped_batches_total"),
            ("waiting", "weir_agent_spooled_batches"),
        ],
    ),
    (
        "uplink",
        &[
            ("seconds since ack", "weir_agent_since_ack_seconds"),
            ("spool bytes", "weir_agent_spool_bytes"),
            ("on tls", "weir_agent_on_tls"),
            ("failed sessions", "weir_agent_failed_sessions_total"),
        ],
    ),
    (
        "statsd",
        &[
            ("lines", "weir_agent_statsd_lines_total"),
            ("series", "weir_agent_statsd_series"),
            ("refused", "weir_agent_statsd_refused_lines_total"),
            ("folded", "weir_agent_statsd_folded_lines_total"),
            ("lost datagrams", "weir_agent_statsd_lost_datagrams_total"),
        ],
    ),
    ("scrape", &[("targets", "weir_agent_scrape_targets"), ("failed", "weir_agent_failed_scrapes_total")]),
    (
        "logs",
        &[
            ("behind bytes", "weir_agent_access_log_behind_bytes"),
            ("lost lines", "weir_agent_access_log_lost_lines_total"),
        ],
    ),
    (
        "itself",
        &[
            ("resident bytes", "weir_agent_resident_bytes"),
            ("cpu seconds", "weir_agent_cpu_seconds_total"),
            ("collect seconds", "weir_agent_collect_seconds"),
        ],
    ),
];

/// `weir-agent status`: prints the page of the agent at `address`.
pub(crate) fn show(address: SocketAddr) -> Result<()> {
    print!("{}", ask(address, "/status")?);
    Ok(())
}

/// `weir-agent top`: the page again and again, with what has moved since the last time.
pub(crate) fn watch(address: SocketAddr) -> Result<()> {
    let mut before = figures(&ask(address, "/metrics")?);
    loop {
        std::thread::sleep(REFRESH);
        let (page, now) = (ask(address, "/status")?, figures(&ask(address, "/metrics")?));
        let mut out = std::io::stdout().lock();
        // Home, and clear to the end.
        write!(out, "\x1b[H\x1b[2J{page}\nper second\n")?;
        let mut moved: Vec<_> = now
            .iter()
            .filter(|(series, _)| series.contains("_total"))
            .map(|(series, value)| (value - before.get(series).unwrap_or(value), series))
            .filter(|(delta, _)| *delta > 0.0)
            .collect();
        moved.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (delta, series) in moved {
            writeln!(out, "  {:>10.2}  {series}", delta / REFRESH.as_secs_f64())?;
        }
        out.flush()?;
        before = now;
    }
}

const REFRESH: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// Series and values of a page in the text format.
fn figures(text: &str) -> HashMap<String, f64> {
    let line =
        |line: &str| line.rsplit_once(' ').and_then(|(series, value)| Some((series.to_owned(), value.parse().ok()?)));
    text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
}

fn ask(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("no agent answers at {address}: does it run, and with this `telemetry` address?"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("reading from {address}"))?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => bail!("what answers at {address} is not a weir-agent of this version"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_sums_losses_and_the_largest_metrics() {
        let readings = [
            Reading::counter(
                "weir_agent_statsd_refused_lines_total",
                &[("reason", "utf8")],
                2,
                "Dropped (loss): mend.",
            ),
            Reading::counter(
                "weir_agent_statsd_refused_lines_total",
                &[("reason", "type")],
                3,
                "Dropped (loss): mend.",
            ),
            Reading::counter("weir_agent_sealed_batches_total", &[], 7, "Sealed."),
        ];
        let point = |name: &str, label: &str| (Series::new(name, [("x", label)]), Value::Counter(1.5));
        let top = Top::of(&[point("b", "1"), point("a", "1"), point("a", "2")]);
        let page = page("host a", &readings, &top);
        for line in [
            "ledger    sealed 7 acked 0 resent 0 dropped 0 waiting 0",
            "refused 5",
            "           2  weir_agent_statsd_refused_lines_total{reason=\"utf8\"}",
            "           2           3  a\n           1         1.5  b\n",
        ] {
            assert!(page.contains(line), "{line:?} in\n{page}");
        }
    }

    #[test]
    fn figures_are_read_back_from_the_text_format() {
        let found = figures("# HELP a x\na{b=\"c d\"} 3\ne 4.5\n");
        assert_eq!((found.len(), found["a{b=\"c d\"}"], found["e"]), (2, 3.0, 4.5));
    }
}
