//! The receiving threads: datagrams in, batches appended to the queue, groups handed to the acknowledging thread.
//!
//! Per system call: one clock reading, one append, one message. Per datagram in the steady state: no allocation, no
//! lock, no log line. Nothing here waits but for the network.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use weir_link::{Outgoing, Ring, UdpSocket};
use weir_meters::{CpuMeter, Load, LoadMeter};
use weir_queue::{Lane, Record};
use weir_sample::Timestamp;
use weir_wire::{Header, Hints};

use crate::{
    acks::{AckWriter, Group, Waiting},
    admission::{Admitted, Opened, Opener, Refused, payload},
    counters::Add,
    shared::{Shared, wall_clock},
};

pub(crate) struct Receiver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) load: Arc<Load>,
    /// One of the receivers looks after the whole process.
    pub(crate) cpu: Option<CpuMeter>,
    pub(crate) opener: Opener,
    pub(crate) ring: Ring,
    /// Places in the ring of the batches that are let in, and their lanes, reused from call to call.
    pub(crate) admitted: Vec<(usize, Lane)>,
    pub(crate) groups: flume::Sender<Group>,
    pub(crate) spare: flume::Receiver<Vec<Waiting>>,
    pub(crate) hints: EmptyAcks,
}

/// A socket that fails at once, for ever, must not take a whole core and fill the log.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

impl Receiver {
    pub(crate) fn run(mut self) {
        let mut meter = LoadMeter::new(Instant::now());
        while !self.shared.is_stopping() {
            let from = Instant::now();
            let received = self.socket.receive(&mut self.ring);
            let now = Instant::now();
            meter.waited(from, now, &self.load);
            self.shared.memory.look(now);
            if let Some(meter) = &mut self.cpu {
                meter.look(now, &self.shared.cpu);
            }
            match received {
                Ok(0) => {}
                Ok(_) => self.admit(now, wall_clock()),
                Err(error) => {
                    self.shared.counters.socket_errors.fetch_add(1, Relaxed);
                    tracing::warn!(%error, "cannot receive datagrams");
                    std::thread::sleep(ERROR_PAUSE);
                }
            }
        }
    }

    fn admit(&mut self, received: Instant, now: Timestamp) {
        let mut batches = self.spare.try_recv().unwrap_or_default();
        self.open_all(now, &mut batches);
        self.hints.send(&self.socket);
        if batches.is_empty() {
            return;
        }
        let count = batches.len() as u64;
        let counters = &self.shared.counters;
        match self.append(now, &batches) {
            Ok(position) => {
                counters.batches.fetch_add(count, Relaxed);
                if self.groups.try_send(Group { position, received, batches, reply: None }).is_err() {
                    counters.unacked.channel_full.fetch_add(count, Relaxed);
                }
            }
            Err(error) => {
                counters.refused.count(queue_reason(&error), count);
                self.shared.note_log(&Err(error));
            }
        }
    }

    /// Opens every datagram of the ring in place.
    fn open_all(&mut self, now: Timestamp, batches: &mut Vec<Waiting>) {
        let (counters, mut bytes) = (&self.shared.counters, 0);
        self.admitted.clear();
        self.opener.door.pressure = self.shared.pressure();
        for at in 0..self.ring.len() {
            let (peer, datagram) = self.ring.datagram(at);
            let cause_bytes = datagram.len();
            bytes += cause_bytes;
            match self.opener.open(datagram, now) {
                Ok(Admitted { opened: Opened { header, keys }, lane }) => {
                    batches.push(Waiting { peer, keys, header, cause_bytes });
                    self.admitted.push((at, lane));
                }
                Err(Refused::Wire(refusal)) => counters.refused.count(refusal.reason(), 1),
                Err(Refused::ClockAhead(opened)) => {
                    counters.refused.count("clock_ahead", 1);
                    self.hints.tell(peer, &opened, cause_bytes, Hints::default(), now);
                }
                Err(Refused::Shed(opened, shed)) => {
                    if let Some(reason) = self.shared.gate.count(shed) {
                        counters.refused.count(reason, 1);
                    }
                    let slow = Hints { slow: true, ..Hints::default() };
                    self.hints.tell(peer, &opened, cause_bytes, slow, now);
                }
            }
        }
        counters.datagrams.add(self.ring.len());
        counters.datagram_bytes.add(bytes);
        counters.derived_sessions.fetch_add(self.opener.take_derived(), Relaxed);
    }

    fn append(&self, received: Timestamp, batches: &[Waiting]) -> Result<weir_queue::Position, weir_queue::Error> {
        let record = |(&(at, lane), batch): (&(usize, Lane), &Waiting)| {
            record(&batch.header, payload(self.ring.view(at)), lane, received)
        };
        let records: Vec<Record<'_>> = self.admitted.iter().zip(batches).map(record).collect();
        self.shared.log.append(&records)
    }
}

/// Tells agents the time, or to slow down, without acknowledging anything.
#[derive(Default)]
pub(crate) struct EmptyAcks {
    writer: AckWriter,
    outgoing: Outgoing,
}

impl EmptyAcks {
    fn tell(&mut self, peer: SocketAddr, opened: &Opened, cause_bytes: usize, hints: Hints, now: Timestamp) {
        let sealed = self.writer.write(&opened.header, std::iter::empty(), hints, now, &opened.keys);
        if sealed.len() <= cause_bytes {
            self.outgoing.push(peer, sealed);
        }
    }

    fn send(&mut self, socket: &UdpSocket) {
        if !self.outgoing.is_empty() {
            // A hint that is lost is given again with the next batch.
            let _ = socket.send(&mut self.outgoing);
        }
    }
}

/// The queue's record of a batch.
pub(crate) fn record<'a>(header: &Header, payload: &'a [u8], lane: Lane, received: Timestamp) -> Record<'a> {
    let Header { tenant, agent, epoch, seq, .. } = *header;
    Record { lane, tenant, agent, epoch, seq, received, payload }
}

/// The reason under which batches that the queue would not take are counted.
pub(crate) fn queue_reason(error: &weir_queue::Error) -> &'static str {
    match error {
        weir_queue::Error::Busy => "queue_busy",
        weir_queue::Error::Full => "queue_full",
        weir_queue::Error::TooLarge(_) => "oversize",
        _ => "queue_failed",
    }
}
