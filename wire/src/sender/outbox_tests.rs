//! The outbox' figures one by one; `tests/delivery` has them at work together.
#![allow(clippy::disallowed_methods, reason = "an instant to count from has to come from somewhere")]
#![expect(clippy::disallowed_methods, reason = "any instant will do to count from")]

use std::time::{Duration, Instant};

use weir_sample::Timestamp;

use super::{Entry, Outbox, OutboxConfig, Route, Transmit};
use crate::{Ack, Epoch, Hints, WINDOW};

const RUN: Epoch = Epoch(1);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn entry(seq: u64) -> Entry {
    Entry { epoch: RUN, seq, payload: vec![0; 10], samples: 1 }
}

fn filled(config: OutboxConfig, seqs: std::ops::Range<u64>) -> Outbox {
    let mut outbox = Outbox::new(config, 1);
    seqs.for_each(|seq| assert!(outbox.push(entry(seq)).is_empty()));
    outbox
}

/// Sends what is due.
fn poll_all(outbox: &mut Outbox, now: Instant) -> Vec<u64> {
    let mut sent = Vec::new();
    while let Some(transmit) = outbox.poll(now) {
        sent.push(transmit.entry.seq);
    }
    sent
}

fn ack(seqs: &[u64], hints: Hints) -> Ack {
    Ack { epoch: RUN, seqs: seqs.to_vec(), hints, server_time: Timestamp(0) }
}

/// Whether a wait is this long, or up to a quarter longer.
fn assert_jittered(wait: Duration, least: Duration) {
    assert!(wait >= least && wait < least.mul_f64(1.25), "{wait:?} is not {least:?} and up to a quarter");
}

#[test]
fn payload_is_bounded_and_the_newest_batch_stays_whatever_its_size() {
    let mut outbox = filled(OutboxConfig { max_bytes: 20, ..OutboxConfig::default() }, 0..2);
    assert_eq!(outbox.push(entry(2)), [entry(0)]);
    let large = Entry { payload: vec![0; 50], ..entry(3) };
    assert_eq!(outbox.push(large.clone()), [entry(1), entry(2)]);
    assert_eq!((outbox.len(), outbox.bytes()), (1, 50));
    let totals = outbox.totals();
    assert_eq!((totals.dropped_batches, totals.dropped_samples, totals.spooled_batches), (3, 3, 1));
    outbox.on_ack(Instant::now(), &ack(&[3], Hints::default()), Route::Udp);
    assert_eq!(outbox.bytes(), 0);
}

#[test]
fn waits_double_up_to_the_longest() {
    let (mut outbox, mut now) = (filled(OutboxConfig::default(), 0..1), Instant::now());
    for least in [500, 1_000, 2_000, 2_000, 2_000] {
        assert_eq!(poll_all(&mut outbox, now), [0]);
        let due = outbox.next_wake(now).unwrap();
        assert_jittered(due - now, ms(least));
        assert_eq!(poll_all(&mut outbox, due - ms(1)), []);
        now = due;
    }
    assert_eq!(outbox.totals().resent_batches, 4);
}

#[test]
fn a_measured_round_trip_sets_the_wait_and_a_batch_sent_twice_measures_none() {
    let check = |answered_after: Duration, sends: u32, least: Duration| {
        let (mut outbox, mut now) = (filled(OutboxConfig::default(), 0..1), Instant::now());
        for at in 0..sends {
            now = if at == 0 { now } else { outbox.next_wake(now).unwrap() };
            assert_eq!(poll_all(&mut outbox, now), [0]);
        }
        now += answered_after;
        assert_eq!(outbox.on_ack(now, &ack(&[0], Hints::default()), Route::Udp).len(), 1);
        outbox.push(entry(1));
        assert_eq!(poll_all(&mut outbox, now), [1]);
        assert_jittered(outbox.next_wake(now).unwrap() - now, least);
    };
    // Three round trips, but a fifth of the first timeout at least.
    check(ms(100), 1, ms(300));
    check(ms(5), 1, ms(100));
    // What timed out told nothing: the first timeout, doubled once for the silence.
    check(ms(5), 2, ms(1_000));
}

#[test]
fn silence_halves_what_is_in_flight_and_acks_widen_it() {
    let config = OutboxConfig { max_in_flight: 8, ..OutboxConfig::default() };
    let (mut outbox, mut now) = (filled(config, 0..20), Instant::now());
    for expected in [8, 4, 2, 1, 1] {
        assert_eq!(poll_all(&mut outbox, now).len(), expected);
        now += ms(2_600);
    }
    let (mut outbox, mut now) = (filled(config, 0..1), Instant::now());
    for _ in 0..5 {
        poll_all(&mut outbox, now);
        now += ms(2_600);
    }
    (1..20).for_each(|seq| drop(outbox.push(entry(seq))));
    outbox.on_ack(now, &ack(&[0], Hints::default()), Route::Udp);
    assert_eq!(poll_all(&mut outbox, now), [1, 2, 3], "one, and two for the ack");
    outbox.on_ack(now, &ack(&[1, 2, 3], Hints::default()), Route::Udp);
    assert_eq!(poll_all(&mut outbox, now).len(), 8, "never more than that");
}

#[test]
fn no_batch_is_sent_beyond_the_receivers_window() {
    let config = OutboxConfig { max_in_flight: usize::MAX, ..OutboxConfig::default() };
    let (mut outbox, now) = (filled(config, 0..1), Instant::now());
    [WINDOW - 1, WINDOW].into_iter().for_each(|seq| drop(outbox.push(entry(seq))));
    assert_eq!(poll_all(&mut outbox, now), [0, WINDOW - 1]);
    outbox.on_ack(now, &ack(&[0], Hints::default()), Route::Udp);
    assert_eq!(poll_all(&mut outbox, now), [WINDOW]);
}

#[test]
fn wishes_of_a_gateway_are_heard() {
    let (mut outbox, now) = (filled(OutboxConfig::default(), 0..1), Instant::now());
    poll_all(&mut outbox, now);
    outbox.on_ack(now, &ack(&[0], Hints { slow: true, drain: false }), Route::Udp);
    outbox.push(entry(1));
    assert_eq!((poll_all(&mut outbox, now), outbox.leaves_source()), (vec![], false));
    assert_eq!(outbox.next_wake(now), Some(now + ms(1_000)));
    assert_eq!(poll_all(&mut outbox, now + ms(1_000)), [1]);
    outbox.on_ack(now, &ack(&[1], Hints { slow: false, drain: true }), Route::Udp);
    assert_eq!((outbox.leaves_source(), outbox.leaves_source()), (true, false));
}

/// What happens to an outbox: windows of batches, an end of UDP, and times in which there is no session.
struct Outage {
    batches: u64,
    rtt: Duration,
    max_bytes: usize,
    /// Of every ten seconds, how long nothing may be sent.
    no_session: Duration,
}

const PLAIN: Outage =
    Outage { batches: 1, rtt: Duration::from_millis(5), max_bytes: usize::MAX, no_session: Duration::ZERO };
const STEP: Duration = Duration::from_millis(50);
const WINDOW_TIME: Duration = Duration::from_secs(10);

impl Outage {
    /// UDP ends after a minute and comes again after so long. Returns the time from the first unanswered send to the first
    /// one by TLS, and from the return of UDP to its use.
    fn run(&self, lasts: Duration) -> (Duration, Duration) {
        let config = OutboxConfig { max_bytes: self.max_bytes, ..OutboxConfig::default() };
        let (mut outbox, start) = (Outbox::new(config, 3), Instant::now());
        let (ends, mut next_seq) = (Duration::from_secs(60), 0);
        let returns = ends + lasts;
        let (mut first, mut by_tls, mut on_the_way) = (None, None, Vec::<(Duration, u64, Route)>::new());
        for step in 0..40_000 {
            let at = STEP * step;
            let now = start + at;
            if at.as_millis().is_multiple_of(WINDOW_TIME.as_millis()) {
                (0..self.batches).for_each(|_| {
                    outbox.push(entry(next_seq));
                    next_seq += 1;
                });
            }
            let (answered, later): (Vec<_>, Vec<_>) = on_the_way.into_iter().partition(|(due, ..)| *due <= at);
            on_the_way = later;
            for (_, seq, route) in answered {
                outbox.on_ack(now, &ack(&[seq], Hints::default()), route);
            }
            if by_tls.is_some() && at >= returns && outbox.route() == Route::Udp {
                return (by_tls.unwrap_or_default(), at - returns);
            }
            if Duration::from_millis((at.as_millis() % WINDOW_TIME.as_millis()) as u64) < self.no_session {
                continue;
            }
            while let Some(Transmit { entry, route }) = outbox.poll(now) {
                let works = route == Route::Tls || at < ends || at >= returns;
                if works {
                    on_the_way.push((at + self.rtt, entry.seq, route));
                } else {
                    first.get_or_insert(at);
                }
                if let (Route::Tls, Some(first)) = (route, first) {
                    by_tls.get_or_insert(at - first);
                }
            }
        }
        panic!("UDP is not used again: TLS after {by_tls:?}");
    }

    fn check(&self, lasts: Duration) {
        let (to_tls, to_udp) = self.run(lasts);
        let what = format!("{} batches, {:?} without a session", self.batches, self.no_session);
        assert!(to_tls <= Duration::from_secs(30), "{what}: TLS after {to_tls:?}");
        assert!(to_tls >= Duration::from_secs(15), "{what}: a short outage is not yet silence: {to_tls:?}");
        assert!(to_udp <= Duration::from_secs(60), "{what}: UDP again after {to_udp:?}");
    }
}

#[test]
fn tls_is_used_half_a_minute_after_udp_falls_silent_whatever_is_sent() {
    for lasts in [40, 100, 333].map(Duration::from_secs) {
        for batches in [1, 2, 11, 64, 200] {
            Outage { batches, ..PLAIN }.check(lasts);
            Outage { batches, rtt: ms(400), ..PLAIN }.check(lasts);
            Outage { batches, max_bytes: 300, ..PLAIN }.check(lasts);
            Outage { batches, no_session: ms(3_000), ..PLAIN }.check(lasts);
        }
    }
}

#[test]
fn a_source_is_left_before_tls_is_used() {
    for batches in [1, 11, 64] {
        let (mut outbox, start) = (filled(OutboxConfig::default(), 0..0), Instant::now());
        let (mut seq, mut moves) = (0, 0);
        for step in 0..300 {
            if step % 200 == 0 {
                (0..batches).for_each(|_| {
                    outbox.push(entry(seq));
                    seq += 1;
                });
            }
            poll_all(&mut outbox, start + STEP * step);
            moves += u32::from(outbox.leaves_source());
        }
        assert!(outbox.route() == Route::Udp && (1..=4).contains(&moves), "{batches} batches: {moves} moves");
    }
}
