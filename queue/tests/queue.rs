//! The promises of the queue, on real files: what is durable is read, once and in order, after any crash or damage.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;
use weir_files::fault::{Disk, Fault};
use weir_queue::{Checkpoint, Error, Follow, Lane, Log, LogConfig, Position, Reader, Record, RecordKind, retire};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

const HEADER_BYTES: u64 = 64;

fn config() -> LogConfig {
    LogConfig { commit_delay: Duration::ZERO, retry: Duration::from_millis(5), ..LogConfig::default() }
}

fn record(seq: u64, received: i64, payload: &[u8]) -> Record<'_> {
    Record {
        kind: RecordKind::Batch,
        lane: Lane::Normal,
        tenant: 3,
        agent: AgentId([7; 16]),
        epoch: Epoch(0xABCD_EF01_2345),
        seq,
        received: Timestamp(received),
        payload,
    }
}

fn append(log: &Log, seqs: impl IntoIterator<Item = u64>) -> Position {
    let mut last = None;
    for seq in seqs {
        let payload = vec![seq as u8; 1 + seq as usize % 50];
        last = Some(log.append(&[record(seq, seq as i64, &payload)]).unwrap());
    }
    let last = last.unwrap();
    log.wait_durable(last).unwrap();
    last
}

fn read(reader: &mut Reader) -> Vec<u64> {
    let mut seqs = Vec::new();
    reader
        .poll(usize::MAX, |record, _| {
            assert_eq!(record.payload, vec![record.seq as u8; 1 + record.seq as usize % 50]);
            seqs.push(record.seq);
        })
        .unwrap();
    seqs
}

fn read_all(root: &Path) -> Vec<u64> {
    read(&mut Reader::open(root, "test", &Checkpoint::default()).unwrap())
}

fn segments(root: &Path, writer: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join(writer)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    paths.sort();
    paths
}

fn reading(readings: &[weir_sample::Reading], name: &str) -> f64 {
    readings.iter().find(|reading| reading.series.name() == name).unwrap().value
}

#[test]
fn what_was_appended_is_read_with_every_field() {
    let root = tempfile::tempdir().unwrap();
    let log = Log::open(root.path(), "a", config()).unwrap();
    let sent = Record { kind: RecordKind::Newer(200), lane: Lane::Critical, ..record((1 << 48) - 1, -5, b"batch") };
    let position = log.append(&[sent]).unwrap();
    log.wait_durable(position).unwrap();
    let mut reader = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    let mut count = 0;
    reader
        .poll(usize::MAX, |record, at| {
            assert_eq!((*record, at), (sent, position));
            count += 1;
        })
        .unwrap();
    assert_eq!(count, 1);
    assert_eq!(reader.backlog_bytes(), 0);
}

#[test]
fn a_reader_continues_from_its_checkpoint_and_over_segments() {
    let root = tempfile::tempdir().unwrap();
    let log = Log::open(root.path(), "a", LogConfig { segment_bytes: 300, ..config() }).unwrap();
    let mut reader = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    append(&log, 0..10);
    assert_eq!(read(&mut reader), (0..10).collect::<Vec<_>>());
    let checkpoint = Checkpoint::decode(&reader.checkpoint().encode()).unwrap();
    append(&log, 10..30);
    assert_eq!(read(&mut reader), (10..30).collect::<Vec<_>>());
    drop(reader);
    let mut second = Reader::open(root.path(), "sink", &checkpoint).unwrap();
    assert_eq!(read(&mut second), (10..30).collect::<Vec<_>>());
    assert!(segments(root.path(), "a").len() > 5);
}

#[test]
fn a_poll_stops_at_its_limit_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let log = Log::open(root.path(), "a", config()).unwrap();
    append(&log, 0..10);
    let mut reader = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    let polled = reader.poll(3, |_, _| {}).unwrap();
    assert_eq!((polled.records, polled.bytes, polled.more), (2, 3, true));
    let polled = reader.poll(usize::MAX, |_, _| {}).unwrap();
    assert_eq!((polled.records, polled.more), (8, false));
}

#[test]
fn logs_are_merged_by_time_and_new_ones_are_found() {
    let root = tempfile::tempdir().unwrap();
    let mut reader = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    assert!(read(&mut reader).is_empty());
    let (a, b) = (Log::open(root.path(), "a", config()).unwrap(), Log::open(root.path(), "b", config()).unwrap());
    append(&a, [1, 4, 5]);
    append(&b, [2, 3, 6]);
    assert_eq!(read(&mut reader), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn one_writer_per_log_and_no_position_twice() {
    let root = tempfile::tempdir().unwrap();
    let log = Log::open(root.path(), "a", config()).unwrap();
    assert!(matches!(Log::open(root.path(), "a", config()), Err(Error::InUse(_))));
    let first = append(&log, 0..3);
    drop(log);
    segments(root.path(), "a").iter().for_each(|path| fs::remove_file(path).unwrap());
    let second = append(&Log::open(root.path(), "a", config()).unwrap(), 0..1);
    assert!(second > first);
}

#[test]
fn a_consumer_has_one_owner() {
    let root = tempfile::tempdir().unwrap();
    let first = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    let refused = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap_err().to_string();
    let owner = format!("is read by another \"sink\", process {}", std::process::id());
    assert!(refused.contains(&owner), "{refused}");
    Reader::open(root.path(), "export", &Checkpoint::default()).unwrap();
    drop(first);
    Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
}

#[test]
fn a_full_disk_is_drained() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::under(root.path());
    let queue = root.path().join("queue");
    let log = Log::open(&queue, "a", LogConfig { segment_bytes: 300, ..config() }).unwrap();
    append(&log, 0..30);
    let mut reader = Reader::open(&queue, "sink", &Checkpoint::default()).unwrap();
    let old = reader.checkpoint();
    read(&mut reader);
    let place = queue.join(".consumers").join("sink");
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let before = inode(&place);
    reader.forget(&reader.checkpoint()).unwrap();
    assert_eq!(inode(&place), before, "a new file would need room");
    assert_eq!(segments(&queue, "a").len(), 1);
    assert_eq!(Checkpoint::decode(&fs::read(&place).unwrap()).unwrap(), reader.checkpoint());
    assert_ne!(old, reader.checkpoint());
    let reserve = queue.join(".reserve");
    assert!(reserve.metadata().unwrap().len() > 100_000);
    // A place that is torn by a failed write is written anew.
    disk.fail_after(1, Fault::Broken);
    assert!(reader.forget(&reader.checkpoint()).is_err());
    disk.heal();
    reader.forget(&reader.checkpoint()).unwrap();
    assert_eq!(Checkpoint::decode(&fs::read(&place).unwrap()).unwrap(), reader.checkpoint());
}

#[test]
fn a_log_on_a_full_disk_opens_and_waits_for_room() {
    let root = tempfile::tempdir().unwrap();
    let queue = root.path().join("queue");
    append(&Log::open(&queue, "a", config()).unwrap(), 0..3);
    let disk = Disk::under(root.path());
    // One operation opens the lock file, four more make names durable.
    disk.fail_after(3, Fault::NoSpace);
    let log = Log::open(&queue, "a", config()).unwrap();
    assert!(matches!(log.append(&[record(9, 0, &[1])]), Err(Error::Failed(_))));
    let before = disk.operations();
    while disk.operations() < before + 20 {
        std::thread::yield_now();
    }
    assert!(segments(&queue, "a").len() <= 2, "tries leave nothing behind");
    disk.heal();
    while log.check().is_err() {
        std::thread::yield_now();
    }
    append(&log, [3]);
    assert_eq!(read_all(&queue), [0, 1, 2, 3]);
}

#[test]
fn a_hung_disk_shows_in_the_age_of_what_waits() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::under(root.path());
    let log = Log::open(root.path(), "a", config()).unwrap();
    append(&log, 0..3);
    assert_eq!(log.oldest_unsynced(), Duration::ZERO);
    disk.fail_after(0, Fault::Hang);
    let at = log.append(&[record(3, 0, &[1; 4])]).unwrap();
    while log.oldest_unsynced() < Duration::from_millis(30) {
        std::thread::yield_now();
    }
    // What comes after does not make it look younger.
    log.append(&[record(4, 0, &[1; 5])]).unwrap();
    assert!(log.oldest_unsynced() >= Duration::from_millis(30) && log.check().is_ok());
    disk.heal();
    log.wait_durable(at).unwrap();
    log.flush().unwrap();
    assert_eq!(log.oldest_unsynced(), Duration::ZERO);
}

#[test]
fn names_cannot_leave_the_root() {
    let root = tempfile::tempdir().unwrap();
    for name in ["", ".", "..", ".hidden", "a/b", "ä", &"x".repeat(65)] {
        assert!(matches!(Log::open(root.path(), name, config()), Err(Error::Name(_))), "{name}");
        assert!(matches!(Reader::open(root.path(), name, &Checkpoint::default()), Err(Error::Name(_))), "{name}");
    }
}

#[test]
fn a_record_waits_for_its_group_and_a_flush_does_not() {
    let root = tempfile::tempdir().unwrap();
    let slow = LogConfig { commit_delay: Duration::from_secs(3600), ..config() };
    let log = Log::open(root.path(), "a", slow).unwrap();
    let position = log.append(&[record(0, 0, b"x")]).unwrap();
    assert!(log.durable(position).is_none());
    log.flush().unwrap();
    assert!(matches!(log.durable(position), Some(Ok(()))));
}

#[test]
fn a_group_commits_when_it_is_large() {
    let root = tempfile::tempdir().unwrap();
    let slow = LogConfig { commit_delay: Duration::from_secs(3600), commit_bytes: 1000, ..config() };
    let log = Log::open(root.path(), "a", slow).unwrap();
    let position = (0..20).map(|seq| log.append(&[record(seq, 0, &[0; 60])]).unwrap()).nth(8).unwrap();
    log.wait_durable(position).unwrap();
}

#[test]
fn closing_commits_what_waits() {
    let root = tempfile::tempdir().unwrap();
    let slow = LogConfig { commit_delay: Duration::from_secs(3600), ..config() };
    let log = Log::open(root.path(), "a", slow).unwrap();
    log.append(&[record(0, 0, &[0])]).unwrap();
    drop(log);
    assert_eq!(read_all(root.path()), [0]);
}

#[test]
fn a_failed_log_refuses_then_recovers_and_loses_nothing_durable() {
    let root = tempfile::tempdir().unwrap();
    let log = Log::open(root.path(), "a", LogConfig { segment_bytes: 200, ..config() }).unwrap();
    append(&log, 0..20);
    let (here, away) = (root.path().join("a"), root.path().join(".away"));
    fs::rename(&here, &away).unwrap();
    let failed = (20..).map(|seq| log.append(&[record(seq, 0, &[0; 300])])).find_map(|appended| match appended {
        Ok(position) => log.wait_durable(position).is_err().then_some(position),
        Err(_) => None,
    });
    let lost = failed.unwrap();
    assert!(matches!(log.check(), Err(Error::Failed(_))));
    assert!(matches!(log.append(&[record(0, 0, b"x")]), Err(Error::Failed(_))));
    fs::rename(&away, &here).unwrap();
    while log.check().is_err() {
        std::thread::yield_now();
    }
    assert!(matches!(log.wait_durable(lost), Err(Error::Failed(_))), "a lost position stays lost");
    append(&log, 100..110);
    let mut reader = Reader::open(root.path(), "test", &Checkpoint::default()).unwrap();
    let mut seqs = Vec::new();
    reader.poll(usize::MAX, |record, _| seqs.push(record.seq)).unwrap();
    assert_eq!(seqs.iter().filter(|seq| **seq < 20).count(), 20);
    assert_eq!(seqs.iter().filter(|seq| **seq >= 100).count(), 10);
    let readings = log.readings();
    assert_eq!(reading(&readings, "weir_queue_failures_total"), 1.0);
    assert_eq!(reading(&readings, "weir_queue_healthy"), 1.0);
    assert!(reading(&readings, "weir_queue_unacked_records_total") >= 1.0);
}

#[test]
fn a_full_log_refuses_until_consumers_pass() {
    let root = tempfile::tempdir().unwrap();
    let bounds = LogConfig { segment_bytes: 300, disk_bytes: 3000, ..config() };
    let log = Log::open(root.path(), "a", bounds).unwrap();
    let full =
        (0..1000).map(|seq| log.append(&[record(seq, 0, &[0; 60])]).inspect(|at| log.wait_durable(*at).unwrap()));
    let refused = full.filter_map(Result::err).next().unwrap();
    assert!(matches!(refused, Error::Full));
    let mut reader = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    reader.poll(usize::MAX, |_, _| {}).unwrap();
    assert!(reader.forget(&reader.checkpoint()).unwrap() > 3);
    while log.check().is_err() {
        std::thread::yield_now();
    }
    append(&log, [1]);
}

#[test]
fn a_disk_that_was_filling_is_looked_at_again_though_nothing_more_comes() {
    let root = tempfile::tempdir().unwrap();
    let bounds = LogConfig { segment_bytes: 300, disk_bytes: 3000, ..config() };
    let log = Log::open(root.path(), "a", bounds).unwrap();
    let mut seq = 0;
    while log.disk_ratio() < 0.7 {
        append(&log, [seq]);
        seq += 1;
    }
    let mut reader = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    reader.poll(usize::MAX, |_, _| {}).unwrap();
    assert!(reader.forget(&reader.checkpoint()).unwrap() > 3);
    let deadline = Instant::now() + Duration::from_secs(10);
    while log.disk_ratio() > 0.3 {
        assert!(Instant::now() < deadline, "{}", log.disk_ratio());
        std::thread::yield_now();
    }
}

#[test]
fn segments_stay_until_every_consumer_has_passed() {
    let root = tempfile::tempdir().unwrap();
    let log = Log::open(root.path(), "a", LogConfig { segment_bytes: 300, ..config() }).unwrap();
    let start = Checkpoint::default();
    let mut sink = Reader::open(root.path(), "sink", &start).unwrap();
    let mut export = Reader::open(root.path(), "export", &start).unwrap();
    append(&log, 0..30);
    let before = segments(root.path(), "a").len();
    read(&mut sink);
    sink.forget(&sink.checkpoint()).unwrap();
    assert_eq!(segments(root.path(), "a").len(), before, "export has not read yet");
    assert_eq!(read(&mut export).len(), 30);
    export.forget(&export.checkpoint()).unwrap();
    assert_eq!(segments(root.path(), "a").len(), 1);
    append(&log, 30..60);
    assert_eq!(read(&mut sink), (30..60).collect::<Vec<_>>());
    sink.forget(&sink.checkpoint()).unwrap();
    assert!(matches!(retire(root.path(), "export"), Err(Error::ConsumerInUse { .. })), "it is still read for");
    drop(export);
    retire(root.path(), "export").unwrap();
    sink.forget(&sink.checkpoint()).unwrap();
    assert_eq!(segments(root.path(), "a").len(), 1);
}

#[test]
fn a_dead_log_goes_when_it_is_read_and_comes_back_with_its_writer() {
    let root = tempfile::tempdir().unwrap();
    let log = Log::open(root.path(), "a", config()).unwrap();
    append(&log, 0..3);
    let mut sink = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    let mut export = Reader::open(root.path(), "export", &Checkpoint::default()).unwrap();
    assert_eq!((read(&mut sink).len(), read(&mut export).len()), (3, 3));
    sink.forget(&sink.checkpoint()).unwrap();
    export.forget(&export.checkpoint()).unwrap();
    assert!(root.path().join("a").exists(), "a living writer keeps its log");
    drop(log);
    append(&Log::open(root.path(), "a", config()).unwrap(), 3..5);
    assert_eq!(read(&mut sink), [3, 4]);
    sink.forget(&sink.checkpoint()).unwrap();
    assert!(root.path().join("a").exists(), "export has not read all");
    assert_eq!(read(&mut export), [3, 4]);
    let before = export.checkpoint();
    export.forget(&before).unwrap();
    assert!(!root.path().join("a").exists());
    assert_eq!((read(&mut sink), read(&mut export)), (vec![], vec![]));
    append(&Log::open(root.path(), "a", config()).unwrap(), 5..7);
    assert_eq!((read(&mut sink), read(&mut export)), (vec![5, 6], vec![5, 6]));
    drop(sink);
    let mut restarted = Reader::open(root.path(), "sink", &before).unwrap();
    assert_eq!(read(&mut restarted), [5, 6]);
}

#[test]
fn an_unfinished_record_of_a_live_writer_is_awaited() {
    let root = tempfile::tempdir().unwrap();
    append(&Log::open(root.path(), "a", config()).unwrap(), 0..10);
    let path = segments(root.path(), "a").pop().unwrap();
    let whole = fs::read(&path).unwrap();
    let mut reader = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    let mut seqs = Vec::new();
    for end in (0..whole.len()).step_by(7).chain([whole.len()]) {
        fs::write(&path, &whole[..end]).unwrap();
        seqs.extend(read(&mut reader));
    }
    assert_eq!(seqs, (0..10).collect::<Vec<_>>());
    assert_eq!(reading(&reader.readings(), "weir_queue_damaged_spots_total"), 0.0);
}

#[test]
fn what_a_newer_program_wrote_last_is_no_torn_tail() {
    let root = tempfile::tempdir().unwrap();
    let log = Log::open(root.path(), "a", config()).unwrap();
    log.wait_durable(log.append(&[Record { kind: RecordKind::Newer(200), ..record(7, 0, &[7; 8]) }]).unwrap()).unwrap();
    drop(log);
    let log = Log::open(root.path(), "a", config()).unwrap();
    assert_eq!(reading(&log.readings(), "weir_queue_cut_bytes_total"), 0.0);
    assert_eq!(read_all(root.path()), [7]);
}

#[test]
fn a_dead_writers_torn_tail_is_cut_and_its_next_life_is_read() {
    let root = tempfile::tempdir().unwrap();
    append(&Log::open(root.path(), "a", config()).unwrap(), 0..10);
    let path = segments(root.path(), "a").pop().unwrap();
    let whole = fs::read(&path).unwrap();
    let mut reader = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    assert_eq!(read(&mut reader), (0..9).collect::<Vec<_>>());
    let log = Log::open(root.path(), "a", config()).unwrap();
    assert!(reading(&log.readings(), "weir_queue_cut_bytes_total") > 0.0);
    append(&log, 20..22);
    assert_eq!(read(&mut reader), [20, 21]);
}

#[test]
fn a_reader_ahead_of_what_a_crash_left_goes_on_with_the_next_segment() {
    let root = tempfile::tempdir().unwrap();
    append(&Log::open(root.path(), "a", config()).unwrap(), 0..10);
    let mut reader = Reader::open(root.path(), "sink", &Checkpoint::default()).unwrap();
    read(&mut reader);
    let path = segments(root.path(), "a").pop().unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(HEADER_BYTES + 100).unwrap();
    append(&Log::open(root.path(), "a", config()).unwrap(), 20..22);
    let reached = reader.checkpoint();
    assert_eq!(read(&mut reader), [20, 21]);
    drop(reader);
    let mut again = Reader::open(root.path(), "sink", &reached).unwrap();
    assert_eq!(read(&mut again), [20, 21]);
    let readings = again.readings();
    let lost =
        ["weir_queue_damaged_spots_total", "weir_queue_damaged_bytes_total"].map(|name| reading(&readings, name));
    assert!(lost[0] == 1.0 && lost[1] > 0.0, "what was read and is gone is counted: {lost:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn replay_after_any_cut_is_a_prefix(count in 1..60u64, cut in 0.0..1.0f64) {
        let root = tempfile::tempdir().unwrap();
        append(&Log::open(root.path(), "a", config()).unwrap(), 0..count);
        let path = segments(root.path(), "a").pop().unwrap();
        let length = fs::metadata(&path).unwrap().len();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len((length as f64 * cut) as u64).unwrap();
        let before = read_all(root.path());
        prop_assert_eq!(&before, &(0..before.len() as u64).collect::<Vec<_>>());
        append(&Log::open(root.path(), "a", config()).unwrap(), [count]);
        let after = read_all(root.path());
        prop_assert_eq!(after.split_last().unwrap(), (&count, &before[..]));
    }

    #[test]
    fn a_damaged_byte_costs_one_record_at_most(count in 2..60u64, at in 0.0..1.0f64, flip in 1..=255u8) {
        let root = tempfile::tempdir().unwrap();
        append(&Log::open(root.path(), "a", config()).unwrap(), 0..count);
        let path = segments(root.path(), "a").pop().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = (bytes.len() as f64 * at) as usize;
        bytes[at] ^= flip;
        fs::write(&path, &bytes).unwrap();
        let log = Log::open(root.path(), "a", config()).unwrap();
        append(&log, [count]);
        let mut reader = Reader::open(root.path(), "test", &Checkpoint::default()).unwrap();
        let seqs = read(&mut reader);
        let in_header = (at as u64) < HEADER_BYTES;
        prop_assert_eq!(seqs.len() as u64, count + u64::from(in_header));
        prop_assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]));
        let noticed = reading(&reader.readings(), "weir_queue_damaged_spots_total")
            + reading(&log.readings(), "weir_queue_cut_bytes_total");
        prop_assert_eq!(noticed > 0.0, !in_header);
    }
}

#[test]
fn a_log_knows_how_long_its_consumer_has_left_a_record_unread() {
    let root = tempfile::tempdir().unwrap();
    let follow = |most| Some(Follow { consumer: "test".into(), most });
    let log = |writer, most| Log::open(root.path(), writer, LogConfig { follow: follow(most), ..config() }).unwrap();
    let (minute, day) = (Duration::from_secs(60), Duration::from_secs(86_400));
    let (a, b) = (log("a", day), log("b", Duration::ZERO));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let append = |log: &Log, received| {
        let position = log.append(&[record(1, received, b"x")]).unwrap();
        log.wait_durable(position).unwrap();
    };
    append(&a, now - 3_600_000);
    append(&b, now - 3_600_000);
    assert_eq!((a.behind(), a.behind_ratio()), (Duration::ZERO, 0.0), "nobody has told a place");
    let eventually = |what: &str, is_so: &dyn Fn() -> bool| {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < minute, "waited for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let mut reader = Reader::open(root.path(), "test", &Checkpoint::default()).unwrap();
    assert_eq!(reader.oldest_unread().unwrap(), Some(Timestamp(now - 3_600_000)));
    reader.tell_place();
    eventually("an hour", &|| a.behind() >= 60 * minute && a.behind_ratio() > 0.04 && b.behind() >= 60 * minute);
    assert_eq!(b.behind_ratio(), 0.0, "it has no bound");
    reader.poll(usize::MAX, |_, _| ()).unwrap();
    assert_eq!(reader.oldest_unread().unwrap(), None);
    reader.tell_place();
    eventually("all to be read", &|| a.behind().is_zero() && b.behind().is_zero());
    append(&a, now - 60_000);
    eventually("a minute", &|| a.behind() >= minute);
    assert!(b.behind().is_zero());
    // A log that starts later learns it from what is there.
    drop(a);
    let a = log("a", minute);
    eventually("a minute again", &|| a.behind() >= minute);
    assert_eq!(a.behind_ratio(), 1.0);
}
