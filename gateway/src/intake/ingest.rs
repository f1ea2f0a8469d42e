//! The one way of a sealed datagram into the queue, whatever brought it: open → shed → append → ack.
//!
//! A transport says when it begins, offers its datagrams one by one, and appends what was accepted together. The payloads
//! stay where they were opened until then: in the ring of a socket, or in a copy where a stream needs its buffer again.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use weir_queue::{Lane, Record, RecordKind};
use weir_sample::Timestamp;
use weir_wire::{Decoder, Header, Hints, Refusal, SenderId};

use crate::{
    acks::{AckWriter, Group, Waiting},
    clones::{ONE_OF, Sighted},
    counters::Add,
    open::{Opened, Opener, Tenant, payload},
    shared::Shared,
    shed::{Shed, Shedder},
};

/// The ingest of one thread.
pub(crate) struct Ingest {
    shared: Arc<Shared>,
    opener: Opener,
    decoder: Decoder,
    shedder: Shedder,
    /// How far past this machine's clock a window may end; zero means no limit.
    clock_ahead: Duration,
    /// Of what is told without acknowledging anything.
    writer: AckWriter,
    received: Instant,
    now: Timestamp,
    pressure: f64,
    hints: Hints,
    /// Batches accepted since the last append, and what records they become.
    accepted: Vec<Waiting>,
    marks: Vec<Mark>,
    groups: flume::Sender<Group>,
    /// Vectors that the acknowledging thread has emptied.
    spare: flume::Receiver<Vec<Waiting>>,
}

/// What is decided about a batch before it is a record.
type Mark = (RecordKind, Lane);

/// Who sends a datagram, and what it may be.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) peer: SocketAddr,
    pub(crate) tenant: Tenant,
    pub(crate) max_bytes: usize,
}

/// What became of a datagram. Whatever is refused has been counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ingested<'a> {
    /// Its payload is to be appended.
    Accepted,
    /// It authenticated and was refused: its agent is to get this sealed ack of nothing, which says why.
    Told(&'a [u8]),
    /// It was refused for this reason, and by UDP nobody is told.
    Refused(&'static str),
    /// It authenticated, for a tenant that its peer may not send for. This is the transport's to count.
    Foreign,
}

/// Why a datagram goes no further.
enum Refused {
    /// It did not open.
    Wire(Refusal),
    /// It opened, but its peer may not send for its tenant.
    Foreign,
    /// It opened, but its window ends too far in the future: its agent is told the time.
    ClockAhead(Opened),
    /// It opened, but there is no room for it now: its agent is told to slow down.
    Shed(Opened, Shed),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Wire(refusal)
    }
}

impl Ingest {
    pub(crate) fn new(
        shared: Arc<Shared>,
        opener: Opener,
        clock_ahead: Duration,
        groups: flume::Sender<Group>,
        spare: flume::Receiver<Vec<Waiting>>,
    ) -> Self {
        Self {
            opener,
            decoder: Decoder::new(),
            shedder: Shedder::new(Arc::clone(&shared.shedding)),
            shared,
            clock_ahead,
            writer: AckWriter::default(),
            received: Instant::now(),
            now: Timestamp(0),
            pressure: 0.0,
            hints: Hints::default(),
            accepted: Vec::new(),
            marks: Vec::new(),
            groups,
            spare,
        }
    }

    /// Begins with datagrams that were received together. Time and pressure are looked at once for all of them.
    pub(crate) fn begin(&mut self, received: Instant, now: Timestamp) {
        (self.received, self.now, self.pressure) = (received, now, self.shared.pressure());
        self.hints = self.shared.hints(self.pressure);
        if self.accepted.capacity() == 0 {
            self.accepted = self.spare.try_recv().unwrap_or_default();
        }
        // Nothing is left of the last time, unless a panic has cut it short.
        self.accepted.clear();
        self.marks.clear();
    }

    /// Opens a datagram in place and decides whether there is room for it.
    pub(crate) fn offer(&mut self, datagram: &mut [u8], origin: Origin) -> Ingested<'_> {
        let cause_bytes = datagram.len();
        match self.admit(datagram, origin) {
            Ok((Opened { header, keys }, mark)) => {
                self.accepted.push(Waiting { peer: origin.peer, keys, header, cause_bytes });
                self.marks.push(mark);
                Ingested::Accepted
            }
            Err(Refused::Wire(refusal)) => {
                self.refuse(refusal.reason());
                self.shared.refusers.note(refusal.reason(), origin.peer.ip(), self.received);
                Ingested::Refused(refusal.reason())
            }
            Err(Refused::Foreign) => Ingested::Foreign,
            Err(Refused::ClockAhead(opened)) => {
                self.refuse("clock_ahead");
                self.shared.refusers.note("clock_ahead", origin.peer.ip(), self.received);
                self.tell(&opened, cause_bytes, self.hints, "clock_ahead")
            }
            Err(Refused::Shed(opened, shed)) => {
                let reason = self.shared.shedding.count(shed);
                if let Some(reason) = reason {
                    self.refuse(reason);
                }
                self.tell(&opened, cause_bytes, Hints { slow: true, ..self.hints }, reason.unwrap_or("shed"))
            }
        }
    }

    fn admit(&mut self, datagram: &mut [u8], origin: Origin) -> Result<(Opened, Mark), Refused> {
        if datagram.len() > origin.max_bytes {
            return Err(Refusal::TooLong.into());
        }
        let opened = self.opener.open(datagram, self.now)?;
        if origin.tenant.excludes(opened.header.tenant) {
            return Err(Refused::Foreign);
        }
        let head = self.decoder.head(payload(datagram)).map_err(|_| Refusal::Content)?;
        if !self.clock_ahead.is_zero() && head.window.end().since(self.now) > self.clock_ahead {
            return Err(Refused::ClockAhead(opened));
        }
        self.look_for_clone(&opened.header, head.window.end(), origin.peer);
        match self.shedder.admit(&opened.header, &head, &mut self.decoder, self.pressure, self.now) {
            Ok(lane) => Ok((opened, (if head.has_events() { RecordKind::Events } else { RecordKind::Batch }, lane))),
            Err(shed) => Err(Refused::Shed(opened, shed)),
        }
    }

    /// A job's id is used once; every other sender is one agent.
    fn look_for_clone(&self, header: &Header, end: Timestamp, peer: SocketAddr) {
        if !header.seq.is_multiple_of(ONE_OF) || header.agent.is_job() {
            return;
        }
        let sender = SenderId { tenant: header.tenant, agent: header.agent };
        let seen = Sighted { epoch: header.epoch, peer, end };
        if let Some([one, other]) = self.shared.clones.note(sender, seen, self.received) {
            self.shared.counters.cloned_agents.add(1);
            tracing::warn!(%sender, %one, %other, "two agents have one id: was a state folder copied? delete that of one of them");
        }
    }

    fn refuse(&self, reason: &str) {
        self.shared.counters.refused.count(reason, 1);
    }

    /// Like an ack, what is told is never larger than its cause.
    fn tell(&mut self, opened: &Opened, cause_bytes: usize, hints: Hints, reason: &'static str) -> Ingested<'_> {
        let sealed = self.writer.write(&opened.header, std::iter::empty(), hints, self.now, &opened.keys);
        if sealed.len() <= cause_bytes { Ingested::Told(sealed) } else { Ingested::Refused(reason) }
    }

    /// Appends what was accepted, whose payloads come in the same order, and has it acknowledged once it is durable: by
    /// `reply` to the stream that it came by, or to each batch's peer.
    pub(crate) fn append<'a>(
        &mut self,
        payloads: impl Iterator<Item = &'a [u8]>,
        reply: Option<flume::Sender<Vec<u8>>>,
    ) {
        let counters = &self.shared.counters;
        counters.derived_sessions.add(self.opener.drain_derived());
        if self.accepted.is_empty() {
            return;
        }
        let batches = std::mem::take(&mut self.accepted);
        let record =
            |((batch, mark), payload): ((&Waiting, Mark), &'a [u8])| record(&batch.header, payload, mark, self.now);
        let records: Vec<Record<'_>> = batches.iter().zip(self.marks.drain(..)).zip(payloads).map(record).collect();
        match self.shared.log.append(&records) {
            Ok(position) => {
                let count = batches.len();
                counters.batches.add(count);
                let group = Group { position, received: self.received, batches, reply };
                if self.groups.try_send(group).is_err() {
                    counters.unacked.channel_full.add(count);
                }
            }
            Err(error) => {
                counters.refused.count(queue_reason(&error), batches.len() as u64);
                self.shared.report_queue(&Err(error));
            }
        }
    }
}

/// The queue's record of a batch.
fn record<'a>(header: &Header, payload: &'a [u8], (kind, lane): Mark, received: Timestamp) -> Record<'a> {
    let Header { tenant, agent, epoch, seq, .. } = *header;
    Record { kind, lane, tenant, agent, epoch, seq, received, payload }
}

/// The reason under which batches that the queue would not have are counted.
fn queue_reason(error: &weir_queue::Error) -> &'static str {
    match error {
        weir_queue::Error::Busy => "queue_busy",
        weir_queue::Error::Full => "queue_full",
        weir_queue::Error::TooLarge(_) => "oversize",
        _ => "queue_failed",
    }
}
