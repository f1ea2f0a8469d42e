//! A site under random faults, and every counter compared at the end.
//!
//! Agents, simulated agents, StatsD straight to gateways, remote write and queries run beside kills, stops, full disks,
//! failing syncs and writes, set clocks, and lost, doubled and damaged datagrams; half of the time with roles apart, half
//! with `weir up`, or all of it with one of them by `WEIR_SOAK_LAYOUT=roles` or `up`. It prints a line per fault and a JSON
//! object, and exits with 1 if a single figure differs. `make soak SECONDS=600 SEED=7` runs it; without `WEIR_SOAK_SECONDS`
//! it is the short run of `make test`.

mod compare;
mod counting;
mod faults;
mod process;
mod pushing;
mod site;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::{Chance, eventually};

use compare::{Sent, Young};
use faults::Faults;
use pushing::Pushing;
use site::{Layout, Site};

/// Shorter runs have roles apart only, and do not wait for the ledger, whose accounts are written a minute after they change.
const LONG_S: u64 = 120;

fn main() {
    // `cargo test NAME` runs every test program with the name.
    if std::env::args().nth(1).is_some_and(|filter| !filter.starts_with('-') && !"soak".contains(&filter)) {
        return;
    }
    let (seconds, seed) = (from_environment("WEIR_SOAK_SECONDS", 25), from_environment("WEIR_SOAK_SEED", 7));
    let mut differences = Vec::new();
    let mut turns = Vec::new();
    let layouts: &[Layout] = match std::env::var("WEIR_SOAK_LAYOUT").as_deref() {
        Ok("up") => &[Layout::Up],
        Ok("roles") => &[Layout::Roles],
        _ if seconds < LONG_S => &[Layout::Roles],
        _ => &[Layout::Roles, Layout::Up],
    };
    let share = seconds / layouts.len() as u64;
    for layout in layouts {
        let folder = tempfile::Builder::new().prefix("weir-soak-").tempdir().unwrap();
        println!("-- {layout:?}, seed {seed}, {share} s");
        let (figures, found) = turn(folder.path(), *layout, share, Chance::new(seed * 2 + *layout as u64));
        found.iter().for_each(|difference| println!("DIFFERENCE  {difference}"));
        if !found.is_empty() {
            println!("what is left of it stays in {}", folder.keep().display());
        }
        differences.extend(found);
        turns.push(figures);
    }
    let again = format!("make soak SECONDS={seconds} SEED={seed}");
    println!(
        "{}",
        json!({"seconds": seconds, "seed": seed, "turns": turns, "differences": differences, "again": again})
    );
    if !differences.is_empty() {
        std::process::exit(1);
    }
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// One site from its start to its end: figures, and what differs.
fn turn(folder: &Path, layout: Layout, seconds: u64, mut chance: Chance) -> (Value, Vec<String>) {
    let site = Site::start(folder, layout, &mut chance);
    sleep(Duration::from_secs(3));
    let young: Young = site.processes().iter().filter_map(|it| Some((it.name.clone(), it.held()?))).collect();
    let mut fleet = site.fleet(seconds);
    let (over, pushing, answers, peak_mib) =
        (AtomicBool::new(false), Pushing::default(), AtomicU64::new(0), AtomicU64::new(0));
    let mut faults = Faults::new(&site, layout, Chance::new(chance.below(u64::MAX)));
    let mut found = std::thread::scope(|scope| {
        for client in &site.counting {
            let seed = chance.below(u64::MAX);
            let over = &over;
            scope.spawn(move || client.run(seed, over));
        }
        scope.spawn(|| pushing.run(&site, &over));
        let asking = scope.spawn(|| ask(&site, &over, &answers));
        faults.run(Duration::from_secs(seconds), || {
            let most = site.processes().iter().filter_map(|it| Some(it.held()?.resident_mib)).max();
            peak_mib.fetch_max(most.unwrap_or(0), Relaxed);
        });
        over.store(true, Relaxed);
        asking.join().unwrap()
    });
    eventually("the simulated agents to end", Duration::from_secs(330), || fleet.program.ended());
    let report = fleet.report();
    let sent = Sent { pushing: &pushing, fleet: &report };
    found.extend(site.counting.iter().flat_map(counting::Counting::faults));
    found.extend(pushing.faults.lock().unwrap().clone());
    found.extend(compare::health(&site));
    found.extend(compare::fleet(&report));
    found.extend(compare::stored(&site, &sent));
    if 2 * seconds >= LONG_S {
        found.extend(compare::ledger(&site));
    }
    found.extend(compare::leaks(&site, &young));
    faults.supervise();
    let (begun, fallen) = (std::mem::take(&mut faults.begun), std::mem::take(&mut faults.fallen));
    found.extend(fallen.iter().filter(|it| !it.contains("exit status: 1)")).cloned());
    found.extend(stop_and_look_again(&site, &sent));
    found.extend(compare::panics(&site));
    let (lines, settled) = site
        .counting
        .iter()
        .flat_map(counting::Counting::lives)
        .fold((0, 0), |(sent, settled), life| (sent + life.sent, settled + life.settled));
    let logs: String = site.processes().iter().map(|process| process.log()).collect();
    let told = |what: &str| logs.matches(what).count();
    let figures = json!({
        "layout": format!("{layout:?}"),
        "faults": begun,
        "recoveries": told("works again"),
        "clock_steps": told("the clock was set"),
        "ended_by_themselves": fallen,
        "lines_sent": lines,
        "lines_settled": settled,
        "remote_write_samples": pushing.samples.load(Relaxed),
        "remote_write_repeats": pushing.repeats.load(Relaxed),
        "simulated_samples": report["samples_acked"],
        "simulated_resent": report["batches_resent"],
        "simulated_drain_s": report["elapsed_s"].as_f64().unwrap_or(0.0) - seconds as f64,
        "datagrams_lost": site.datagrams_lost(),
        "answers": answers.load(Relaxed),
        "peak_mib": peak_mib.load(Relaxed),
    });
    (figures, found)
}

/// Questions of different kinds, each allowed to fail as long as it says so as it should.
fn ask(site: &Site, over: &AtomicBool, answers: &AtomicU64) -> Vec<String> {
    let questions = [
        "sum(rate(weir_bench_requests_total[1m]))",
        "sum by (client) (soak_by_agent)",
        "count_over_time(soak_pushed[5m])",
        "topk(3, max_over_time(soak_straight[10m]))",
        "max_over_time(sum(rate(soak_by_agent[30s]))[5m:10s])",
    ];
    let mut wrong = Vec::new();
    for question in questions.iter().cycle() {
        if over.load(Relaxed) || wrong.len() > 5 {
            break;
        }
        let encoded: String = question.bytes().map(|byte| format!("%{byte:02X}")).collect();
        match site.sink.get(&format!("/api/v1/query?query={encoded}")) {
            Some((200, _)) => drop(answers.fetch_add(1, Relaxed)),
            None | Some((503 | 429, _)) => {}
            Some((status, text)) => wrong.push(format!("{question} is answered {status}: {text}")),
        }
        sleep(Duration::from_millis(300));
    }
    wrong
}

/// Ends agents and gateways, kills the sink, lets it read on, and compares again: what was on its way, sent twice or read
/// twice must have changed nothing.
fn stop_and_look_again(site: &Site, sent: &Sent<'_>) -> Vec<String> {
    let limit = Duration::from_secs(60);
    let mut found = Vec::new();
    let mut stop = |process: &process::Process| {
        let began = Instant::now();
        match process.stop(limit) {
            Some(status) if status.success() => {}
            other => found.push(format!("{}: SIGTERM, {other:?} after {:?}", process.name, began.elapsed())),
        }
    };
    let apart = site.gateways.iter().filter(|gateway| gateway.name != site.sink.name);
    site.agents.iter().chain(apart).for_each(|process| stop(process));
    site.sink.kill();
    site.sink.start_again();
    found.extend(compare::stored(site, sent));
    match site.sink.stop(limit) {
        Some(status) if status.success() => {}
        other => found.push(format!("{}: SIGTERM, {other:?}", site.sink.name)),
    }
    found
}
