//! At the end everything is well again: what is stored must be what was sent, and nobody may hold more than before.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::Value;

use crate::counting::{Counting, Life};
use crate::process::Held;
use crate::process::within;
use crate::pushing::Pushing;
use crate::site::Site;

/// For queues to drain and spools to empty on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// An account is written a minute after it has changed.
const LEDGER: Duration = Duration::from_secs(150);

/// What each process held when the site was young, by name.
pub(crate) type Young = BTreeMap<String, Held>;

/// What was sent, by all.
pub(crate) struct Sent<'a> {
    pub(crate) pushing: &'a Pushing,
    /// What the simulated agents say in the end.
    pub(crate) fleet: &'a Value,
}

/// Waits until `find` finds nothing wrong; what it has found last.
fn settle(limit: Duration, mut find: impl FnMut() -> Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    within(limit, || {
        found = find();
        found.is_empty().then_some(())
    });
    found
}

/// What is stored otherwise than it was sent.
pub(crate) fn stored(site: &Site, sent: &Sent<'_>) -> Vec<String> {
    settle(PATIENCE, || {
        let mut found = Vec::new();
        for metric in ["soak_by_agent", "soak_straight"] {
            match lives(site, metric) {
                None => found.push(format!("{metric}: no answer")),
                Some(stored) => {
                    let clients = site.counting.iter().filter(|client| client.metric == metric);
                    found.extend(clients.flat_map(|client| wrong_lives(site, client, &stored)));
                }
            }
        }
        found.extend(wrong_sums(site, sent));
        found
    })
}

type Lives = BTreeMap<(String, usize), f64>;

fn lives(site: &Site, metric: &str) -> Option<Lives> {
    // A counter only grows: its largest value is all of it, wherever the clock has put the last window.
    let series = site.sink.series(&format!("sum by (client, life) (max_over_time({metric}[3h]))"))?;
    let life = |labels: &Value| Some((labels["client"].as_str()?.to_owned(), labels["life"].as_str()?.parse().ok()?));
    series.into_iter().map(|(labels, value)| Some((life(&labels)?, value))).collect()
}

fn wrong_lives(site: &Site, client: &Counting, stored: &Lives) -> Vec<String> {
    let name = &client.process.name;
    let wrong = |(number, life): (usize, Life)| {
        let value = stored.get(&(name.clone(), number)).copied().unwrap_or(0.0);
        let right = (life.settled as f64..=life.sent as f64).contains(&value);
        let Life { sent, settled } = life;
        let course = || course(site, &format!("{}{{client=\"{name}\",life=\"{number}\"}}", client.metric));
        let told =
            || format!("{name}, life {number}: {value} lines stored, {settled} settled of {sent} sent; {}", course());
        (!right).then(told)
    };
    client.lives().into_iter().enumerate().filter_map(wrong).collect()
}

/// When a counter that is wrong has grown, and to what: which windows are missing or doubled is found by it.
fn course(site: &Site, series: &str) -> String {
    let Some(samples) = site.sink.samples(&format!("{series}[3h]")) else { return "no answer".into() };
    let told = samples.iter().map(|(time, value)| format!("{value} at {time}"));
    told.collect::<Vec<_>>().join(", ")
}

fn wrong_sums(site: &Site, sent: &Sent<'_>) -> Vec<String> {
    let run = sent.fleet["run"].as_str().unwrap_or_default();
    let fleet = format!("sum(max_over_time(weir_bench_requests_total{{run=\"{run}\"}}[3h]))");
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed) as f64;
    let expected = [
        ("sum(count_over_time(soak_pushed[3h]))", read(&sent.pushing.samples)),
        ("sum(sum_over_time(soak_pushed[3h]))", read(&sent.pushing.sum)),
        (&fleet, sent.fleet["counter_sum"].as_f64().unwrap_or(-1.0)),
    ];
    let wrong = expected.into_iter().filter_map(|(promql, expected)| {
        let stored = site.sink.series(promql).and_then(|series| Some(series.first()?.1));
        (stored != Some(expected)).then(|| format!("{promql}: {stored:?} stored, {expected} acknowledged"))
    });
    wrong.collect()
}

/// What the simulated agents could not deliver, by their own account.
pub(crate) fn fleet(report: &Value) -> Vec<String> {
    let all = report["samples_sent"] == report["samples_acked"] && report["batches_unacked"].as_f64() == Some(0.0);
    let told = || format!("the simulated agents have batches without an ack: {report}");
    if all { Vec::new() } else { vec![told()] }
}

/// Where the ledger's equation does not hold: sealed = received, nothing missing, nothing dropped.
pub(crate) fn ledger(site: &Site) -> Vec<String> {
    let all = "last_over_time({__name__=~\"weir_ledger_(sealed|received|missing|dropped)_batches.*\"}[3h])";
    settle(LEDGER, || {
        let Some(series) = site.sink.series(all) else { return vec!["the ledger: no answer".into()] };
        let mut accounts: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
        for (labels, value) in series {
            let [name, agent, host] = ["__name__", "agent", "host"].map(|name| labels[name].as_str().unwrap_or(""));
            accounts.entry(format!("{host} {agent}")).or_default().insert(name.replace("weir_ledger_", ""), value);
        }
        let equal = |account: &BTreeMap<String, f64>| {
            let of = |name: &str| account.get(name).copied();
            of("sealed_batches_total").is_some()
                && of("sealed_batches_total") == of("received_batches_total")
                && [of("missing_batches"), of("dropped_batches_total")] == [Some(0.0); 2]
        };
        if accounts.is_empty() {
            return vec!["the ledger: no account".into()];
        }
        let wrong = accounts.into_iter().filter(|(_, account)| !equal(account));
        wrong.map(|(agent, account)| format!("ledger of {agent}: {account:?}")).collect()
    })
}

/// What is still failing.
pub(crate) fn health(site: &Site) -> Vec<String> {
    settle(PATIENCE, || {
        let mut found = Vec::new();
        for server in site.servers() {
            match server.get("/readyz") {
                Some((200, text)) if text.trim() == "ready" => {}
                other => found.push(format!("{}: /readyz says {other:?}", server.name)),
            }
            let (_, page) = server.get("/metrics").unwrap_or_default();
            let failing = page.lines().filter(|line| line.starts_with("weir_step_failing{") && !line.ends_with(" 0"));
            found.extend(failing.map(|line| format!("{}: {line}", server.name)));
            if page.lines().any(|line| line == "weir_queue_healthy 0") {
                found.push(format!("{}: weir_queue_healthy 0", server.name));
            }
        }
        for agent in &site.agents {
            // One batch may be on its way at any time.
            if agent.reading("weir_agent_spooled_batches").is_none_or(|waiting| waiting > 3.0) {
                found.push(format!("{}: batches wait in its spool", agent.name));
            }
        }
        found
    })
}

/// Who holds more than when it was young. Blocks and segments are files: some more of them are no leak.
pub(crate) fn leaks(site: &Site, young: &Young) -> Vec<String> {
    settle(Duration::from_secs(20), || {
        let leak = |process: &&std::sync::Arc<crate::process::Process>| {
            let (before, now) = (young.get(&process.name)?, process.held()?);
            // Each start of a sink begins another slab file of the window, which stays open until the window is flushed.
            let files = 40 + process.starts();
            let more = now.threads > before.threads + 3
                || now.descriptors > before.descriptors + files
                || now.resident_mib > MOST_MIB;
            more.then(|| format!("{} holds more than before: {now:?}, was {before:?}", process.name))
        };
        site.processes().iter().filter_map(leak).collect()
    })
}

/// A debug build of any of the programs, with what this site stores.
const MOST_MIB: u64 = 512;

/// What logs must not have.
pub(crate) fn panics(site: &Site) -> Vec<String> {
    let panicked = |log: String| log.lines().find(|line| line.contains("panicked")).map(str::to_owned);
    let told = site
        .processes()
        .into_iter()
        .filter_map(|process| panicked(process.log()).map(|line| format!("{}: {line}", process.name)));
    told.collect()
}
