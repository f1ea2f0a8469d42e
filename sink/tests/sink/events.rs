//! Events are kept once, within their tenant's bounds, and found by page, tenant and time.

use std::path::Path;

use weir_queue::{Lane, Record, RecordKind};
use weir_sample::{Event, EventKind, Timestamp, Window};
use weir_sink::{EventPage, EventsWanted, events_of};
use weir_wire::{AgentId, Encoder, Totals};

use crate::bench::{AGENT, Bench, EPOCH, START, counted, end_of};

const DAY: u64 = 8_640;

fn event(title: String, at: Option<i64>) -> Event {
    let kind = EventKind::Event { priority: "normal".into(), alert_type: "info".into() };
    let (host, source, aggregation_key, tags) = (None, None, None, Vec::new());
    Event { kind, title, text: "text".into(), at, host, source, aggregation_key, tags, is_cut: false }
}

fn append(bench: &Bench, tenant: u32, agent: AgentId, seq: u64, events: &[Event]) {
    let (window, totals) = (Window::ending(end_of(seq), 10_000), Totals::default());
    let payload = Encoder::new().encode_events(window, &totals, events, usize::MAX).0.remove(0);
    // Of older gateways, which know of no events, a batch.
    let kind = if seq.is_multiple_of(2) { RecordKind::Events } else { RecordKind::Batch };
    let (lane, epoch, received) = (Lane::Normal, EPOCH, end_of(seq));
    bench.log.append(&[Record { kind, lane, tenant, agent, epoch, seq, received, payload: &payload }]).unwrap();
}

/// An event for each number, by number.
fn numbered(bench: &Bench, numbers: std::ops::Range<u64>) {
    numbers.for_each(|seq| append(bench, 0, AGENT, seq, &[event(seq.to_string(), None)]));
}

const ALL: EventsWanted =
    EventsWanted { tenant: Some(0), start: Timestamp(i64::MIN), end: Timestamp(i64::MAX), after: None, limit: 1_000 };

fn titles(page: &EventPage) -> Vec<&str> {
    page.events.iter().map(|stored| stored.event.title.as_str()).collect()
}

fn page(folder: &Path, wanted: &EventsWanted) -> EventPage {
    events_of(&folder.join("events"), wanted, |_| true).unwrap()
}

#[test]
fn an_event_is_kept_once_over_duplicates_and_crashes() {
    let mut bench = Bench::new();
    numbered(&bench, 0..5);
    bench.drain();
    bench.sink.checkpoint().unwrap();
    // Another day begins, too: its file is not in the checkpoint.
    numbered(&bench, 3..8);
    numbered(&bench, DAY..DAY + 2);
    bench.drain();
    let expected = ["8641", "8640", "7", "6", "5", "4", "3", "2", "1", "0"];
    let seen = page(bench.folder(), &ALL);
    assert_eq!((titles(&seen), seen.next), (expected.to_vec(), None));
    let mut bench = bench.crash();
    assert_eq!(titles(&page(bench.folder(), &ALL)), expected[5..], "as the checkpoint has it");
    bench.drain();
    assert_eq!(page(bench.folder(), &ALL).events, seen.events);
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.crash();
    bench.append(AGENT, 9, counted(1.0));
    bench.drain();
    assert_eq!(page(bench.folder(), &ALL).events, seen.events);
    assert_eq!(bench.last("load"), Some(1.0), "points go on beside them");
}

#[test]
fn pages_follow_each_other_and_times_and_tenants_are_kept_apart() {
    let mut bench = Bench::new();
    numbered(&bench, 0..4);
    numbered(&bench, DAY..DAY + 3);
    append(&bench, 7, AgentId([2; 16]), 1, &[event("theirs".into(), None)]);
    bench.drain();
    let mut wanted = EventsWanted { limit: 3, ..ALL };
    let mut pages = Vec::new();
    loop {
        let one = page(bench.folder(), &wanted);
        pages.push(titles(&one).join(" "));
        let Some(next) = one.next else { break };
        wanted.after = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(pages, ["8642 8641 8640", "3 2 1", "0"]);
    let of = |tenant| titles(&page(bench.folder(), &EventsWanted { tenant, ..ALL })).len();
    assert_eq!([of(Some(7)), of(Some(0)), of(Some(8)), of(None)], [1, 7, 0, 8]);
    let within = EventsWanted { start: end_of(1), end: end_of(2), ..ALL };
    assert_eq!(titles(&page(bench.folder(), &within)), ["2", "1"]);
}

#[test]
fn an_event_is_of_the_time_that_it_says_unless_that_is_to_come() {
    let mut bench = Bench::new();
    let said = [event("past".into(), Some(START - 500)), event("future".into(), Some(START + 50_000))];
    append(&bench, 0, AGENT, 0, &said);
    bench.drain();
    let times: Vec<_> = page(bench.folder(), &ALL).events.iter().map(|stored| stored.time).collect();
    assert_eq!(times, [end_of(0), Timestamp::from_secs(START - 500)]);
}

#[test]
fn a_tenant_over_a_bound_loses_what_is_over_it_and_others_nothing() {
    let bench = Bench::new();
    let mut bench = bench.reopen(|config| config.events.per_minute = 3);
    numbered(&bench, 0..10);
    append(&bench, 7, AgentId([2; 16]), 1, &[event("theirs".into(), None)]);
    bench.drain();
    assert_eq!(
        page(bench.folder(), &EventsWanted { tenant: None, ..ALL }).events.len(),
        8,
        "of three minutes, and theirs"
    );
    assert_eq!(bench.reading("weir_sink_events_total"), 8.0);
    assert_eq!(bench.reading("weir_sink_events_dropped_total"), 3.0);
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.reopen(|config| config.events.day_bytes = 600);
    numbered(&bench, 20..30);
    bench.drain();
    let bytes = std::fs::metadata(bench.folder().join(format!("events/0/{}", START / 86_400))).unwrap().len();
    assert!((500..=600).contains(&bytes), "{bytes}");
    assert!(bench.reading("weir_sink_events_dropped_total") > 3.0);
}

#[test]
fn days_are_deleted_when_they_are_over_and_others_stay() {
    let mut bench = Bench::new();
    numbered(&bench, 0..2);
    numbered(&bench, 3 * DAY..3 * DAY + 2);
    bench.drain();
    bench.sink.checkpoint().unwrap();
    let mut bench = bench.reopen(|config| config.events.keep = std::time::Duration::from_secs(86_400));
    bench.drain_at(Timestamp::from_secs(START + 4 * 86_400));
    assert_eq!(titles(&page(bench.folder(), &ALL)), ["25921", "25920"]);
    bench.sink.checkpoint().unwrap();
    let bench = bench.crash();
    assert_eq!(page(bench.folder(), &ALL).events.len(), 2);
}

#[test]
fn a_sink_whose_files_of_events_are_gone_starts_and_keeps_new_ones() {
    let mut bench = Bench::new();
    numbered(&bench, 0..3);
    bench.drain();
    bench.sink.checkpoint().unwrap();
    let file = bench.folder().join(format!("events/0/{}", START / 86_400));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 7]).unwrap();
    let mut bench = bench.crash();
    numbered(&bench, 3..4);
    bench.drain();
    assert_eq!(titles(&page(bench.folder(), &ALL)), ["3", "1", "0"], "what is cut is gone, and what follows is read");
    std::fs::remove_dir_all(bench.folder().join("events")).unwrap();
    let mut bench = bench.crash();
    numbered(&bench, 4..5);
    bench.drain();
    assert_eq!(titles(&page(bench.folder(), &ALL))[0], "4");
}
