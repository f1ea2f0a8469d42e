//! What collectors bring: each window of a target is stored once and whole, whoever brings it.

use weir_queue::RecordKind;
use weir_sample::{Kind, Timestamp};
use weir_sink::{Labels, Outcome, Scrape, ScrapeWriter};
use weir_wire::AgentId;

use crate::bench::{Bench, START};

const TARGET: AgentId = AgentId([9; 16]);

/// A collector's look that was due then.
fn look(bench: &Bench, due: i64, outcome: Outcome, samples: &[(&str, Kind, f64)]) {
    let (mut labels, mut writer, mut own) = (Labels::default(), ScrapeWriter::default(), Vec::new());
    let time = Timestamp::from_secs(START + due);
    for (name, kind, value) in samples {
        let pairs = [labels.metric(b"", name, *kind), labels.label(b"", "instance", "db:9100")];
        let kind = labels.series(&pairs, &mut own).unwrap();
        writer.push(&labels, &own, kind, (time.millis(), *value));
    }
    let payload = writer.finish(Scrape { time, interval_ms: 15_000, outcome }).unwrap();
    bench.append_record(RecordKind::Scrape, TARGET, &payload);
}

#[test]
fn two_collectors_and_a_crash_store_a_window_once_and_whole() {
    let mut bench = Bench::new();
    let both = |due: i64, first: f64, second: f64| {
        look(&bench, due, Outcome::Seen, &[("jobs_total", Kind::Counter, first), ("a", Kind::Gauge, first)]);
        // The other came a little later: its values are others, and so are its series.
        look(&bench, due, Outcome::Seen, &[("jobs_total", Kind::Counter, second), ("b", Kind::Gauge, second)]);
    };
    both(3, 5.0, 6.0);
    both(18, 7.0, 8.0);
    bench.drain();
    bench.sink.checkpoint().unwrap();
    look(&bench, 18, Outcome::Seen, &[("jobs_total", Kind::Counter, 9.0), ("b", Kind::Gauge, 9.0)]);
    look(&bench, 33, Outcome::Seen, &[("jobs_total", Kind::Counter, 9.0)]);
    bench.drain();
    let mut bench = bench.crash();
    bench.drain();
    assert_eq!(bench.samples("jobs_total"), (vec![3, 18, 33], vec![5.0, 7.0, 9.0]));
    assert_eq!(bench.samples("a"), (vec![3, 18], vec![5.0, 7.0]));
    assert_eq!(bench.samples("b"), (vec![], vec![]), "of the second nothing is stored");
}

#[test]
fn a_collector_that_reached_the_target_stands_over_one_that_did_not() {
    let mut bench = Bench::new();
    look(&bench, 3, Outcome::Failed, &[("up", Kind::Gauge, 0.0)]);
    look(&bench, 3, Outcome::Seen, &[("up", Kind::Gauge, 1.0)]);
    look(&bench, 18, Outcome::Seen, &[("up", Kind::Gauge, 1.0)]);
    look(&bench, 18, Outcome::Failed, &[("up", Kind::Gauge, 0.0)]);
    bench.drain();
    assert_eq!(bench.samples("up"), (vec![3, 18], vec![1.0, 1.0]));
}
