//! The job's side of delivery: lines in, sealed datagrams out, acks in. It is told the time and does no IO.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use weir_sample::{Timestamp, Window};
use weir_statsd::{Aggregator, AggregatorConfig, Idle, Refused};
use weir_wire::{AgentId, Encoder, Entry, Epoch, OutboxConfig, Route, Sender, Session};

/// One job: a sender, and the windows it fills.
pub(crate) struct Job {
    sender: Sender,
    encoder: Encoder,
    interval: Duration,
    aggregator: Aggregator,
    /// The window that lines count in, once there are some.
    open: Option<Window>,
    /// Batches by run and number and when they were sealed, as far as they may still wait.
    sealed: VecDeque<(Epoch, u64, Instant)>,
    given_up: Left,
}

/// What is not acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Batches that are still being sent.
    pub batches: u64,
    /// Batches that were not acknowledged in [`GIVE_UP`], or for which there was no room.
    pub given_up: u64,
    /// Values in all of them.
    pub samples: u64,
    /// Series and events that fit no datagram.
    pub too_long: u64,
}

/// The sink remembers a job for two hours at least. A batch that is older may be left out, so it is given up before.
const GIVE_UP: Duration = Duration::from_secs(3_600);
/// A job's series are few, but change.
const LAYOUTS: usize = 16;

impl Job {
    /// A job with random bytes of its own, which starts at `now`.
    pub(crate) fn new(random: [u8; 20], interval: Duration, labels: Vec<(String, String)>, now: Timestamp) -> Self {
        let [id @ .., e0, e1, s0, s1, s2, s3, s4, s5, s6, s7] = random;
        let epoch = Epoch::next(None, now, u16::from_be_bytes([e0, e1]));
        let outbox = OutboxConfig { silence_before_tls: None, udp_probe: None, ..OutboxConfig::default() };
        let seed = u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        Self {
            sender: Sender::new(AgentId::of_job(id), epoch, outbox, seed),
            // To pack tightly takes longer than all else that a short job does here.
            encoder: Encoder::quick(LAYOUTS),
            interval,
            aggregator: Aggregator::new(aggregation(labels)),
            open: None,
            sealed: VecDeque::new(),
            given_up: Left::default(),
        }
    }

    pub(crate) fn agent(&self) -> AgentId {
        self.sender.agent()
    }

    /// Seals with this session from now on. One for another id begins another run.
    pub(crate) fn grant(&mut self, session: Session, until: Option<Instant>) {
        if self.sender.is_renamed_by(&session) {
            self.sender.begin_epoch(Epoch(self.sender.epoch().0 + 1));
        }
        self.sender.grant(session, until);
    }

    /// Adds up lines, which count in the window that holds `wall`.
    pub(crate) fn receive<'a>(
        &mut self,
        lines: &'a [u8],
        now: Instant,
        wall: Timestamp,
        refused: impl FnMut(Refused<'a>),
    ) {
        self.turn(now, wall);
        self.aggregator.hear_at(wall);
        self.aggregator.receive(lines, refused);
        self.open = Some(Window::containing(wall, self.interval));
    }

    /// Closes the open window if it has ended, and gives up what is too old.
    pub(crate) fn turn(&mut self, now: Instant, wall: Timestamp) {
        if self.open.is_some_and(|window| !window.contains(wall)) {
            self.close(now);
        }
        while let Some(&(epoch, seq, since)) = self.sealed.front() {
            let oldest = self.sender.outbox().waiting().next().map(|entry| (entry.epoch, entry.seq));
            if oldest.is_some_and(|oldest| oldest <= (epoch, seq)) {
                if now.saturating_duration_since(since) < GIVE_UP {
                    return;
                }
                if let Some(entry) = self.sender.drop_oldest() {
                    self.given_up.count(&entry);
                }
            }
            self.sealed.pop_front();
        }
    }

    /// Seals what the open window has so far. What comes later in it is another batch, and adds up.
    pub(crate) fn close(&mut self, now: Instant) {
        let Some(window) = self.open.take() else { return };
        let points = self.aggregator.close(window);
        let events = self.aggregator.drain_events();
        let (mut entries, left_out) = self.sender.close_window(&mut self.encoder, window, points, 0);
        let (of_events, odd) = self.sender.close_events(&mut self.encoder, window, &events, 0);
        self.given_up.too_long += (left_out + odd) as u64;
        entries.extend(of_events);
        for entry in entries {
            self.sealed.push_back((entry.epoch, entry.seq, now));
            self.sender.push(entry).iter().for_each(|dropped| self.given_up.count(dropped));
        }
    }

    /// Seals the next datagram that is due into `out`; false if none is, or there is no session that is good.
    pub(crate) fn next_datagram(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        self.sender.seal_next(now, out).is_some()
    }

    /// Hears what came back. What is no ack for this job is nothing.
    pub(crate) fn on_datagram(&mut self, now: Instant, datagram: &mut [u8]) {
        // The sender has counted it.
        let _ = self.sender.on_datagram(now, datagram, Route::Udp);
    }

    /// Whether to leave the source port and the gateway for others; asks once.
    pub(crate) fn leaves_source(&mut self) -> bool {
        self.sender.leaves_source()
    }

    /// How long there will be nothing to do, if nothing else happens. `None`: for ever.
    pub(crate) fn idle_for(&self, now: Instant, wall: Timestamp) -> Option<Duration> {
        let window = self.open.map(|window| window.end().since(wall));
        let resend = self.sender.next_wake(now).map(|at| at.saturating_duration_since(now));
        window.into_iter().chain(resend).min()
    }

    /// Whether an ack may be on its way.
    pub(crate) fn awaits_acks(&self) -> bool {
        !self.sender.outbox().is_empty()
    }

    /// What is not acknowledged. What was given up is told once.
    pub(crate) fn settle(&mut self) -> Left {
        let outbox = self.sender.outbox();
        let samples: u64 = outbox.waiting().map(|entry| u64::from(entry.samples)).sum();
        let left = std::mem::take(&mut self.given_up);
        Left { batches: outbox.len() as u64, samples: left.samples + samples, ..left }
    }
}

impl Left {
    fn count(&mut self, entry: &Entry) {
        self.given_up += 1;
        self.samples += u64::from(entry.samples);
    }
}

/// A job's series are shared, so nothing is repeated that it has not just said.
fn aggregation(labels: Vec<(String, String)>) -> AggregatorConfig {
    let exported = |name: String| if name == "host" { "exported_host".to_owned() } else { name };
    AggregatorConfig {
        labels: labels.into_iter().map(|(name, value)| (exported(name), value)).collect(),
        repeat_gauges: false,
        idle: Idle { counters: 1, distributions: 1, sets: 1, ..Idle::default() },
        ..AggregatorConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use weir_sample::{Series, Value};
    use weir_wire::{Ack, Batch, FleetKey, HEADER_BYTES, Header, Hints, SessionKeys, TAG_BYTES, decode, open};

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_700_000_001);

    /// The gateways' side: opens what a job sends, and answers.
    struct Gateway {
        key: FleetKey,
        got: Vec<(u64, Batch)>,
    }

    impl Gateway {
        fn new() -> Self {
            Self { key: FleetKey { id: 3, secret: [9; 32] }, got: Vec::new() }
        }

        fn let_in(&self, job: &mut Job, until: Option<Instant>) {
            job.grant(self.key.session(0, job.agent(), u32::MAX), until);
        }

        /// Reads everything that is due; answers if the way back is open.
        fn read(&mut self, job: &mut Job, now: Instant, answers: bool) {
            let mut datagram = Vec::new();
            while job.next_datagram(now, &mut datagram) {
                let header = Header::decode(&datagram).unwrap();
                let keys = SessionKeys::new(&self.key.session(0, header.agent, header.expires));
                open(&mut datagram, &keys).unwrap();
                let payload = &datagram[HEADER_BYTES..datagram.len() - TAG_BYTES];
                self.got.push((header.seq, decode(payload).unwrap()));
                let (hints, server_time) = (Hints::default(), START);
                let ack = Ack { epoch: header.epoch, seqs: vec![header.seq], hints, server_time };
                let mut sealed = Vec::new();
                ack.seal(&header, [1; 12], &keys, &mut sealed);
                if answers {
                    job.on_datagram(now, &mut sealed);
                }
            }
        }
    }

    fn job(number: u16) -> Job {
        let mut random = [0; 20];
        random[..2].copy_from_slice(&number.to_be_bytes());
        Job::new(random, Duration::from_secs(10), Vec::new(), START)
    }

    fn receive(job: &mut Job, lines: &str, now: Instant, wall: Timestamp) {
        job.receive(lines.as_bytes(), now, wall, |refused| panic!("{refused}"));
    }

    #[test]
    fn lines_count_in_their_window_and_a_flush_does_not_wait_for_its_end() {
        let (mut gateway, mut job, now) = (Gateway::new(), job(1), Instant::now());
        gateway.let_in(&mut job, None);
        receive(&mut job, "done:1|c", now, START);
        job.turn(now, START.plus(Duration::from_secs(7)));
        gateway.read(&mut job, now, true);
        assert_eq!(gateway.got, [], "the window is open");
        receive(&mut job, "done:2|c", now, START.plus(Duration::from_secs(8)));
        receive(&mut job, "done:4|c", now, START.plus(Duration::from_secs(9)));
        job.close(now);
        receive(&mut job, "done:8|c", now, START.plus(Duration::from_secs(9)));
        job.close(now);
        job.close(now);
        gateway.read(&mut job, now, true);
        let found = gateway.got.iter().map(|(seq, batch)| (*seq, batch.window.end(), batch.points[0].1.clone()));
        let end = |window: i64| Timestamp::from_secs(1_700_000_000 + 10 * window);
        let expected = [(0, end(1), 3.0), (1, end(2), 4.0), (2, end(2), 8.0)];
        assert_eq!(found.collect::<Vec<_>>(), expected.map(|(seq, end, sum)| (seq, end, Value::Counter(sum))));
        assert_eq!(gateway.got[2].1.totals.sealed_batches, 3);
        assert_eq!(job.settle(), Left::default());
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_and_given_up_after_an_hour() {
        let (mut gateway, mut job, now) = (Gateway::new(), job(1), Instant::now());
        gateway.let_in(&mut job, None);
        receive(&mut job, "done:1|c\nleft:3|g", now, START);
        job.close(now);
        let after = |seconds| now + Duration::from_secs(seconds);
        (0..5).for_each(|second| gateway.read(&mut job, after(second), false));
        assert!(gateway.got.len() > 1 && gateway.got.iter().all(|batch| *batch == gateway.got[0]));
        assert_eq!(job.settle(), Left { batches: 1, samples: 2, ..Left::default() });
        job.turn(after(3_599), START);
        assert!(job.awaits_acks());
        job.turn(after(3_600), START);
        assert_eq!(job.settle(), Left { given_up: 1, samples: 2, ..Left::default() });
        assert_eq!(job.settle(), Left::default());
    }

    #[test]
    fn nothing_is_sealed_with_a_session_that_has_ended() {
        let (mut gateway, mut job, now) = (Gateway::new(), job(1), Instant::now());
        gateway.let_in(&mut job, Some(now + Duration::from_secs(5)));
        receive(&mut job, "done:1|c", now, START);
        job.close(now);
        gateway.read(&mut job, now + Duration::from_secs(5), true);
        assert_eq!(gateway.got, []);
        gateway.let_in(&mut job, None);
        gateway.read(&mut job, now + Duration::from_secs(5), true);
        assert_eq!((gateway.got.len(), job.settle()), (1, Left::default()));
    }

    #[test]
    fn a_token_of_another_subject_makes_another_job_and_loses_nothing() {
        let (mut gateway, mut job, now) = (Gateway::new(), job(1), Instant::now());
        let own = job.agent();
        for subject in ["ci", "nightly"] {
            job.grant(gateway.key.session(0, own.for_token(0, subject), u32::MAX), None);
            assert!(job.agent().is_for_token(0, subject) && job.agent().is_job());
            receive(&mut job, "done:1|c", now, START);
            job.close(now);
            // The first window waits for its ack while the subject changes.
            gateway.read(&mut job, now, subject == "nightly");
        }
        let later = now + Duration::from_secs(5);
        gateway.read(&mut job, later, true);
        job.turn(later, START);
        assert_eq!((job.settle(), job.sealed.len()), (Left::default(), 0));
        let totals: Vec<u64> = gateway.got.iter().map(|(_, batch)| batch.totals.sealed_batches).collect();
        assert!(totals.iter().all(|sealed| *sealed == 1), "each run has its own account: {totals:?}");
    }

    #[test]
    fn a_thousand_jobs_make_one_true_series() {
        let (mut gateway, now) = (Gateway::new(), Instant::now());
        let mut values: Vec<f64> = (0..1_000).map(|job: u16| 1.0 + f64::from(job).powi(2) / 100.0).collect();
        for (number, value) in (0..).zip(&values) {
            let mut job = job(number);
            gateway.let_in(&mut job, None);
            receive(&mut job, &format!("done:1|c\ntook:{value}|d|#host:a\nusers:u{}|s", number % 300), now, START);
            job.close(now);
            gateway.read(&mut job, now, true);
        }
        let mut merged = std::collections::HashMap::<Series, Value>::new();
        for (series, value) in gateway.got.into_iter().flat_map(|(_, batch)| batch.points) {
            assert_eq!(series.label("host"), None, "all of it is shared");
            match merged.get_mut(&series) {
                Some(sum) => sum.merge(value),
                None => drop(merged.insert(series, value)),
            }
        }
        assert_eq!(merged[&Series::named("done")], Value::Counter(1_000.0));
        let Value::Distribution(took) = &merged[&Series::new("took", [("exported_host", "a")])] else { panic!() };
        values.sort_by(f64::total_cmp);
        let p99 = took.quantile(0.99);
        assert!((p99 / values[989] - 1.0).abs() <= 0.01, "{p99}, exactly {}", values[989]);
        let Value::Set(users) = &merged[&Series::named("users")] else { panic!() };
        assert!((users.estimate() / 300.0 - 1.0).abs() < 0.05, "{}", users.estimate());
    }
}
