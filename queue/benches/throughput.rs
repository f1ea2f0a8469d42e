//! Append, commit and read rates on the disk under `TMPDIR`: `cargo bench -p weir-queue`.

use std::time::{Duration, Instant};

use weir_queue::{Checkpoint, Error, Log, LogConfig, Reader, Record, RecordKind};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

const RECORDS: u64 = 500_000;
const GROUP: usize = 64;
const PAYLOAD: [u8; 500] = [0x5A; 500];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = tempfile::tempdir()?;
    let log = Log::open(root.path(), "bench", LogConfig::default())?;
    let records: Vec<_> = (0..GROUP as u64).map(record).collect();

    let started = Instant::now();
    let mut appending = Duration::ZERO;
    let mut last = None;
    for _ in 0..RECORDS / GROUP as u64 {
        let before = Instant::now();
        last = Some(append(&log, &records)?);
        appending += before.elapsed();
    }
    last.map_or(Ok(()), |position| log.wait_durable(position))?;
    report("append until durable", started.elapsed());
    report("append alone (with waits for the disk)", appending);

    let mut reader = Reader::open(root.path(), "bench", &Checkpoint::default())?;
    let started = Instant::now();
    let mut bytes = 0;
    while reader.poll(1 << 20, |record, _| bytes += record.payload.len())?.records > 0 {}
    report("read", started.elapsed());
    assert_eq!(bytes as u64, RECORDS / GROUP as u64 * GROUP as u64 * PAYLOAD.len() as u64);

    let started = Instant::now();
    for at in 0..200 {
        log.wait_durable(log.append(&[record(at)])?)?;
    }
    println!("one record until durable, one at a time: {:?}", started.elapsed() / 200);
    for reading in log.readings().iter().filter(|reading| reading.series.name() == "weir_queue_sync_seconds") {
        println!("{} {:.6}", reading.series, reading.value);
    }
    Ok(())
}

/// Waits while the disk is behind, as a gateway would not.
fn append(log: &Log, records: &[Record<'_>]) -> Result<weir_queue::Position, Error> {
    loop {
        match log.append(records) {
            Err(Error::Busy) => std::thread::sleep(Duration::from_millis(1)),
            done => return done,
        }
    }
}

fn record(seq: u64) -> Record<'static> {
    Record {
        kind: RecordKind::Batch,
        lane: weir_queue::Lane::Normal,
        tenant: 0,
        agent: AgentId([1; 16]),
        epoch: Epoch(1),
        seq,
        received: Timestamp(seq as i64),
        payload: &PAYLOAD,
    }
}

fn report(what: &str, took: Duration) {
    let rate = RECORDS as f64 / took.as_secs_f64();
    println!("{what}: {:.0} records/s, {:.0} ns each", rate, 1e9 / rate);
}
