//! Every series breaches at once: what comes of it, how fast, and what it takes.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use super::args::AlertsArgs;
use super::load::{self, Load};
use super::rules::{FLOOD, routes};
use super::stand::{Side, Stand};
use super::webhooks::Webhooks;

/// Alerts of a host are told together.
const PER_HOST: usize = 100;
/// A rule that is there from the start, so that there are rules.
pub(super) const QUIET: &str =
    "groups: [{name: quiet, interval: 15s, rules: [{alert: Quiet, expr: bench_total < 0}]}]\n";
/// The series are there, and have been for as long as evaluation is behind.
const SETTLED: Duration = Duration::from_secs(60);
/// Time after which nothing more is waited for.
const PATIENCE: Duration = Duration::from_secs(300);
/// Time in which something may come a second time.
const AFTER: Duration = Duration::from_secs(20);

pub(super) fn measure(args: &AlertsArgs, side: Side) -> Result<Value> {
    let webhooks = Webhooks::listen()?;
    let stand = Stand::start(side, &routes(&webhooks.url, "alertname, instance", "1s"), QUIET)?;
    let (over, alerts) = (AtomicBool::new(false), args.alerts.next_multiple_of(PER_HOST));
    let load = Load { series: alerts, per_host: PER_HOST, one_metric: true, step: Duration::from_secs(15) };
    let seen = thread::scope(|scope| {
        let writing = scope.spawn(|| load::write(&stand, &load, &over));
        let seen = watch(&stand, &webhooks, alerts);
        over.store(true, Relaxed);
        writing.join().map_err(|_| anyhow!("the writer panicked"))??;
        seen
    })?;
    let book = webhooks.book();
    let (first, last) = book.span_ms().unwrap_or_default();
    Ok(json!({
        "alerts": alerts,
        "arrived": book.alerts.len(),
        "requests": book.requests,
        "bytes": book.bytes,
        "first_to_last_s": (last - first) as f64 / 1e3,
        "rules_added_to_first_s": (first - seen.added_ms) as f64 / 1e3,
        "evaluated_to_last_s": (last - seen.evaluated_ms) as f64 / 1e3,
        "repeats": book.repeats(),
        "keys_of_two_bodies": book.contradictions,
        "resident_bytes_before": seen.before,
        "resident_bytes_most": seen.most,
        "resident_mib_more": (seen.most - seen.before) / f64::from(1 << 20),
        "cpu_s": seen.cpu_s,
    }))
}

struct Seen {
    before: f64,
    most: f64,
    cpu_s: f64,
    added_ms: i64,
    /// When the rule's evaluation began to take time: the first alert's `startsAt`, where its data were asked for.
    evaluated_ms: i64,
}

/// Adds the rule and waits until all alerts have come.
fn watch(stand: &Stand, webhooks: &Webhooks, alerts: usize) -> Result<Seen> {
    thread::sleep(SETTLED);
    let cpu = || stand.usages().iter().filter(|one| one.0 != "victoria-metrics").map(|one| one.1.cpu_s).sum::<f64>();
    let (before, cpu_before, added_ms) = (stand.resident_bytes(), cpu(), crate::clock::now().millis());
    stand.add_rules("flood.yml", FLOOD)?;
    let (started, mut most) = (Instant::now(), before);
    let mut all_at = None::<Instant>;
    while all_at.is_none_or(|at| at.elapsed() < AFTER) && started.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(100));
        most = most.max(stand.resident_bytes());
        if all_at.is_none() && webhooks.book().alerts.len() >= alerts {
            all_at = Some(Instant::now());
        }
    }
    let behind = if stand.side == Side::Weir { super::evaluation::BEHIND.as_millis() as i64 } else { 0 };
    let starts = webhooks.book().starts_ms().unwrap_or_default();
    Ok(Seen { before, most, cpu_s: cpu() - cpu_before, added_ms, evaluated_ms: starts + behind })
}
