//! Two sinks and one owner around a log in place of a topic.

use weir_queue::{Checkpoint, Log, LogConfig, Reader, Share};
use weir_sample::Value;

use super::*;

struct Bench {
    folder: tempfile::TempDir,
}

const OWNER: u32 = 0;

impl Bench {
    fn exchange(&self, index: u32, saved: SavedExchange, epoch: u64) -> Exchange {
        self.of_group("g", index, saved, epoch)
    }

    fn of_group(&self, group: &str, index: u32, saved: SavedExchange, epoch: u64) -> Exchange {
        let root = self.folder.path().join("queue");
        let log = Log::open(&root, &format!("sink-{group}-{index}-{epoch}"), LogConfig::default()).unwrap();
        let parts = Parts { log, partitions: 1, share: Share { index, of: 2 }, group: group.into() };
        let saved = SavedExchange { epoch: Epoch(epoch), ..saved };
        Exchange::resume(parts, saved, Timestamp::default(), Timestamp::from_secs(1))
    }

    /// Lets it tell all that it may.
    fn tell(exchange: &mut Exchange) {
        for _ in 0..3 {
            exchange.outbox.publish(&exchange.parts.log, Timestamp::from_secs(50));
            exchange.parts.log.flush().unwrap();
        }
    }

    fn checkpoint(exchange: &mut Exchange) {
        exchange.outbox.seal();
        exchange.outbox.release();
    }

    /// Everything that was told so far, to an owner that has heard nothing.
    fn heard(&self) -> Gathered {
        let mut owner = owner();
        let mut reader = Reader::open(&self.folder.path().join("queue"), "owner", &Checkpoint::default()).unwrap();
        while reader.poll(usize::MAX, |record, _| owner.take(record)).unwrap().records > 0 {}
        owner
    }
}

/// The owner of the only partition.
fn owner() -> Gathered {
    Gathered::default().expecting(outbox::senders("g", Share { index: OWNER, of: 2 }, 1))
}

fn bench() -> Bench {
    Bench { folder: tempfile::tempdir().unwrap() }
}

fn window(end: i64) -> Window {
    Window::ending(Timestamp::from_secs(end), 10_000)
}

fn parts(count: f64) -> HashMap<Series, Part> {
    [(Series::named("hits"), Part { value: Value::Counter(count), at: Timestamp(1) })].into()
}

/// What is known of a window.
fn sum(owner: &Gathered, end: i64) -> Option<f64> {
    match owner.partials.open().get(&window(end))?.get(&Series::named("hits"))?.value {
        Value::Counter(sum) => Some(sum),
        _ => None,
    }
}

#[test]
fn parts_leave_with_the_checkpoint_that_has_them_and_are_merged_by_their_owner() {
    let bench = bench();
    let mut sinks = [OWNER, 1].map(|index| bench.exchange(index, SavedExchange::default(), 7));
    for (sink, count) in sinks.iter_mut().zip([2.0, 3.0]) {
        sink.put(window(10), &parts(count));
        Bench::tell(sink);
    }
    assert_eq!(sum(&bench.heard(), 10), None, "a crash would undo them");
    Bench::checkpoint(&mut sinks[0]);
    sinks.iter_mut().for_each(Bench::tell);
    let owner = bench.heard();
    assert_eq!(sum(&owner, 10), Some(2.0));
    assert!(owner.complete(Timestamp::from_secs(60)) < Timestamp::from_secs(10), "the other has told nothing");
    Bench::checkpoint(&mut sinks[1]);
    sinks.iter_mut().for_each(Bench::tell);
    let owner = bench.heard();
    assert_eq!(sum(&owner, 10), Some(5.0));
    assert_eq!(owner.complete(Timestamp::from_secs(60)), Timestamp::from_secs(10));
    let away = owner.complete(Timestamp::from_secs(600));
    assert!(away > Timestamp::from_secs(10), "windows wait for a sink that is away, and not for ever");
    assert_eq!(sinks[0].outbox.ways[0].entries.len(), 0, "what the brokers have is forgotten");
}

#[test]
fn what_a_checkpoint_has_is_told_again_after_a_start_and_counted_once() {
    let bench = bench();
    let mut sink = bench.exchange(1, SavedExchange::default(), 7);
    sink.put(window(10), &parts(3.0));
    sink.outbox.seal();
    // The next window is closed while the checkpoint is written: it is in none yet.
    sink.put(window(20), &parts(4.0));
    sink.outbox.release();
    let saved = sink.outbox.ways[0].entries.clone();
    Bench::tell(&mut sink);
    assert_eq!((sum(&bench.heard(), 10), sum(&bench.heard(), 20)), (Some(3.0), None));
    drop(sink);
    let mut way = Way::default();
    (way.next, way.entries) = (1, saved.into_iter().take(1).collect());
    let saved = SavedExchange { ways: vec![way], ..SavedExchange::default() };
    let mut again = bench.exchange(1, saved, 7);
    // Read from the queue once more, and closed with more in it.
    again.put(window(20), &parts(5.0));
    Bench::checkpoint(&mut again);
    Bench::tell(&mut again);
    let owner = bench.heard();
    assert_eq!((sum(&owner, 10), sum(&owner, 20), owner.duplicates), (Some(3.0), Some(5.0), 1));
}

#[test]
fn a_sink_without_its_store_tells_nothing_again_and_its_life_before_no_more() {
    let bench = bench();
    let mut reader = Reader::open(&bench.folder.path().join("queue"), "owner", &Checkpoint::default()).unwrap();
    let mut owner = owner();
    let mut tell = |sink: &mut Exchange, windows: &[(i64, f64)]| {
        windows.iter().for_each(|(end, count)| sink.put(window(*end), &parts(*count)));
        Bench::checkpoint(sink);
        Bench::tell(sink);
        // An idle reader looks for new logs with its next poll.
        let mut poll = || reader.poll(usize::MAX, |record, _| owner.take(record)).unwrap().records;
        while poll() + poll() > 0 {}
    };
    let mut first = bench.exchange(1, SavedExchange::default(), 7);
    tell(&mut first, &[(10, 3.0)]);
    let mut second = bench.exchange(1, SavedExchange::default(), 8);
    tell(&mut second, &[(10, 3.0), (20, 4.0)]);
    // The first was stopped, and is woken.
    tell(&mut first, &[(30, 9.0)]);
    assert_eq!((sum(&owner, 10), sum(&owner, 20), sum(&owner, 30)), (Some(3.0), Some(4.0), None));
    // The window, the other's window and that other's mark.
    assert_eq!(owner.told_before, 3);
}

#[test]
fn another_group_in_the_same_topic_tells_its_own_owners() {
    let bench = bench();
    for (group, count) in [("g", 3.0), ("h", 3.0)] {
        let mut sink = bench.of_group(group, 1, SavedExchange::default(), 7);
        sink.put(window(10), &parts(count));
        Bench::checkpoint(&mut sink);
        Bench::tell(&mut sink);
    }
    assert_eq!(sum(&bench.heard(), 10), Some(3.0));
}

#[test]
fn a_clock_that_was_ahead_and_is_set_back_holds_up_no_window() {
    let bench = bench();
    let mut sinks = [OWNER, 1].map(|index| bench.exchange(index, SavedExchange::default(), 7));
    let mut tell = |until: i64| {
        for sink in &mut sinks {
            sink.outbox.pass(Timestamp::from_secs(until));
            Bench::checkpoint(sink);
            Bench::tell(sink);
        }
    };
    tell(9_000);
    assert_eq!(bench.heard().complete(Timestamp::from_secs(60)), Timestamp::from_secs(60), "never ahead of the clock");
    tell(50);
    assert_eq!(bench.heard().complete(Timestamp::from_secs(60)), Timestamp::from_secs(50));
}
