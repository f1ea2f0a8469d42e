//! The sender's half of delivery: what was pushed stays here until it is acked, and is sent again when it is not.
//!
//! Told the time, handed acks; it says what to send, when to wake, and when to try another way. It does no IO.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::{Ack, Epoch, Totals, WINDOW};

/// How an outbox behaves.
#[derive(Clone, Copy, Debug)]
pub struct OutboxConfig {
    /// Bytes of payload kept. Beyond that the oldest batch is handed back by [`Outbox::push`].
    pub max_bytes: usize,
    /// Batches sent and not yet acked, at most. Never more than [`WINDOW`]. While no ack comes fewer are sent, in the end
    /// one: a fleet with full spools must not flood the gateway that comes back.
    pub max_in_flight: usize,
    /// Wait for the first ack before a round trip has been measured.
    pub first_timeout: Duration,
    /// Wait for the first ack on TLS, which sends again by itself: this is for gateways that hang.
    pub tls_timeout: Duration,
    /// The longest wait between two sends of one batch. In silence one batch at a time is sent, so this is also how often
    /// each agent knocks at a gateway that is away.
    pub max_timeout: Duration,
    /// Rounds of timeouts without any ack after which to take a new source port, and again after as many more. A round
    /// lasts `first_timeout` at least, however many batches time out in it.
    pub silence_before_new_source: u32,
    /// The way to begin with.
    pub route: Route,
    /// Time from the first send that nothing has answered until TLS is used instead of UDP. `None`: never.
    pub silence_before_tls: Option<Duration>,
    /// On TLS: how often to try one batch by UDP. `None`: never.
    pub udp_probe: Option<Duration>,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            max_bytes: 4 << 20,
            max_in_flight: 64,
            first_timeout: Duration::from_millis(500),
            tls_timeout: Duration::from_secs(10),
            max_timeout: Duration::from_secs(2),
            silence_before_new_source: 4,
            route: Route::Udp,
            silence_before_tls: Some(Duration::from_secs(20)),
            udp_probe: Some(Duration::from_secs(30)),
        }
    }
}

/// A gateway that takes a batch has said so by then.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
/// The first timeout of a new batch is at most eight times what the measured round trip asks for.
const MAX_BACKOFF: u32 = 3;

/// A batch on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The run it was sealed in.
    pub epoch: Epoch,
    /// Its number in that run.
    pub seq: u64,
    /// The encoded batch; never changes, so that sealing it again gives the same bytes.
    pub payload: Vec<u8>,
    /// Samples in it.
    pub samples: u32,
}

/// By which way to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Sealed datagrams.
    Udp,
    /// The TLS stream.
    Tls,
}

/// What to send now.
#[derive(Debug)]
pub struct Transmit<'a> {
    /// The batch.
    pub entry: &'a Entry,
    /// How.
    pub route: Route,
}

/// The sender's state.
#[derive(Debug)]
pub struct Outbox {
    config: OutboxConfig,
    waiting: VecDeque<Pending>,
    bytes: usize,
    route: Route,
    /// How many answers may be awaited at once: halved by every silent round, widened by every ack.
    allowed: usize,
    /// The first send since the last ack.
    unanswered: Option<Instant>,
    /// Rounds of timeouts since the last ack, and when the latest began.
    silent: u32,
    silent_round: Option<Instant>,
    new_source: bool,
    probe_due: Option<Instant>,
    smoothed_rtt: Option<Duration>,
    /// Doublings that new batches start with: what timed out told nothing of how long an answer takes.
    backoff: u32,
    slow_until: Option<Instant>,
    chance: u64,
    totals: Totals,
}

#[derive(Debug)]
struct Pending {
    entry: Entry,
    first_sent: Option<Instant>,
    sends: u32,
    due: Option<Instant>,
    probe: bool,
}

impl Pending {
    fn is_awaited(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due > now)
    }
}

impl Outbox {
    /// An empty outbox. `seed` is any random number, for jitter.
    pub fn new(config: OutboxConfig, seed: u64) -> Self {
        Self {
            config,
            waiting: VecDeque::new(),
            bytes: 0,
            route: config.route,
            allowed: config.max_in_flight.clamp(1, WINDOW as usize),
            unanswered: None,
            silent: 0,
            silent_round: None,
            new_source: false,
            probe_due: None,
            smoothed_rtt: None,
            backoff: 0,
            slow_until: None,
            chance: seed | 1,
            totals: Totals::default(),
        }
    }

    /// Puts a batch in line for delivery. Returns the oldest ones if there is no room for all; they count as dropped.
    pub fn push(&mut self, entry: Entry) -> Vec<Entry> {
        self.bytes += entry.payload.len();
        let at = self.waiting.partition_point(|p| (p.entry.epoch, p.entry.seq) < (entry.epoch, entry.seq));
        self.waiting.insert(at, Pending { entry, first_sent: None, sends: 0, due: None, probe: false });
        let mut dropped = Vec::new();
        while self.bytes > self.config.max_bytes && self.waiting.len() > 1 {
            dropped.extend(self.drop_oldest());
        }
        dropped
    }

    /// Gives the oldest batch up, for want of room; it counts as dropped.
    pub fn drop_oldest(&mut self) -> Option<Entry> {
        let oldest = self.waiting.pop_front()?;
        self.bytes -= oldest.entry.payload.len();
        self.totals.dropped_batches += 1;
        self.totals.dropped_samples += u64::from(oldest.entry.samples);
        Some(oldest.entry)
    }

    /// Takes back the batches whose payload is `wanted`, but for those that an ack may still be on its way for.
    pub(super) fn withdraw(&mut self, now: Instant, wanted: impl Fn(&[u8]) -> bool) -> Vec<Entry> {
        let is_settled = |pending: &Pending| {
            pending.first_sent.is_none_or(|first| now.saturating_duration_since(first) >= LONGEST_ANSWER)
        };
        let (mut kept, mut withdrawn) = (VecDeque::with_capacity(self.waiting.len()), Vec::new());
        for pending in self.waiting.drain(..) {
            if is_settled(&pending) && wanted(&pending.entry.payload) {
                self.bytes -= pending.entry.payload.len();
                withdrawn.push(pending.entry);
            } else {
                kept.push_back(pending);
            }
        }
        self.waiting = kept;
        withdrawn
    }

    /// The next batch to send at `now`, oldest first; call until `None`.
    ///
    /// In silence the batch that was sent least often goes first: one that no gateway takes must not hold up the others.
    pub fn poll(&mut self, now: Instant) -> Option<Transmit<'_>> {
        self.watch_silence(now);
        if self.answers_awaited(now) >= self.allowed {
            return None;
        }
        let due = self.sendable().filter(|(_, pending)| self.due(pending, now) <= now);
        let first = |(at, pending): &(usize, &Pending)| (if self.silent > 0 { pending.sends } else { 0 }, *at);
        let (at, _) = due.min_by_key(first)?;
        self.totals.resent_batches += u64::from(self.waiting[at].sends > 0);
        self.unanswered.get_or_insert(now);
        let probe = self.route == Route::Tls && self.probe_due.is_some_and(|due| due <= now);
        if probe {
            self.probe_due = self.config.udp_probe.map(|probe| now + probe);
        }
        let route = if probe { Route::Udp } else { self.route };
        let timeout = self.timeout(self.waiting[at].sends, route);
        let pending = &mut self.waiting[at];
        pending.first_sent.get_or_insert(now);
        pending.sends += 1;
        pending.due = Some(now + timeout);
        pending.probe = probe;
        Some(Transmit { entry: &pending.entry, route })
    }

    /// When [`Outbox::poll`] will have something next, if nothing else happens.
    pub fn next_wake(&self, now: Instant) -> Option<Instant> {
        let full = self.answers_awaited(now) >= self.allowed;
        let candidates = self.sendable().filter(|(_, pending)| !full || pending.is_awaited(now));
        candidates.map(|(_, pending)| self.due(pending, now)).min()
    }

    /// Batches sent whose timeout has not passed.
    fn answers_awaited(&self, now: Instant) -> usize {
        self.sendable().filter(|(_, pending)| pending.is_awaited(now)).count()
    }

    /// What may be in flight: the oldest batches, as far as the receiver's window over their epoch reaches.
    fn sendable(&self) -> impl Iterator<Item = (usize, &Pending)> {
        let mut oldest = (Epoch::default(), 0);
        self.waiting.iter().enumerate().take(self.config.max_in_flight.clamp(1, WINDOW as usize)).filter(
            move |(at, Pending { entry, .. })| {
                if *at == 0 || oldest.0 != entry.epoch {
                    oldest = (entry.epoch, entry.seq);
                }
                entry.seq - oldest.1 < WINDOW
            },
        )
    }

    /// A batch that was not sent so far is due at once, or when the gateway's wish for slowness has passed.
    fn due(&self, pending: &Pending, now: Instant) -> Instant {
        pending.due.unwrap_or_else(|| self.slow_until.map_or(now, |until| until.max(now)))
    }

    /// Hears an ack that came by `route`. Returns the entries that are delivered now.
    pub fn on_ack(&mut self, now: Instant, ack: &Ack, route: Route) -> Vec<Entry> {
        let mut delivered = Vec::new();
        for seq in &ack.seqs {
            let key = (ack.epoch, *seq);
            let Ok(at) = self.waiting.binary_search_by_key(&key, |p| (p.entry.epoch, p.entry.seq)) else { continue };
            let Some(pending) = self.waiting.remove(at) else { continue };
            self.bytes -= pending.entry.payload.len();
            self.totals.acked_batches += 1;
            self.totals.acked_samples += u64::from(pending.entry.samples);
            // A batch sent twice does not tell which send was answered.
            if let (1, Some(first)) = (pending.sends, pending.first_sent) {
                self.observe_rtt(now.saturating_duration_since(first));
            }
            if pending.probe && route == Route::Udp {
                self.route = Route::Udp;
            }
            delivered.push(pending.entry);
        }
        if !delivered.is_empty() {
            (self.unanswered, self.silent, self.silent_round) = (None, 0, None);
            self.allowed =
                (self.allowed + 2 * delivered.len()).min(self.config.max_in_flight).clamp(1, WINDOW as usize);
        }
        self.new_source |= ack.hints.drain;
        if ack.hints.slow {
            self.slow_until = Some(now + self.config.first_timeout * 2);
        }
        delivered
    }

    /// The stream is gone, and with it what was in flight on it: that is due again at once.
    pub fn on_broken_stream(&mut self, now: Instant) {
        self.waiting.iter_mut().filter(|pending| pending.sends > 0 && !pending.probe).for_each(|p| p.due = Some(now));
    }

    /// Whether to leave the source port, stream and gateway for others before the next send; asks once.
    pub fn leaves_source(&mut self) -> bool {
        std::mem::take(&mut self.new_source)
    }

    /// Rounds of timeouts since the last ack that delivered something.
    pub fn silent_rounds(&self) -> u32 {
        self.silent
    }

    /// The way that is used now.
    pub fn route(&self) -> Route {
        self.route
    }

    /// Batches that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether everything pushed was acked or dropped.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes of payload that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Everything that waits, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = &Entry> {
        self.waiting.iter().map(|pending| &pending.entry)
    }

    /// Batches sent at least once and not acked.
    pub fn in_flight(&self) -> impl Iterator<Item = &Entry> {
        self.waiting.iter().filter(|pending| pending.sends > 0).map(|pending| &pending.entry)
    }

    /// The account so far; what was sealed is the caller's to add.
    pub fn totals(&self) -> Totals {
        Totals { spooled_batches: self.waiting.len() as u64, ..self.totals }
    }

    /// Silence is told by the time and by what has timed out, never by which batch is sent next: new ones go first.
    fn watch_silence(&mut self, now: Instant) {
        let lasts = self.unanswered.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if self.route == Route::Udp && self.config.silence_before_tls.is_some_and(|most| lasts >= most) {
            self.route = Route::Tls;
            self.probe_due = self.config.udp_probe.map(|probe| now + probe);
            // What is in flight by UDP holds up nothing.
            self.waiting.iter_mut().for_each(|pending| pending.due = pending.due.map(|due| due.min(now)));
        }
        let (round, least) = (self.silent_round, self.config.first_timeout);
        if round.is_some_and(|began| now.saturating_duration_since(began) < least) {
            return;
        }
        let timed_out = |due: Instant| due <= now && round.is_none_or(|began| due > began);
        // A probe that is lost says nothing of TLS.
        if self.sendable().any(|(_, pending)| pending.sends > 0 && !pending.probe && pending.due.is_some_and(timed_out))
        {
            self.count_round(now);
        }
    }

    fn count_round(&mut self, now: Instant) {
        self.silent_round = Some(now);
        self.silent += 1;
        self.allowed = (self.allowed / 2).max(1);
        self.backoff = (self.backoff + 1).min(MAX_BACKOFF);
        if self.silent.is_multiple_of(self.config.silence_before_new_source) {
            self.new_source = true;
        }
    }

    fn observe_rtt(&mut self, rtt: Duration) {
        self.smoothed_rtt = Some(self.smoothed_rtt.map_or(rtt, |smoothed| (smoothed * 7 + rtt) / 8));
        self.backoff = 0;
    }

    /// Doubles with every send and every silent round, with up to a quarter of jitter so that a fleet does not resend in step.
    fn timeout(&mut self, sends: u32, route: Route) -> Duration {
        let measured = self.smoothed_rtt.map(|rtt| (rtt * 3).max(self.config.first_timeout / 5));
        let first = match route {
            Route::Udp => measured.unwrap_or(self.config.first_timeout),
            Route::Tls => self.config.tls_timeout,
        };
        let doubled = first
            .saturating_mul(1 << sends.max(self.backoff).max(self.silent).min(16))
            .min(self.config.max_timeout.max(first));
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        doubled + doubled.mul_f64((self.chance % 256) as f64 / 1_024.0)
    }
}
