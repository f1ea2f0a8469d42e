//! How far the data of all who send have been applied, and who is up.

use weir_sample::{Series, Timestamp, Value};
use weir_wire::AgentId;

use crate::bench::{AGENT, Bench, START, counted, end_of};

const OTHER: AgentId = AgentId([2; 16]);

fn step(bench: &mut Bench, now: Timestamp) {
    bench.log.flush().unwrap();
    while bench.sink.step(now).unwrap() > 0 {}
}

fn watermark(bench: &Bench) -> i64 {
    bench.reading("weir_sink_watermark_timestamp_seconds") as i64 - START
}

#[test]
fn the_watermark_waits_for_whole_windows_and_survives_a_crash() {
    let mut bench = Bench::new();
    for agent in [AGENT, OTHER] {
        (0..2).for_each(|seq| bench.append(agent, seq, counted(1.0)));
    }
    bench.append(AGENT, 2, counted(1.0));
    step(&mut bench, end_of(2));
    assert_eq!(watermark(&bench), 20, "the other is at its second window");
    // A number is missing of the third.
    bench.append(OTHER, 3, counted(1.0));
    step(&mut bench, end_of(3));
    assert_eq!(watermark(&bench), 20);
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.crash();
    step(&mut bench, end_of(3));
    assert_eq!(watermark(&bench), 20);
    bench.append(OTHER, 2, counted(1.0));
    bench.append(OTHER, 4, counted(1.0));
    bench.append(AGENT, 3, counted(1.0));
    step(&mut bench, end_of(4));
    assert_eq!(watermark(&bench), 40);
}

#[test]
fn silence_is_told_from_a_goodbye() {
    let last_window = |mut points: Vec<(Series, Value)>| {
        points.push((Series::new("weir_agent_goodbye", [("host", "a")]), Value::Gauge(1.0)));
        points
    };
    let up = |says_goodbye: bool| {
        let mut bench = Bench::new();
        bench.append(AGENT, 0, counted(1.0));
        step(&mut bench, end_of(0));
        assert_eq!(bench.last("weir_agent_up"), Some(1.0));
        bench.append(AGENT, 1, if says_goodbye { last_window(counted(1.0)) } else { counted(1.0) });
        (1..60).for_each(|second| step(&mut bench, Timestamp::from_secs(START + 20 + second)));
        bench.last("weir_agent_up").unwrap()
    };
    assert_eq!(up(false), 0.0);
    assert_eq!(up(true).to_bits(), 0x7ff0_0000_0000_0002, "the series ends");
}

#[test]
fn a_clock_that_was_ahead_and_is_set_back_holds_nothing_up() {
    let mut bench = Bench::new();
    let run = |bench: &mut Bench, from: i64, to: i64| {
        (from..=to).for_each(|second| step(bench, Timestamp::from_secs(START + second)));
    };
    let shared = || vec![(Series::named("shared_done"), Value::Counter(1.0))];
    bench.append(AGENT, 0, [counted(1.0), shared()].concat());
    run(&mut bench, 11, 15);
    // Ten minutes ahead, with a window of that time, which is closed.
    bench.append(OTHER, 60, shared());
    run(&mut bench, 620, 700);
    assert_eq!(bench.samples("shared_done").0.last(), Some(&610));
    bench.append(AGENT, 1, [counted(1.0), shared()].concat());
    run(&mut bench, 21, 25);
    assert!((20..=21).contains(&watermark(&bench)), "{}", watermark(&bench));
    let name = AGENT.to_string();
    let (up, _) = bench.samples_of(&Series::new("weir_agent_up", [("agent", name.as_str()), ("host", "a")]));
    assert!(up.iter().any(|second| (21..=25).contains(second)), "{up:?}");
    run(&mut bench, 26, 60);
    assert_eq!(bench.last("shared_done"), Some(3.0));
    assert_eq!(bench.reading("weir_sink_late_parts_total"), 0.0);
}
