//! The sender's side of delivery: windows in, sealed datagrams out, acks in. Agents, jobs and simulated hosts share it.
//!
//! ```text
//! close_window ──▶ entries ──▶ (spool) ──push──▶ outbox ──seal_next──▶ datagram   on_datagram ──▶ delivered entries
//! ```
//! It is told the time, and what became of sockets and files. It does no IO.

mod ledger;
mod outbox;
#[cfg(test)]
mod outbox_tests;
mod renewal;
mod sessions;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use weir_sample::{Event, Series, Timestamp, Value, Window};

use crate::{
    Ack, AgentId, Batch, DEFAULT_DATAGRAM_BYTES, DICTIONARY_ID, DatagramKind, Encoder, Epoch, HEADER_BYTES, Header,
    PackedLayout, Refusal, Session, TAG_BYTES, Totals, moved_back, seal, window_of,
};

pub use ledger::{Ledger, Lost};
pub use outbox::{Entry, Outbox, OutboxConfig, Route, Transmit};
pub use renewal::Renewal;
use sessions::Sessions;

/// One run of one agent, between its closed windows and their acks.
#[derive(Debug)]
pub struct Sender {
    agent: AgentId,
    epoch: Epoch,
    next_seq: u64,
    /// Batches that the last window took; the next will likely take as many.
    slices: u64,
    outbox: Outbox,
    sessions: Sessions,
    ledger: Ledger,
    /// The account when this epoch began: batches tell what came after.
    before: Totals,
    /// The epoch that this sender began with: batches of earlier ones were sealed by a run before it.
    first_epoch: Epoch,
    /// The highest number that was acked of each of the last epochs.
    acked: BTreeMap<Epoch, u64>,
    /// What the last ack said of the server's clock, until it is asked for.
    server_time: Option<Timestamp>,
}

/// What [`Sender::seal_next`] has sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The run of the batch.
    pub epoch: Epoch,
    /// Its number in that run.
    pub seq: u64,
    /// By which way to send it.
    pub route: Route,
}

/// Bytes of payload that a datagram carries.
pub const PAYLOAD_BYTES: usize = DEFAULT_DATAGRAM_BYTES - HEADER_BYTES - TAG_BYTES;
/// From the end of a stream to the next one: a gateway that is away is not asked without pause.
const STREAM_PAUSE: Duration = Duration::from_millis(500);
/// Clocks are set seldom; of older epochs nothing waits that is not settled.
const EPOCHS_REMEMBERED: usize = 8;
/// Attempts at a batch that says itself how many it is part of.
const MAX_TRIES: u32 = 3;

impl Sender {
    /// A sender that has closed no window yet. `seed` is any random number, for jitter.
    pub fn new(agent: AgentId, epoch: Epoch, config: OutboxConfig, seed: u64) -> Self {
        Self {
            agent,
            epoch,
            next_seq: 0,
            slices: 1,
            outbox: Outbox::new(config, seed),
            sessions: Sessions::default(),
            ledger: Ledger::default(),
            before: Totals::default(),
            first_epoch: epoch,
            acked: BTreeMap::new(),
            server_time: None,
        }
    }

    /// Goes on in another epoch, as after a restart; what waits is still delivered.
    pub fn begin_epoch(&mut self, epoch: Epoch) {
        self.before = self.totals(0);
        (self.epoch, self.next_seq) = (epoch, 0);
    }

    /// Whose batches these are.
    pub fn agent(&self) -> AgentId {
        self.agent
    }

    /// Seals with this session from now on, until then; `None`: for ever. Batches are of the agent that it is for.
    pub fn grant(&mut self, session: Session, until: Option<Instant>) {
        self.agent = session.agent;
        self.sessions.grant(session, until);
    }

    /// Whether this session makes another agent of one that may have sent already, as a token of another subject does. It
    /// takes an epoch of its own then: see [`Sender::begin_epoch`].
    pub fn is_renamed_by(&self, session: &Session) -> bool {
        session.agent != self.agent && !self.sessions.is_empty()
    }

    /// The epoch of the batches that are made now.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Counts a request for a session that failed; the sessions of before stay.
    pub fn on_failed_session(&mut self) {
        self.ledger.failed_sessions += 1;
    }

    /// A window's points as numbered batches, for [`Sender::push`] or first for a spool. The second result counts the points
    /// that fit no datagram. `on_disk` is how many batches wait outside the outbox.
    pub fn close_window(
        &mut self,
        encoder: &mut Encoder,
        window: Window,
        points: Vec<(Series, Value)>,
        on_disk: u64,
    ) -> (Vec<Entry>, usize) {
        if points.is_empty() {
            return (Vec::new(), 0);
        }
        let mut batch = Batch { window, totals: Totals::default(), points };
        let (payloads, left_out) = self.encode(encoder, &mut batch, on_disk);
        self.ledger.left_out += left_out as u64;
        let (whole, split) = (batch.points.len() - left_out, payloads.len() > 1);
        // How a split fell is in the slices only.
        let samples = |payload: &[u8]| if split { samples_in(payload) } else { whole };
        let entries = payloads.into_iter().map(|payload| self.number(samples(&payload), payload)).collect();
        (entries, left_out)
    }

    /// Events as numbered batches, for [`Sender::push`] or first for a spool. The second result counts those that fit no
    /// datagram. `on_disk` is how many batches wait outside the outbox.
    pub fn close_events(
        &mut self,
        encoder: &mut Encoder,
        window: Window,
        events: &[Event],
        on_disk: u64,
    ) -> (Vec<Entry>, usize) {
        let (mut slices, mut tries) = (1, 0);
        loop {
            let totals = self.totals_with(slices, 0, on_disk);
            let (payloads, left_out) = encoder.encode_events(window, &totals, events, PAYLOAD_BYTES);
            let are = payloads.len() as u64;
            tries += 1;
            if are == slices || are == 0 || tries == MAX_TRIES {
                return (payloads.into_iter().map(|payload| self.number(0, payload)).collect(), left_out);
            }
            slices = are;
        }
    }

    /// A row of values as numbered batches, one for each of the layouts that stand for its columns in order.
    ///
    /// # Panics
    /// If there are not as many values as columns.
    pub fn close_row(
        &mut self,
        encoder: &mut Encoder,
        window: Window,
        layouts: &[PackedLayout],
        mut row: &[f64],
    ) -> Vec<Entry> {
        let totals = self.totals_with(layouts.len() as u64, row.len() as u64, 0);
        let mut entries = Vec::with_capacity(layouts.len());
        for layout in layouts {
            let (slice, rest) = row.split_at(layout.width());
            row = rest;
            let payload = encoder.encode_row(layout, window, &totals, slice);
            entries.push(self.number(slice.len(), payload));
        }
        assert!(row.is_empty(), "a row has a value per column");
        entries
    }

    /// Encodes with totals that count this batch too, which takes knowing how many payloads it will be.
    fn encode(&mut self, encoder: &mut Encoder, batch: &mut Batch, on_disk: u64) -> (Vec<Vec<u8>>, usize) {
        let mut tries = 0;
        loop {
            batch.totals = self.totals_with(self.slices, batch.points.len() as u64, on_disk);
            let (payloads, left_out) = encoder.encode(batch, PAYLOAD_BYTES);
            let slices = payloads.len() as u64;
            tries += 1;
            if slices == self.slices || slices == 0 || tries == MAX_TRIES {
                return (payloads, left_out);
            }
            self.slices = slices;
        }
    }

    fn number(&mut self, samples: usize, payload: Vec<u8>) -> Entry {
        let entry = Entry { epoch: self.epoch, seq: self.next_seq, payload, samples: samples as u32 };
        self.next_seq += 1;
        self.ledger.count_sealed(&entry);
        entry
    }

    /// Hands over a batch for delivery. Returns the oldest ones if there is no room for all; they count as dropped.
    pub fn push(&mut self, entry: Entry) -> Vec<Entry> {
        self.outbox.push(entry)
    }

    /// Gives the oldest batch up; it counts as dropped.
    pub fn drop_oldest(&mut self) -> Option<Entry> {
        self.outbox.drop_oldest()
    }

    /// Gives up what a full spool has given up, in memory too, and counts each batch once.
    pub fn shed(&mut self, lost: &Lost) {
        let before = self.outbox.totals();
        while self.outbox.waiting().next().is_some_and(|oldest| (oldest.epoch, oldest.seq) <= lost.last) {
            self.outbox.drop_oldest();
        }
        let after = self.outbox.totals();
        let dropped = after.dropped_batches - before.dropped_batches;
        self.ledger.count_shed(lost, dropped, after.dropped_samples - before.dropped_samples);
    }

    /// Seals the next batch that is due into `out`; call until `None`. Without a session that is good nothing is due.
    pub fn seal_next(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Sealed> {
        let granted = self.sessions.good(now)?;
        let Transmit { entry, route } = self.outbox.poll(now)?;
        let header = Header {
            kind: DatagramKind::Batch,
            ack_wanted: true,
            dictionary: DICTIONARY_ID,
            key_id: granted.session.key_id,
            tenant: granted.session.tenant,
            expires: granted.session.expires,
            agent: self.agent,
            epoch: entry.epoch,
            seq: entry.seq,
        };
        seal(&header, &entry.payload, &granted.keys, out);
        Some(Sealed { epoch: entry.epoch, seq: entry.seq, route })
    }

    /// When [`Sender::seal_next`] will have something next, if nothing else happens.
    pub fn next_wake(&self, now: Instant) -> Option<Instant> {
        self.sessions.good(now).and_then(|_| self.outbox.next_wake(now))
    }

    /// Takes in what came back by `route`, in place. Returns the batches that are delivered now; what is no ack for this
    /// sender is counted by its reason.
    pub fn on_datagram(&mut self, now: Instant, datagram: &mut [u8], route: Route) -> Result<Vec<Entry>, Refusal> {
        let ack = self.open_ack(datagram).inspect_err(|refusal| self.ledger.count_refused_ack(*refusal))?;
        self.server_time = Some(ack.server_time);
        let delivered = self.outbox.on_ack(now, &ack, route);
        for entry in &delivered {
            if entry.epoch == self.epoch {
                self.ledger.count_acked(entry);
            }
            let highest = self.acked.entry(entry.epoch).or_default();
            *highest = entry.seq.max(*highest);
        }
        while self.acked.len() > EPOCHS_REMEMBERED {
            self.acked.pop_first();
        }
        Ok(delivered)
    }

    /// What the ack that came last said of the server's clock; tells it once.
    pub fn take_server_time(&mut self) -> Option<Timestamp> {
        self.server_time.take()
    }

    /// Takes back what waits of windows that end after this time, for [`Sender::number_again`]. To be asked for only what every
    /// gateway refuses: a batch that was taken by one would be counted twice under another number. So what was sent stays until
    /// it has had time to be acked.
    pub fn withdraw(&mut self, now: Instant, ending_after: Timestamp) -> Vec<Entry> {
        let withdrawn = self.outbox.withdraw(now, |payload| window_of(payload).is_some_and(|w| w.end() > ending_after));
        for entry in withdrawn.iter().filter(|entry| entry.epoch >= self.first_epoch) {
            self.ledger.uncount_sealed(entry);
            // One after it that was delivered has told of it: then this epoch tells of one less.
            let is_told = self.acked.get(&entry.epoch).is_some_and(|&seq| seq > entry.seq);
            if entry.epoch < self.epoch && !is_told {
                self.before.sealed_batches -= 1;
                self.before.sealed_samples -= u64::from(entry.samples);
            }
        }
        withdrawn
    }

    /// A batch that was withdrawn, as one of this epoch whose window is so much earlier. Its number is new, since no two
    /// payloads may ever be sealed under one, and the account that it tells is this epoch's.
    pub fn number_again(&mut self, entry: &Entry, earlier_by: Duration) -> Entry {
        let totals = self.totals_with(1, entry.samples.into(), 0);
        let payload = moved_back(&entry.payload, earlier_by, &totals).unwrap_or_else(|| entry.payload.clone());
        self.number(entry.samples as usize, payload)
    }

    /// Opens an ack with the session that it answers.
    fn open_ack(&self, datagram: &mut [u8]) -> Result<Ack, Refusal> {
        let header = Header::decode_any_length(datagram)?;
        let granted = self.sessions.answered(&header).ok_or(Refusal::UnknownKey)?;
        Ack::open(datagram, &granted.keys).map(|(_, ack)| ack)
    }

    /// Counts a send that could not be made: nobody listens, or there is no socket. The outbox sends again, as what the
    /// network has lost.
    pub fn on_failed_send(&mut self) {
        self.ledger.failed_sends += 1;
    }

    /// The stream is gone, and with it what was in flight on it: that is due again after a pause.
    pub fn on_broken_stream(&mut self, now: Instant) {
        self.outbox.on_broken_stream(now + STREAM_PAUSE);
    }

    /// Whether to leave the source port, stream and gateway for others before the next send; asks once.
    pub fn leaves_source(&mut self) -> bool {
        self.outbox.leaves_source()
    }

    /// What waits, and by which way it goes.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// What was counted besides.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// This sender's account since it was made. `on_disk` is how many batches wait outside the outbox.
    pub fn totals(&self, on_disk: u64) -> Totals {
        let (outbox, ledger) = (self.outbox.totals(), &self.ledger);
        Totals {
            sealed_batches: ledger.sealed_batches,
            sealed_samples: ledger.sealed_samples,
            acked_batches: ledger.acked_batches,
            acked_samples: ledger.acked_samples,
            resent_batches: outbox.resent_batches,
            dropped_batches: outbox.dropped_batches + ledger.shed_batches,
            dropped_samples: outbox.dropped_samples + ledger.shed_samples,
            spooled_batches: outbox.spooled_batches + on_disk,
        }
    }

    /// The epoch's account, as it travels in every batch, with a window that is about to be sealed.
    fn totals_with(&self, batches: u64, samples: u64, on_disk: u64) -> Totals {
        let (mut totals, before) = (self.totals(on_disk), &self.before);
        // Less for a moment, while batches that an earlier epoch has told of are numbered again.
        totals.sealed_batches = (totals.sealed_batches + batches).saturating_sub(before.sealed_batches);
        totals.sealed_samples = (totals.sealed_samples + samples).saturating_sub(before.sealed_samples);
        totals.acked_batches -= before.acked_batches;
        totals.acked_samples -= before.acked_samples;
        totals.resent_batches -= before.resent_batches;
        totals.dropped_batches -= before.dropped_batches;
        totals.dropped_samples -= before.dropped_samples;
        totals
    }
}

fn samples_in(payload: &[u8]) -> usize {
    crate::decode(payload).map_or(0, |batch| batch.points.len())
}
