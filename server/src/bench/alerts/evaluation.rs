//! What rules cost: as many as are wanted, over series that are written as often as the rules are evaluated.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::args::{AlertsArgs, percentile};
use super::load::{self, Load};
use super::rules::{PER_HOST, mixed, routes};
use super::stand::{Side, Stand};
use super::webhooks::Webhooks;
use crate::clock::now;

/// Rules are read, series made and the first rounds over by then.
const SETTLED: Duration = Duration::from_secs(75);
/// Where nobody sends in windows, rules are evaluated so far behind the clock.
pub(super) const BEHIND: Duration = Duration::from_secs(30);

/// What was counted at one time.
struct Mark {
    at: Instant,
    evaluator_cpu_s: f64,
    all_cpu_s: f64,
    evaluations: f64,
    missed: f64,
}

pub(super) fn measure(args: &AlertsArgs, side: Side) -> Result<Value> {
    let (webhooks, hosts) = (Webhooks::listen()?, args.rules.div_ceil(PER_HOST));
    let (rules, interval) = (mixed(hosts, args.interval.as_secs()), args.interval);
    let stand = Stand::start(side, &routes(&webhooks.url, "alertname", "1s"), &rules)?;
    let over = AtomicBool::new(false);
    let series = args.series.div_ceil(hosts) * hosts;
    let load = Load { series, per_host: series / hosts, one_metric: false, step: interval };
    let (first, last, mut lags) = thread::scope(|scope| {
        let writing = scope.spawn(|| load::write(&stand, &load, &over));
        let watched = watch(&stand, args.duration);
        over.store(true, Relaxed);
        writing.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
        watched
    })?;
    let seconds = (last.at - first.at).as_secs_f64();
    let rounds = seconds / interval.as_secs_f64();
    let share = (last.evaluator_cpu_s - first.evaluator_cpu_s) / seconds;
    let of_all = (last.all_cpu_s - first.all_cpu_s) / seconds;
    Ok(json!({
        "rules": hosts * PER_HOST,
        "series": load.series,
        "interval_s": interval.as_secs(),
        "rounds": rounds,
        "evaluator_cores": share,
        "evaluator_cpu_s_per_round": share * interval.as_secs_f64(),
        "all_programs_cores": of_all,
        "evaluations_of_groups": last.evaluations - first.evaluations,
        "missed": last.missed - first.missed,
        "lag_s_p50": percentile(&mut lags, 0.5),
        "lag_s_max": percentile(&mut lags, 1.0),
        "evaluator_failing_rules": stand.reading(evaluator(side), failing(side))?,
        "resident_bytes": stand.resident_bytes(),
        "alerts_told": webhooks.book().alerts.len(),
    }))
}

/// Counts at the beginning and the end, and how far the slowest group was behind every half second.
fn watch(stand: &Stand, duration: Duration) -> Result<(Mark, Mark, Vec<f64>)> {
    thread::sleep(SETTLED);
    let (first, mut lags) = (mark(stand)?, Vec::new());
    while first.at.elapsed() < duration {
        thread::sleep(Duration::from_millis(500));
        if stand.side == Side::Weir {
            let to = stand.reading("weir", "weir_alert_evaluated_to_timestamp_seconds ")?;
            let to = (to > 0.0).then_some(to).context("nothing was evaluated yet")?;
            lags.push(now().as_secs_f64() - BEHIND.as_secs_f64() - to);
        }
    }
    Ok((first, mark(stand)?, lags))
}

fn mark(stand: &Stand) -> Result<Mark> {
    let all_cpu_s = stand.usages().iter().map(|(_, usage)| usage.cpu_s).sum();
    let at = Instant::now();
    Ok(match stand.side {
        Side::Weir => Mark {
            at,
            evaluator_cpu_s: stand.reading("weir", "weir_thread_cpu_seconds_total{thread=\"weir-alerting\"}")?,
            all_cpu_s,
            evaluations: stand.reading("weir", "weir_alert_evaluations_total ")?,
            missed: stand.reading("weir", "weir_alert_skipped_evaluations_total ")?,
        },
        Side::Peer => Mark {
            at,
            evaluator_cpu_s: stand.usages().iter().find(|(name, _)| *name == "vmalert").map_or(0.0, |one| one.1.cpu_s),
            all_cpu_s,
            evaluations: stand.reading("vmalert", "vmalert_iteration_total")?,
            missed: stand.reading("vmalert", "vmalert_iteration_missed_total")?,
        },
    })
}

fn evaluator(side: Side) -> &'static str {
    if side == Side::Weir { "weir" } else { "vmalert" }
}

fn failing(side: Side) -> &'static str {
    if side == Side::Weir { "weir_alert_failing_rules " } else { "vmalert_alerting_rules_error" }
}
