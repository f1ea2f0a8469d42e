//! The page that an operator sees of the running agent.

use std::fmt::Write as _;

use weir_sample::Reading;

use super::telemetry::Usage;
use super::top::{Metric, Top};
use crate::{access_log, clock, intake, scrape, uplink};

/// Figures of the agent's parts, as they count them.
pub(crate) struct Status {
    pub uplink: uplink::Standing,
    pub statsd: intake::Tally,
    pub scrape: scrape::Tally,
    pub logs: access_log::Tally,
    pub clock: clock::Tally,
    pub itself: Usage,
}

impl Status {
    /// The page: `about` in a line, then the figures, what was lost by reason, and the top metrics.
    pub(crate) fn page(&self, about: &str, readings: &[Reading], top: &Top) -> String {
        let mut text = format!("weir-agent {} {about}\n", env!("CARGO_PKG_VERSION"));
        let _ = writeln!(text, "{}", self.uplink.sentence());
        self.write_figures(&mut text);
        write_losses(&mut text, readings);
        write_top(&mut text, top);
        text
    }

    /// The figures for a program, and the same sentence.
    pub(crate) fn json(&self, host: &str, agent: &str, servers: &str) -> serde_json::Value {
        let Self { uplink, statsd, scrape, logs, clock, itself } = self;
        let totals = &uplink.totals;
        serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"), "host": host, "agent": agent, "server": servers,
            "summary": uplink.sentence(),
            "ledger": {
                "sealed": totals.sealed_batches, "acked": totals.acked_batches, "resent": totals.resent_batches,
                "dropped": totals.dropped_batches, "waiting": totals.spooled_batches,
            },
            "uplink": {
                "seconds_since_ack": uplink.since_ack.as_secs_f64(), "spool_bytes": uplink.spool_bytes,
                "on_tls": uplink.on_tls, "failed_sessions": uplink.failed_sessions, "trouble": uplink.trouble,
            },
            "statsd": {
                "lines": statsd.lines, "series": statsd.series, "refused": statsd.refused, "folded": statsd.folded,
                "lost_datagrams": statsd.lost_datagrams,
            },
            "scrape": { "targets": scrape.targets, "failed": scrape.failed },
            "logs": { "behind_bytes": logs.behind_bytes, "lost_lines": logs.lost_lines },
            "clock": { "seconds_ahead": clock.skew_seconds, "corrected": clock.corrected, "set": clock.steps },
            "itself": { "resident_bytes": itself.resident_bytes, "cpu_seconds": itself.cpu_seconds },
        })
    }

    fn write_figures(&self, text: &mut String) {
        let Self { uplink, statsd, scrape, logs, clock, itself } = self;
        let uplink::Standing { totals, since_ack, spool_bytes, on_tls, failed_sessions, trouble } = uplink;
        let (since_ack, on_tls) = (since_ack.as_secs(), u8::from(*on_tls));
        let mut line = |title: &str, figures: &[(&str, &dyn std::fmt::Display)]| {
            let _ = write!(text, "{title:<9}");
            for (name, figure) in figures {
                let _ = write!(text, " {name} {figure}");
            }
            text.push('\n');
        };
        line(
            "ledger",
            &[
                ("sealed", &totals.sealed_batches),
                ("acked", &totals.acked_batches),
                ("resent", &totals.resent_batches),
                ("dropped", &totals.dropped_batches),
                ("waiting", &totals.spooled_batches),
            ],
        );
        line(
            "uplink",
            &[
                ("seconds since ack", &since_ack),
                ("spool bytes", spool_bytes),
                ("on tls", &on_tls),
                ("failed sessions", failed_sessions),
                ("trouble", trouble),
            ],
        );
        line(
            "statsd",
            &[
                ("lines", &statsd.lines),
                ("series", &statsd.series),
                ("refused", &statsd.refused),
                ("folded", &statsd.folded),
                ("lost datagrams", &statsd.lost_datagrams),
            ],
        );
        line("scrape", &[("targets", &scrape.targets), ("failed", &scrape.failed)]);
        line("logs", &[("behind bytes", &logs.behind_bytes), ("lost lines", &logs.lost_lines)]);
        let skew = clock.skew_seconds.map_or_else(|| "unknown".to_owned(), |skew| skew.to_string());
        let corrected = u8::from(clock.corrected);
        line("clock", &[("seconds ahead", &skew), ("corrected", &corrected), ("set", &clock.steps)]);
        line(
            "itself",
            &[
                ("resident bytes", &itself.resident_bytes),
                ("cpu seconds", &itself.cpu_seconds),
                ("collect seconds", &itself.collect_seconds),
            ],
        );
    }
}

/// A reading says in its help whether it counts losses, and what to do about them.
fn write_losses(text: &mut String, readings: &[Reading]) {
    let lost: Vec<_> =
        readings.iter().filter(|reading| reading.help.contains("(loss") && reading.value > 0.0).collect();
    if !lost.is_empty() {
        text.push_str("\nlost so far; each name's HELP in /metrics says what to do\n");
        lost.iter().for_each(|reading| _ = writeln!(text, "  {:>10}  {}", reading.value, reading.series));
    }
}

fn write_top(text: &mut String, top: &Top) {
    for (title, metrics) in [("metrics with most series", &top.series), ("top talkers", &top.talkers)] {
        let _ = writeln!(text, "\n{title} in the last window\n      series     counted  metric");
        for Metric { name, series, counted } in metrics {
            let _ = writeln!(text, "  {series:>10}  {:>10}  {name}", (counted * 100.0).round() / 100.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_sample::{Series, Value};
    use weir_wire::Totals;

    use super::*;

    fn status() -> Status {
        let totals = Totals {
            sealed_batches: 7,
            acked_batches: 4,
            resent_batches: 3,
            dropped_batches: 2,
            spooled_batches: 1,
            ..Totals::default()
        };
        let since_ack = Duration::from_millis(8_900);
        Status {
            uplink: uplink::Standing {
                totals,
                since_ack,
                spool_bytes: 9,
                on_tls: true,
                failed_sessions: 10,
                trouble: "tag",
            },
            statsd: intake::Tally { lines: 11, series: 12, refused: 13, folded: 14, lost_datagrams: 15 },
            scrape: scrape::Tally { targets: 16, failed: 17 },
            logs: access_log::Tally { behind_bytes: 18, lost_lines: 19 },
            clock: clock::Tally { skew_seconds: Some(-61.5), corrected: true, steps: 21 },
            itself: Usage { resident_bytes: 20, cpu_seconds: 0.21, collect_seconds: 0.000022, close_seconds: 0.0 },
        }
    }

    #[test]
    fn the_page_tells_figures_losses_and_the_largest_metrics() {
        let refused = |reason, count| {
            let labels = [("reason", reason)];
            Reading::counter("weir_agent_statsd_refused_lines_total", &labels, count, "Dropped (loss): mend.")
        };
        let sealed = Reading::counter("weir_agent_sealed_batches_total", &[], 7, "Sealed.");
        let point = |name: &str, label: &str| (Series::new(name, [("x", label)]), Value::Counter(1.5));
        let top = Top::of(&[point("b", "1"), point("a", "1"), point("a", "2")]);
        let page = status().page("host a", &[refused("utf8", 2), refused("type", 0), sealed], &top);
        let expected = format!(
            "weir-agent {} host a\n\
             1 of 7 batches waits for its acknowledgement, the last came 8 s ago (tag); 2 lost because the spool was full\n\
             ledger    sealed 7 acked 4 resent 3 dropped 2 waiting 1\n\
             uplink    seconds since ack 8 spool bytes 9 on tls 1 failed sessions 10 trouble tag\n\
             statsd    lines 11 series 12 refused 13 folded 14 lost datagrams 15\n\
             scrape    targets 16 failed 17\n\
             logs      behind bytes 18 lost lines 19\n\
             clock     seconds ahead -61.5 corrected 1 set 21\n\
             itself    resident bytes 20 cpu seconds 0.21 collect seconds 0.000022\n\n\
             lost so far; each name's HELP in /metrics says what to do\n           \
             2  weir_agent_statsd_refused_lines_total{{reason=\"utf8\"}}\n\n\
             metrics with most series in the last window\n      series     counted  metric\n           \
             2           3  a\n           1         1.5  b\n\n\
             top talkers in the last window\n      series     counted  metric\n           \
             2           3  a\n           1         1.5  b\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(page, expected);
    }
}
