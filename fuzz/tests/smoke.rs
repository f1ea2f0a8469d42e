//! Ten seconds for each target, or `WEIR_FUZZ_SECONDS`; the same inputs in the same order every time.

use std::time::Duration;

use weir_fuzz::{batch, datagram, driver::drive, families, frame, histogram, promql, protocols, segment, statsd, text};

fn budget() -> Duration {
    let seconds = std::env::var("WEIR_FUZZ_SECONDS").ok().map(|text| text.parse().expect("WEIR_FUZZ_SECONDS: seconds"));
    Duration::from_secs(seconds.unwrap_or(10))
}

fn smoke(name: &str, seeds: Vec<Vec<u8>>, run: fn(&[u8])) {
    let tried = drive(name, seeds, run, budget());
    println!("{name}: {tried} inputs");
    assert!(tried > 100, "{tried} inputs only: too slow to find anything");
}

#[test]
fn datagrams() {
    smoke("datagram", datagram::seeds(), datagram::run);
}

#[test]
fn batches() {
    smoke("batch", batch::seeds(), batch::run);
}

#[test]
fn histograms() {
    smoke("histogram", histogram::seeds(), histogram::run);
}

#[test]
fn queries() {
    smoke("promql", promql::seeds(), promql::run);
}

#[test]
fn stream_frames() {
    smoke("frame", frame::seeds(), frame::run);
}

#[test]
fn families_of_endpoints() {
    smoke("families", families::seeds(), families::run);
}

#[test]
fn protocols_of_other_systems() {
    smoke("protocols", protocols::seeds(), protocols::run);
}

#[test]
fn statsd_lines() {
    smoke("statsd", statsd::seeds(), statsd::run);
}

#[test]
fn lines_of_text() {
    smoke("text", text::seeds(), text::run);
}

#[test]
fn queue_segments() {
    smoke("segment", segment::seeds(), segment::run);
}
