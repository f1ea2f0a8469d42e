//! Segments of the queue: what a crash or a failing disk can leave behind.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;
use weir_queue::{Checkpoint, Lane, Log, LogConfig, Reader, Record, RecordKind};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

const WRITER: &str = "gateway";
const RECORDS: u64 = 8;

fn payload(seq: u64) -> Vec<u8> {
    (0..seq * 7 + 1).map(|at| (at * seq) as u8).collect()
}

fn record(seq: u64, payload: &[u8]) -> Record<'_> {
    let (agent, epoch) = (AgentId([1; 16]), Epoch(2));
    Record {
        kind: RecordKind::Batch,
        lane: Lane::Normal,
        tenant: 3,
        agent,
        epoch,
        seq,
        received: Timestamp(4_000 + seq as i64),
        payload,
    }
}

/// Memory where there is some: the disk is not under test.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// The name and the bytes of a segment with a few records.
fn genuine() -> &'static (PathBuf, Vec<u8>) {
    static SEGMENT: OnceLock<(PathBuf, Vec<u8>)> = OnceLock::new();
    SEGMENT.get_or_init(|| {
        let root = folder();
        let log = Log::open(root.path(), WRITER, LogConfig::default()).expect("a new log");
        for seq in 0..RECORDS {
            log.append(&[record(seq, &payload(seq))]).expect("an append");
        }
        log.flush().expect("a flush");
        drop(log);
        let mut segments: Vec<PathBuf> = fs::read_dir(root.path().join(WRITER))
            .expect("the log's folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "seg"))
            .collect();
        segments.sort();
        let path = segments.first().expect("a segment");
        (path.strip_prefix(root.path()).expect("inside").to_owned(), fs::read(path).expect("its bytes"))
    })
}

/// Damages a genuine segment as the bytes say (offset and byte, or a cut), or puts them behind it; then reads, recovers,
/// appends and reads again. Nothing comes out that was not written, and what is appended comes out.
pub fn run(data: &[u8]) {
    let (name, whole) = genuine();
    let mut bytes = whole.clone();
    match data.split_first() {
        Some((0, tail)) => bytes.extend_from_slice(tail),
        Some((1, cut)) => {
            let at = cut.iter().fold(0, |at: usize, byte| (at * 256 + usize::from(*byte)) % (bytes.len() + 1));
            bytes.truncate(at);
        }
        Some((_, edits)) => {
            for edit in edits.chunks_exact(3) {
                let at = (usize::from(edit[0]) << 8 | usize::from(edit[1])) % bytes.len();
                bytes[at] = edit[2];
            }
        }
        None => {}
    }
    let damaged = bytes != *whole;
    let root = folder();
    let path = root.path().join(name);
    fs::create_dir_all(path.parent().expect("the log's folder")).expect("a folder");
    fs::write(&path, &bytes).expect("a segment");
    let before = read(&root);
    if !damaged {
        assert_eq!(before, (0..RECORDS).collect::<Vec<_>>());
    }
    if data.first() == Some(&1) {
        assert!(before.iter().copied().eq(0..before.len() as u64), "a cut leaves a prefix: {before:?}");
    }
    let Ok(log) = Log::open(root.path(), WRITER, LogConfig::default()) else { return };
    log.append(&[record(100, &payload(100))]).expect("an append after recovery");
    log.flush().expect("a flush after recovery");
    drop(log);
    let after = read(&root);
    assert_eq!(after.last(), Some(&100), "{after:?}");
    assert!(after.starts_with(&before), "{before:?} before recovery, {after:?} after it");
}

fn read(root: &TempDir) -> Vec<u64> {
    let Ok(mut reader) = Reader::open(root.path(), "fuzz", &Checkpoint::default()) else { return Vec::new() };
    let mut seqs = Vec::new();
    loop {
        let polled = reader.poll(1 << 20, |seen, _| {
            assert_eq!(*seen, record(seen.seq, &payload(seen.seq)), "not what was written");
            seqs.push(seen.seq);
        });
        match polled {
            Ok(polled) if polled.records > 0 => {}
            _ => return seqs,
        }
    }
}

/// Cuts, edits and tails.
pub fn seeds() -> Vec<Vec<u8>> {
    let (_, whole) = genuine();
    let tail = [vec![0], whole[64..].to_vec()].concat();
    vec![vec![], vec![1, 0, 200], vec![1, 1, 40], vec![2, 0, 70, 9, 0, 130, 1], vec![2, 0, 4, 0, 0, 68, 255], tail]
}
