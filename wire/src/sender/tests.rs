//! A sender against its gateway, without a network between.
#![allow(clippy::disallowed_methods, reason = "an instant to count from has to come from somewhere")]
#![expect(clippy::disallowed_methods, reason = "any instant will do to count from")]

use weir_sample::{Kind, Timestamp};

use super::*;
use crate::{FleetKey, Hints, SessionKeys, decode, open};

const AGENT: AgentId = AgentId([7; 16]);
const EPOCH: Epoch = Epoch(9);
const EARLIER: Epoch = Epoch(8);
const SECOND: Duration = Duration::from_secs(1);

/// A sender without a session, and what stands around it.
struct Bench {
    sender: Sender,
    encoder: Encoder,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let sender = Sender::new(AGENT, EPOCH, OutboxConfig::default(), 1);
        Self { sender, encoder: Encoder::new(), now: Instant::now() }
    }

    /// One that seals with the first key for ever.
    fn granted() -> Self {
        let mut bench = Self::new();
        bench.sender.grant(session(1, u32::MAX), None);
        bench
    }

    fn close(&mut self, points: Vec<(Series, Value)>, on_disk: u64) -> (Vec<Entry>, usize) {
        let window = Window::containing(Timestamp::from_secs(1_700_000_000), 10 * SECOND);
        self.sender.close_window(&mut self.encoder, window, points, on_disk)
    }

    /// Closes a window of so many samples and hands its one batch over.
    fn push(&mut self, samples: usize) -> Entry {
        let (mut entries, _) = self.close(counters(samples), 0);
        assert_eq!(entries.len(), 1);
        let entry = entries.remove(0);
        self.sender.push(entry.clone());
        entry
    }

    /// The headers of all that is due.
    fn sent(&mut self) -> Vec<Header> {
        let (mut sent, mut datagram) = (Vec::new(), Vec::new());
        while self.sender.seal_next(self.now, &mut datagram).is_some() {
            sent.push(Header::decode(&datagram).unwrap());
        }
        sent
    }

    /// Answers `header` with an ack of these batches.
    fn answer(&mut self, header: &Header, epoch: Epoch, seqs: &[u64]) -> Result<Vec<Entry>, Refusal> {
        let mut sealed = ack(header, epoch, seqs);
        self.sender.on_datagram(self.now, &mut sealed, Route::Udp)
    }
}

fn session(key_id: u16, expires: u32) -> Session {
    FleetKey { id: key_id, secret: [3; 32] }.session(5, AGENT, expires)
}

fn ack(header: &Header, epoch: Epoch, seqs: &[u64]) -> Vec<u8> {
    let keys = SessionKeys::new(&session(header.key_id, header.expires));
    let ack = Ack { epoch, seqs: seqs.to_vec(), hints: Hints::default(), server_time: Timestamp(0) };
    let mut sealed = Vec::new();
    ack.seal(header, [1; 12], &keys, &mut sealed);
    sealed
}

fn counters(count: usize) -> Vec<(Series, Value)> {
    (0..count).map(|at| (Series::new("done", [("at", at.to_string().as_str())]), Value::Counter(at as f64))).collect()
}

fn entry(epoch: Epoch, seq: u64, samples: u32) -> Entry {
    Entry { epoch, seq, payload: vec![0; 10], samples }
}

#[test]
fn what_is_sealed_opens_with_the_session_and_says_who_sent_it() {
    let mut bench = Bench::granted();
    let entry = bench.push(3);
    let mut datagram = Vec::new();
    let sealed = bench.sender.seal_next(bench.now, &mut datagram);
    assert_eq!(sealed, Some(Sealed { epoch: EPOCH, seq: 0, route: Route::Udp }));
    let header = Header::decode(&datagram).unwrap();
    assert_eq!((header.key_id, header.tenant, header.expires), (1, 5, u32::MAX));
    assert_eq!((header.agent, header.epoch, header.seq, header.ack_wanted), (AGENT, EPOCH, 0, true));
    assert_eq!((header.kind, header.dictionary), (DatagramKind::Batch, DICTIONARY_ID));
    let keys = SessionKeys::new(&session(1, u32::MAX));
    open(&mut datagram, &keys).unwrap();
    assert_eq!(datagram[HEADER_BYTES..datagram.len() - TAG_BYTES], entry.payload);
}

#[test]
fn a_batch_counts_itself_and_what_waits() {
    let mut bench = Bench::granted();
    let first = bench.push(2);
    let (second, _) = bench.close(counters(3), 4);
    let read = |entry: &Entry| decode(&entry.payload).unwrap().totals;
    assert_eq!((read(&first).sealed_batches, read(&first).sealed_samples), (1, 2));
    let totals = read(&second[0]);
    assert_eq!((totals.sealed_batches, totals.sealed_samples, totals.spooled_batches), (2, 5, 1 + 4));
    assert_eq!((second[0].seq, second[0].samples), (1, 3));
}

#[test]
fn every_slice_of_a_window_counts_all_of_them() {
    let mut bench = Bench::new();
    // Twice: the second window begins with the right guess.
    for round in 1..3 {
        let (entries, left_out) = bench.close(counters(3_000), 0);
        assert!(entries.len() > 1 && left_out == 0);
        let sealed = round * entries.len() as u64;
        for entry in &entries {
            let batch = decode(&entry.payload).unwrap();
            assert!(entry.payload.len() <= PAYLOAD_BYTES);
            assert_eq!((batch.totals.sealed_batches, batch.totals.sealed_samples), (sealed, round * 3_000));
            assert_eq!(batch.points.len(), entry.samples as usize);
        }
        let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (sealed - entries.len() as u64..sealed).collect::<Vec<_>>());
        assert_eq!(bench.sender.totals(0).sealed_batches, sealed);
    }
    // And one that shrinks again.
    let entry = bench.push(1);
    let sealed = bench.sender.totals(0).sealed_batches;
    assert_eq!(decode(&entry.payload).unwrap().totals.sealed_batches, sealed);
    assert_eq!(bench.sender.totals(0).sealed_samples, 6_001);
}

#[test]
fn what_fits_no_datagram_is_left_out_and_counted() {
    let mut bench = Bench::new();
    // Letters as of dice: no packing brings 4,000 of them into a datagram.
    let mut dice = 1u64;
    let mut letter = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (dice >> 33) as u8 % 26)
    };
    let long: String = (0..4_000).map(|_| letter()).collect();
    let mut points = counters(2);
    points.push((Series::new("long", [("text", long.as_str())]), Value::Counter(1.0)));
    let (entries, left_out) = bench.close(points, 0);
    let samples: u32 = entries.iter().map(|entry| entry.samples).sum();
    assert_eq!((samples, left_out, bench.sender.ledger().left_out), (2, 1, 1));
    assert_eq!(bench.sender.totals(0).sealed_samples, 2);
    assert_eq!(bench.close(Vec::new(), 0), (Vec::new(), 0));
}

#[test]
fn a_row_is_numbered_as_a_window_is() {
    let mut bench = Bench::new();
    let columns = |name: &str| {
        let series = |at: usize| (Series::new(name, [("at", at.to_string().as_str())]), Kind::Counter);
        (0..2).map(series).collect::<Vec<_>>()
    };
    let layouts = ["a", "b"].map(|name| bench.encoder.pack_layout(&columns(name)).unwrap());
    let window = Window::containing(Timestamp::from_secs(1_700_000_000), 10 * SECOND);
    let entries = bench.sender.close_row(&mut bench.encoder, window, &layouts, &[1.0, 2.0, 3.0, 4.0]);
    let numbered: Vec<_> = entries.iter().map(|entry| (entry.epoch, entry.seq, entry.samples)).collect();
    assert_eq!(numbered, [(EPOCH, 0, 2), (EPOCH, 1, 2)]);
    for (entry, first) in entries.iter().zip([1.0, 3.0]) {
        let batch = decode(&entry.payload).unwrap();
        assert_eq!((batch.totals.sealed_batches, batch.totals.sealed_samples), (2, 4));
        assert_eq!(batch.points[0].1, Value::Counter(first));
    }
    assert_eq!(bench.sender.totals(0).sealed_samples, 4);
}

#[test]
fn nothing_is_sealed_without_a_session_that_is_good() {
    let mut bench = Bench::new();
    bench.push(1);
    assert_eq!((bench.sent(), bench.sender.next_wake(bench.now)), (vec![], None));
    bench.sender.grant(session(1, 100), Some(bench.now + SECOND));
    assert_eq!(bench.sender.next_wake(bench.now), Some(bench.now));
    bench.now += SECOND;
    assert_eq!((bench.sent(), bench.sender.next_wake(bench.now)), (vec![], None));
    // An older one that is still good must not seal for it: it is what was replaced.
    bench.sender.grant(session(1, 300), None);
    bench.sender.grant(session(1, 200), Some(bench.now));
    assert_eq!(bench.sent(), []);
    bench.sender.grant(session(1, 400), Some(bench.now + SECOND));
    assert_eq!(bench.sent().iter().map(|header| header.expires).collect::<Vec<_>>(), [400]);
}

#[test]
fn acks_of_the_sessions_before_still_open_and_of_forgotten_ones_are_told() {
    let mut bench = Bench::new();
    let mut headers = Vec::new();
    for expires in 1..=4 {
        bench.sender.grant(session(1, expires), None);
        bench.push(1);
        headers.extend(bench.sent());
    }
    let delivered = |outcome: Result<Vec<Entry>, Refusal>| outcome.map(|entries| entries.len());
    for (at, header) in headers.iter().enumerate() {
        let expected = if at == 0 { Err(Refusal::UnknownKey) } else { Ok(1) };
        assert_eq!(delivered(bench.answer(header, EPOCH, &[at as u64])), expected, "{at}");
    }
    // The same expiry of another fleet key is another session.
    let header = Header { key_id: 2, ..headers[3] };
    assert_eq!(delivered(bench.answer(&header, EPOCH, &[0])), Err(Refusal::UnknownKey));
    let mut forged = ack(&headers[3], EPOCH, &[0]);
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(bench.sender.on_datagram(bench.now, &mut forged, Route::Udp), Err(Refusal::Tag));
    assert_eq!(bench.sender.on_datagram(bench.now, &mut [1; 9], Route::Udp), Err(Refusal::TooShort));
    let ledger = bench.sender.ledger();
    let refused = [Refusal::UnknownKey, Refusal::Tag, Refusal::TooShort].map(|why| ledger.refused_acks(why));
    assert_eq!((refused, ledger.acked_batches), ([2, 1, 1], 3));
}

#[test]
fn a_session_for_another_agent_begins_another_run_and_leaves_nothing_behind() {
    let mut bench = Bench::granted();
    bench.push(3);
    let before = bench.sent().remove(0);
    let renamed = Session { agent: AgentId([8; 16]), ..session(2, u32::MAX) };
    assert!(bench.sender.is_renamed_by(&renamed) && !bench.sender.is_renamed_by(&session(2, 60)));
    assert!(!Bench::new().sender.is_renamed_by(&renamed), "nothing was sent under any id");
    bench.sender.begin_epoch(Epoch(EPOCH.0 + 1));
    bench.sender.grant(renamed, None);
    let next = bench.push(2);
    assert_eq!(
        (next.epoch, next.seq, decode(&next.payload).unwrap().totals.sealed_samples),
        (Epoch(EPOCH.0 + 1), 0, 2)
    );
    assert_eq!(bench.sent().remove(0).agent, AgentId([8; 16]));
    // The answer to what went out under the old id still counts.
    assert_eq!(bench.answer(&before, EPOCH, &[0]).unwrap().len(), 1);
}

#[test]
fn the_account_of_a_run_leaves_out_what_an_earlier_one_sealed() {
    let mut bench = Bench::granted();
    bench.sender.push(entry(EARLIER, 70, 40));
    bench.push(2);
    let header = bench.sent()[0];
    assert_eq!(bench.answer(&header, EARLIER, &[70]).map(|entries| entries.len()), Ok(1));
    assert_eq!((bench.sender.totals(0).acked_batches, bench.sender.totals(0).acked_samples), (0, 0));
    assert_eq!(bench.answer(&header, EPOCH, &[0]).map(|entries| entries.len()), Ok(1));
    assert_eq!((bench.sender.totals(0).acked_batches, bench.sender.totals(0).acked_samples), (1, 2));
}

/// What a full spool gives up while these batches are in memory: what is left there, and the account of the loss.
fn check_shed(in_memory: &[(Epoch, u64)], lost: Lost, left: &[u64], dropped: (u64, u64)) {
    let mut sender = Bench::new().sender;
    for (epoch, seq) in in_memory {
        sender.push(entry(*epoch, *seq, 10));
    }
    sender.shed(&lost);
    assert_eq!(sender.outbox().waiting().map(|entry| entry.seq).collect::<Vec<_>>(), left, "{lost:?}");
    let totals = sender.totals(0);
    assert_eq!((totals.dropped_batches, totals.dropped_samples), dropped, "{lost:?}");
}

#[test]
fn what_a_full_spool_gives_up_is_lost_once_in_memory_and_on_disk() {
    let four = [(EPOCH, 0), (EPOCH, 1), (EPOCH, 2), (EPOCH, 3)];
    let lost = |last, batches| Lost { last, batches, samples: 10 * batches };
    // On disk only: nothing of it is in memory.
    check_shed(&[], lost((EPOCH, 4), 5), &[], (5, 50));
    check_shed(&[(EPOCH, 5)], lost((EPOCH, 4), 5), &[5], (5, 50));
    // In memory too, the last of them included and the one behind it not.
    check_shed(&four, lost((EPOCH, 2), 3), &[3], (3, 30));
    // Half in memory.
    check_shed(&four[2..], lost((EPOCH, 2), 3), &[3], (3, 30));
    // Some are acknowledged: they are neither in memory nor lost.
    check_shed(&four[1..], lost((EPOCH, 2), 2), &[3], (2, 20));
    // An earlier run's are older, whatever their numbers.
    check_shed(&[(EARLIER, 90), (EPOCH, 0)], lost((EARLIER, 99), 1), &[0], (1, 10));
    // More in memory than the spool had: batches that could not be written.
    check_shed(&four, lost((EPOCH, 3), 2), &[], (4, 40));
}

#[test]
fn a_broken_stream_is_taken_up_after_a_pause() {
    let mut bench = Bench::new();
    bench.sender =
        Sender::new(AGENT, EPOCH, OutboxConfig { route: Route::Tls, udp_probe: None, ..OutboxConfig::default() }, 1);
    bench.sender.grant(session(1, 9), None);
    bench.push(1);
    assert_eq!(bench.sent().len(), 1);
    bench.sender.on_broken_stream(bench.now);
    assert_eq!(bench.sender.next_wake(bench.now), Some(bench.now + STREAM_PAUSE));
    bench.now += STREAM_PAUSE - Duration::from_millis(1);
    assert_eq!(bench.sent().len(), 0);
    bench.now += Duration::from_millis(1);
    assert_eq!(bench.sent().len(), 1);
}

#[test]
fn silence_asks_for_another_source_once_per_four_rounds() {
    let mut bench = Bench::granted();
    bench.push(1);
    let mut asked = 0;
    while bench.sender.totals(0).resent_batches < 8 {
        bench.now = bench.sender.next_wake(bench.now).unwrap();
        bench.sent();
        let rounds = bench.sender.totals(0).resent_batches;
        let leaves = bench.sender.leaves_source();
        asked += u64::from(leaves);
        assert_eq!(leaves, rounds > 0 && rounds.is_multiple_of(4), "{rounds}");
        assert!(!bench.sender.leaves_source());
    }
    assert_eq!(asked, 2);
}

#[test]
fn what_could_not_be_done_is_counted() {
    let mut sender = Bench::new().sender;
    sender.on_failed_send();
    sender.on_failed_send();
    sender.on_failed_session();
    assert_eq!((sender.ledger().failed_sends, sender.ledger().failed_sessions), (2, 1));
}

#[test]
fn another_epoch_begins_at_number_zero_with_an_account_of_its_own() {
    let mut bench = Bench::granted();
    bench.push(3);
    let first = bench.sent().remove(0);
    bench.push(3);
    bench.answer(&first, EPOCH, &[0]).unwrap();
    bench.sender.begin_epoch(Epoch(EPOCH.0 + 1));
    let entry = bench.push(2);
    assert_eq!((entry.epoch, entry.seq), (Epoch(EPOCH.0 + 1), 0));
    let told = decode(&entry.payload).unwrap().totals;
    assert_eq!((told.sealed_batches, told.sealed_samples, told.acked_batches), (1, 2, 0));
    let all = bench.sender.totals(0);
    assert_eq!((all.sealed_batches, all.sealed_samples, all.acked_batches, all.spooled_batches), (3, 8, 1, 2));
    // Older batches go first, as after a restart.
    assert_eq!(bench.sent().iter().map(|header| header.epoch).collect::<Vec<_>>(), [EPOCH, Epoch(EPOCH.0 + 1)]);
}

#[test]
fn batches_of_the_future_go_again_under_new_numbers_and_are_counted_once() {
    let mut bench = Bench::granted();
    bench.sender.push(entry(EARLIER, 70, 40));
    // One more in the epoch's account.
    bench.close(counters(7), 0);
    let first = bench.push(3);
    bench.sent();
    let end = crate::window_of(&first.payload).unwrap().end();
    let (before, minute) = (end.minus(SECOND), 60 * SECOND);
    assert_eq!(bench.sender.withdraw(bench.now, before), [], "an ack may be on its way");
    bench.now += 5 * SECOND;
    assert_eq!(bench.sender.withdraw(bench.now, end), [], "its window is not of the future");
    bench.sender.begin_epoch(Epoch(EPOCH.0 + 1));
    let withdrawn = bench.sender.withdraw(bench.now, before);
    assert_eq!(withdrawn, [first]);
    for entry in withdrawn {
        let again = bench.sender.number_again(&entry, minute);
        assert_eq!((again.epoch, again.seq, again.samples), (Epoch(EPOCH.0 + 1), 0, 3));
        let told = decode(&again.payload).unwrap();
        assert_eq!(told.window.end(), end.minus(minute));
        assert_eq!((told.totals.sealed_batches, told.totals.sealed_samples), (1, 3), "the account of its new epoch");
        bench.sender.push(again);
    }
    assert_eq!((bench.sender.totals(0).sealed_batches, bench.sender.totals(0).sealed_samples), (2, 10));
    let next = bench.push(2);
    let told = decode(&next.payload).unwrap().totals;
    assert_eq!((next.seq, told.sealed_batches, told.sealed_samples, told.spooled_batches), (1, 2, 5, 2));
}

#[test]
fn what_an_epoch_has_told_of_is_not_told_of_twice_when_it_goes_again() {
    for later_arrived in [false, true] {
        let mut bench = Bench::granted();
        bench.push(3);
        bench.push(4);
        let later = bench.push(5);
        let headers = bench.sent();
        let arrived = &headers[if later_arrived { 2 } else { 0 }];
        bench.answer(arrived, EPOCH, &[arrived.seq]).unwrap();
        bench.now += 5 * SECOND;
        bench.sender.begin_epoch(Epoch(EPOCH.0 + 1));
        let withdrawn = bench.sender.withdraw(bench.now, Timestamp::default());
        assert_eq!(withdrawn.len(), 2);
        let again: Vec<_> = withdrawn.iter().map(|entry| bench.sender.number_again(entry, SECOND)).collect();
        let told = |entry: &Entry| decode(&entry.payload).unwrap().totals.sealed_batches;
        let before = if later_arrived { told(&later) } else { 1 };
        assert_eq!(before + told(&again[1]), 3, "by both epochs, of what arrived in the end");
    }
}

#[test]
fn an_ack_tells_the_servers_clock_once() {
    let mut bench = Bench::granted();
    bench.push(1);
    let header = bench.sent()[0];
    assert_eq!(bench.sender.take_server_time(), None);
    bench.answer(&header, EPOCH, &[]).unwrap();
    assert_eq!((bench.sender.take_server_time(), bench.sender.take_server_time()), (Some(Timestamp(0)), None));
}
