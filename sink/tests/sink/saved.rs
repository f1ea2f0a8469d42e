//! What the program before kinds of records has left on disk is read by this one. `tests/saved` has a queue of it, with
//! a grant and a batch that its sink had read, the state which that sink saved, and then a grant to another agent, a batch
//! of each, and two samples of remote write.

use std::fs;
use std::path::Path;

use weir_queue::RecordKind;
use weir_sample::{Series, Timestamp, Value, Window};
use weir_wire::{Batch, Encoder, Totals};

use crate::bench::{AGENT, Bench, counted};

const SAVED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/saved");

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A sink on the older queue, which starts from this state.
fn bench(state: &[u8]) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(SAVED).join("queue/gateway"), &folder.path().join("queue/gateway"));
    Bench::with(folder, state)
}

fn assert_second_part(bench: &Bench) {
    assert_eq!(bench.label_values("team"), ["blue", "red"]);
    assert_eq!(bench.samples("jobs_total"), (vec![10, 20], vec![5.0, 7.0]));
    assert_eq!(bench.reading("weir_sink_dropped_total"), 0.0);
}

#[test]
fn batches_grants_and_samples_of_older_frames_are_read_as_what_they_are() {
    let mut bench = bench(b"");
    bench.drain();
    assert_second_part(&bench);
    assert_eq!(bench.reading("weir_sink_batches_total"), 3.0);
    // Of agent 1, whose grant is one series, the other folds.
    assert_eq!(bench.label_values("__overflow__"), ["true"]);
    assert_eq!(bench.reading("weir_sink_folded_samples_total"), 2.0);
}

#[test]
fn a_grant_in_the_state_of_an_older_sink_holds() {
    let mut bench = bench(&fs::read(Path::new(SAVED).join("state")).unwrap());
    bench.drain();
    assert_second_part(&bench);
    assert_eq!(bench.reading("weir_sink_batches_total"), 2.0);
    assert_eq!(bench.reading("weir_sink_folded_samples_total"), 1.0);
}

#[test]
fn a_batch_that_looks_like_an_older_grant_grants_nothing() {
    let mut bench = Bench::new();
    let points = vec![(Series::new("weir_grant", [("team", "admin")]), Value::Gauge(f64::INFINITY))];
    let batch = Batch { window: Window::ending(Timestamp(0), 1), totals: Totals::default(), points };
    let payload = Encoder::new().encode(&batch, usize::MAX).0.remove(0);
    bench.append_record(RecordKind::Batch, AGENT, &payload);
    bench.append(AGENT, 1, counted(1.0));
    bench.drain();
    assert_eq!(bench.label_values("team"), [""; 0]);
    assert_eq!(bench.last("requests_total"), Some(1.0));
}
