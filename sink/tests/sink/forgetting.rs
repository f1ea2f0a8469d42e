//! Senders that are silent for long are forgotten, and nothing of theirs is counted twice for it.

use weir_sample::{Series, Value};
use weir_wire::AgentId;

use crate::bench::{AGENT, Bench, counted, end_of};

const OTHER: AgentId = AgentId([2; 16]);
const HOUR: u64 = 360;
const DAY: u64 = 24 * HOUR;

fn job(number: u64) -> AgentId {
    let mut random = [7; 10];
    random[..8].copy_from_slice(&number.to_be_bytes());
    AgentId::of_job(random)
}

/// Somebody else's record, which moves the sink's clock to a window's end.
fn tick(bench: &Bench, seq: u64) {
    bench.append(OTHER, seq, vec![(Series::new("ticks", [("host", "b")]), Value::Counter(1.0))]);
}

fn done(delta: f64) -> Vec<(Series, Value)> {
    vec![(Series::named("jobs_done"), Value::Counter(delta))]
}

#[test]
fn what_was_counted_before_its_agent_was_forgotten_is_not_counted_again() {
    let mut bench = Bench::new();
    (0..3).for_each(|seq| bench.append(AGENT, seq, counted(1.0)));
    tick(&bench, 8 * DAY);
    bench.drain();
    assert_eq!(bench.reading("weir_sink_agents_forgotten_total"), 1.0);
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.crash();
    // It comes back with a new window first, then with what it never got the acks of, then with what it had not sent.
    bench.append(AGENT, 8 * DAY + 1, counted(10.0));
    let later = end_of(8 * DAY + 2);
    (0..3).for_each(|seq| bench.append_at(AGENT, seq, later, counted(1.0)));
    bench.append_at(AGENT, 3, later, counted(100.0));
    bench.drain();
    assert_eq!(bench.last("requests_total"), Some(113.0));
    assert_eq!(bench.reading("weir_sink_dropped_total"), 3.0, "too old to tell");
}

#[test]
fn a_second_life_keeps_its_doubts_across_a_crash() {
    let mut bench = Bench::new();
    bench.append(AGENT, 0, counted(1.0));
    tick(&bench, 8 * DAY);
    bench.append(AGENT, 8 * DAY, counted(2.0));
    bench.drain();
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.crash();
    bench.append_at(AGENT, 0, end_of(9 * DAY), counted(1.0));
    bench.drain();
    assert_eq!(bench.last("requests_total"), Some(3.0));
}

#[test]
fn an_agent_whose_clock_is_ahead_is_remembered_until_its_windows_have_passed() {
    let mut bench = Bench::new();
    bench.append_at(AGENT, 10 * DAY, end_of(0), counted(1.0));
    tick(&bench, 9 * DAY);
    bench.append_at(AGENT, 10 * DAY, end_of(9 * DAY), counted(1.0));
    bench.drain();
    assert_eq!(bench.reading("weir_sink_agents_forgotten_total"), 0.0);
    assert_eq!(bench.last("requests_total"), Some(1.0));
}

#[test]
fn jobs_that_come_and_go_leave_nothing_but_their_sum() {
    let mut bench = Bench::new();
    for number in 0..500 {
        bench.append(job(number), number, done(1.0));
        bench.append(job(number), number, done(1.0));
    }
    tick(&bench, 500 + 2 * HOUR);
    bench.drain();
    assert_eq!(bench.reading("weir_sink_agents_forgotten_total"), 500.0);
    assert_eq!(bench.last("jobs_done"), Some(500.0));
    bench.append_at(job(0), 0, end_of(500 + 2 * HOUR), done(1.0));
    bench.append(job(1_000), 500 + 2 * HOUR, done(1.0));
    tick(&bench, 600 + 2 * HOUR);
    bench.drain();
    assert_eq!(bench.last("jobs_done"), Some(501.0));
    let agents = bench.label_values("agent");
    assert_eq!(agents, [&OTHER.to_string(), "jobs"], "jobs have one account");
    assert_eq!(bench.last_of("weir_ledger_received_batches_total", "jobs"), Some(501.0));
    assert_eq!(bench.last_of("weir_ledger_duplicate_batches_total", "jobs"), Some(500.0));
}
