//! The power goes at any moment, the disk fails at any operation: what was said to be durable is read again, in order,
//! each record once, and no position ever means two records.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use weir_files::fault::{Disk, Fault};
use weir_queue::{Checkpoint, Lane, Log, LogConfig, Position, Reader, Record, RecordKind};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

const WRITERS: [&str; 2] = ["a", "b"];

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many records to a writer's log, then the wait for them.
    Append(usize, u64),
    /// The same without the wait.
    AppendOnly(usize, u64),
    Read,
    /// The consumer makes its checkpoint durable and lets the queue forget.
    Forget,
    /// From here on the disk takes so many operations.
    Fail(u64, bool),
    Heal,
    /// A writer is closed and opened again.
    Restart(usize),
    /// The power goes; this part of what was not synced had reached the disk.
    Crash(f64),
}

fn step() -> impl Strategy<Value = Step> {
    let writer = 0..WRITERS.len();
    prop_oneof![
        6 => (writer.clone(), 1..6u64).prop_map(|(writer, count)| Step::Append(writer, count)),
        2 => (writer.clone(), 1..6u64).prop_map(|(writer, count)| Step::AppendOnly(writer, count)),
        3 => Just(Step::Read),
        2 => Just(Step::Forget),
        2 => (0..8u64, any::<bool>()).prop_map(|(operations, full)| Step::Fail(operations, full)),
        2 => Just(Step::Heal),
        1 => writer.prop_map(Step::Restart),
        2 => prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64].prop_map(Step::Crash),
    ]
}

/// A queue, its one consumer, and what must be true of them.
struct Model {
    root: tempfile::TempDir,
    disk: Disk,
    logs: Vec<Option<Log>>,
    reader: Option<Reader>,
    /// The consumer's own durable state.
    saved: Checkpoint,
    /// Numbers of records by log and position, from the answers to appends.
    appended: BTreeMap<(usize, Position), u64>,
    /// Those that the logs as they are open now have not settled: another life of a log knows nothing of them.
    unsettled: BTreeSet<(usize, Position)>,
    /// Those that were said to be durable.
    durable: BTreeSet<(usize, Position)>,
    /// What was read since the reader was opened.
    read: BTreeSet<(usize, Position)>,
    next: u64,
}

impl Model {
    fn new() -> Self {
        // Memory where there is some: the disk is a model anyway.
        let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let disk = Disk::under(root.path());
        let (logs, reader) = (vec![None, None], None);
        let (saved, appended, durable) = (Checkpoint::default(), BTreeMap::new(), BTreeSet::new());
        let (unsettled, read) = (BTreeSet::new(), BTreeSet::new());
        let mut model = Self { root, disk, logs, reader, saved, appended, unsettled, durable, read, next: 0 };
        model.open();
        model
    }

    fn queue(&self) -> PathBuf {
        self.root.path().join("queue")
    }

    /// Opens what is not open; a disk that fails may keep it from being so.
    fn open(&mut self) {
        let queue = self.queue();
        for (log, writer) in self.logs.iter_mut().zip(WRITERS) {
            if log.is_none() {
                *log = Log::open(&queue, writer, config()).ok();
            }
        }
        if self.reader.is_none() {
            self.reader = Reader::open(&queue, "sink", &self.saved).ok();
            self.read.clear();
        }
    }

    /// Appends one record after the other, so that the position of each is known.
    fn append(&mut self, writer: usize, count: u64) -> Option<Position> {
        let log = self.logs[writer].as_ref()?;
        let mut last = None;
        for _ in 0..count {
            let payload = payload(self.next);
            let Ok(position) = log.append(&[record(writer, self.next, &payload)]) else { break };
            let before = self.appended.insert((writer, position), self.next);
            assert_eq!(before, None, "{position:?} was given twice");
            self.unsettled.insert((writer, position));
            self.next += 1;
            last = Some(position);
        }
        last
    }

    fn wait(&mut self, writer: usize, position: Position) {
        if self.logs[writer].as_ref().is_some_and(|log| log.wait_durable(position).is_ok()) {
            self.mark(writer);
        }
    }

    /// Learns which records the log says are durable.
    fn mark(&mut self, writer: usize) {
        let Some(log) = &self.logs[writer] else { return };
        let said = |key: &(usize, Position)| key.0 == writer && matches!(log.durable(key.1), Some(Ok(())));
        self.durable.extend(self.unsettled.extract_if(.., said));
    }

    /// Ends a log's life.
    fn close(&mut self, writer: usize) {
        self.mark(writer);
        self.logs[writer] = None;
        self.unsettled.retain(|(of, _)| *of != writer);
    }

    fn read(&mut self) -> bool {
        let Some(reader) = &mut self.reader else { return false };
        let (appended, read) = (&self.appended, &mut self.read);
        let outcome = reader.poll(usize::MAX, |record, position| {
            let writer = usize::from(record.agent.0[0]);
            assert_eq!(appended.get(&(writer, position)), Some(&record.seq), "not what was appended at {position:?}");
            assert_eq!(record.payload, payload(record.seq));
            let newest = read.range(..(writer + 1, Position::default())).next_back().filter(|(of, _)| *of == writer);
            assert!(newest.is_none_or(|(_, before)| *before < position), "{position:?} after {newest:?}");
            read.insert((writer, position));
        });
        outcome.is_ok_and(|polled| polled.records > 0)
    }

    fn forget(&mut self) {
        if let Some(reader) = &mut self.reader {
            let checkpoint = reader.checkpoint();
            self.saved = checkpoint.clone();
            let _ = reader.forget(&checkpoint);
        }
    }

    fn crash(&mut self, part: f64) {
        self.disk.fail_after(0, Fault::Broken);
        (0..WRITERS.len()).for_each(|writer| self.close(writer));
        self.reader = None;
        self.disk.crash_keeping(part);
        self.open();
        self.check();
    }

    /// Everything durable that the consumer had not passed is read by one that starts where it stood.
    fn check(&mut self) {
        self.disk.heal();
        self.reader = None;
        self.open();
        while self.read() {}
        for (writer, position) in &self.durable {
            let passed = self.saved.position(WRITERS[*writer]).is_some_and(|saved| saved >= *position);
            assert!(passed || self.read.contains(&(*writer, *position)), "{writer} {position:?} is lost");
        }
    }

    fn go(&mut self, step: Step) {
        match step {
            Step::Append(writer, count) => {
                if let Some(position) = self.append(writer, count) {
                    self.wait(writer, position);
                }
            }
            Step::AppendOnly(writer, count) => drop(self.append(writer, count)),
            Step::Read => drop(self.read()),
            Step::Forget => self.forget(),
            Step::Fail(operations, full) => {
                self.disk.fail_after(operations, if full { Fault::NoSpace } else { Fault::Broken });
            }
            Step::Heal => {
                self.disk.heal();
                self.open();
                for log in self.logs.iter().flatten() {
                    while log.check().is_err() {
                        std::thread::yield_now();
                    }
                }
            }
            Step::Restart(writer) => {
                self.close(writer);
                self.open();
            }
            Step::Crash(part) => self.crash(part),
        }
    }
}

fn config() -> LogConfig {
    let (commit_delay, retry) = (Duration::ZERO, Duration::from_millis(1));
    LogConfig { segment_bytes: 400, commit_delay, retry, ..LogConfig::default() }
}

fn payload(number: u64) -> Vec<u8> {
    vec![number as u8; 1 + number as usize % 90]
}

fn record(writer: usize, number: u64, payload: &[u8]) -> Record<'_> {
    let (lane, agent, epoch) = (Lane::Normal, AgentId([writer as u8; 16]), Epoch(1));
    Record {
        kind: RecordKind::Batch,
        lane,
        tenant: 0,
        agent,
        epoch,
        seq: number,
        received: Timestamp(number as i64),
        payload,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 300, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn what_was_said_to_be_durable_survives_any_failure_and_crash(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut model = Model::new();
        steps.into_iter().for_each(|step| model.go(step));
        model.crash(0.0);
        assert!(model.logs.iter().all(Option::is_some), "a sound disk lets every log be opened");
        for writer in 0..WRITERS.len() {
            let position = model.append(writer, 3).unwrap();
            model.wait(writer, position);
            assert!(model.durable.contains(&(writer, position)));
        }
        model.check();
    }
}

#[test]
fn a_synced_commit_outlives_the_power() {
    let mut model = Model::new();
    model.go(Step::Append(0, 3));
    assert_eq!(model.durable.len(), 3);
    model.crash(0.0);
    assert_eq!(model.read.len(), 3);
}
