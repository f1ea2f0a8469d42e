//! Promise: a sink that stands still makes alerts late, not wrong: nothing resolves, nothing fires that does not hold, `for` counts
//! the time of the data, and what rules record has no gap.

use std::time::Duration;

use rustix::process::Signal;
use weir_tests::{Agent, Webhooks, eventually, seconds_now, start_role};

use crate::{PATIENCE, alerts, assert_no_gap, data, first_sample_above, next, write_config, write_rules};

const RULES: &str = "      - {record: 'jobs:waiting:sum', expr: sum(jobs_waiting)}
      - {alert: Steady, expr: jobs_steady == 1}
      - {alert: Gone, expr: absent(jobs_steady)}
      - {alert: Breach, expr: jobs_waiting > 100, for: 4s}
      - {alert: Short, expr: jobs_short > 100, for: 4s}
";

#[test]
fn a_sink_that_stands_still_resolves_nothing_and_invents_nothing() {
    let seconds = std::env::var("WEIR_ALERT_STALL_SECONDS").map_or(15, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir().unwrap();
    let (webhooks, heartbeats) = (Webhooks::listen(), Webhooks::listen());
    write_config(folder.path(), webhooks.address, heartbeats.address);
    write_rules(folder.path(), RULES);
    // No bound on how far the sink may be behind: agents are not held up, and load goes on.
    let config = folder.path().join("weir.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("[sink]\nlateness_s = 1\n[queue]\nmax_behind_s = 0\n{text}")).unwrap();
    let gateway = start_role(folder.path(), "gateway", "gateway", &[]);
    let sink = start_role(folder.path(), "sink", "sink", &[]);
    let keys = folder.path().join("fleet.keys");
    let agent = Agent::start(folder.path(), &gateway.ports.batch.to_string(), &keys, &["--host", "a"]);
    agent.emit("jobs.steady:1|g\njobs.waiting:50|g\njobs.short:50|g", 1);
    next(&webhooks, "Steady", "firing");
    eventually("nothing else to fire", PATIENCE, || (alerts(&sink)? == ["Steady firing"]).then_some(()));
    eventually("some evaluations", PATIENCE, || sink.number("count_over_time(jobs:waiting:sum[1m]) > 3"));

    sink.program.signal(Signal::STOP);
    let stopped = seconds_now();
    let part = Duration::from_secs(seconds).div_f64(3.0);
    std::thread::sleep(part);
    // One lasts; the other is over before its four seconds are.
    agent.emit("jobs.waiting:150|g\njobs.short:150|g", 1);
    std::thread::sleep(Duration::from_millis(2_100));
    agent.emit("jobs.short:50|g", 1);
    std::thread::sleep(part * 2);
    sink.program.signal(Signal::CONT);
    let went_on = seconds_now();

    let fired = next(&webhooks, "Breach", "firing");
    assert!(fired.at > went_on, "before the sink went on");
    let breach = first_sample_above(&sink, 100.0);
    assert!((stopped..went_on).contains(&breach), "{stopped} {breach} {went_on}");
    let history = data(&sink, "/api/v1/alerts/history").unwrap();
    // Before the first sample came, `Gone` was right to fire.
    let since = |entry: &&serde_json::Value| entry["at_ms"].as_f64().is_some_and(|at| at > stopped * 1e3);
    let states = history["states"].as_array().unwrap().iter().filter(since);
    let states: Vec<_> = states.map(|entry| entry.to_string()).collect();
    let of = |alert: &str, what: &str| {
        let is_it = |text: &&String| text.contains(&format!("\"{alert}\"")) && text.contains(&format!("\"{what}\""));
        states.iter().filter(is_it).cloned().collect::<Vec<_>>()
    };
    assert_eq!((of("Steady", "resolved").len(), of("Steady", "firing").len()), (0, 0), "{states:#?}");
    assert_eq!((of("Gone", "pending").len(), of("Gone", "firing").len()), (0, 0), "{states:#?}");
    assert_eq!((of("Short", "pending").len(), of("Short", "firing").len()), (1, 0), "{states:#?}");
    let at = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["at_ms"].as_f64().unwrap() / 1e3;
    let (pending, firing) = (at(&of("Breach", "pending")[0]), at(&of("Breach", "firing")[0]));
    assert!((0.0..1.0).contains(&(pending - breach)), "pending at {pending}, the breach at {breach}");
    assert!((firing - pending - 4.0).abs() < 1e-3, "`for` is 4 s of data: {pending} {firing}");
    let now = alerts(&sink).unwrap();
    assert!(now.contains(&"Steady firing".to_owned()) && now.contains(&"Breach firing".to_owned()), "{now:?}");
    while let Some(other) = webhooks.next(Duration::from_secs(2)) {
        assert!(other.is_about("Gone", "resolved"), "{other:?}");
    }
    assert_no_gap(&sink);
}
