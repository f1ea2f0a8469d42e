//! The receiving threads: datagrams in, batches appended to the queue, groups handed to the acknowledging thread.
//!
//! Per system call: one clock reading, one append, one message. Per datagram in the steady state: no allocation, no
//! lock, no log line. Nothing here waits but for the network.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use weir_link::{Outgoing, Ring, UdpSocket};
use weir_meters::{CpuMeter, Load, LoadMeter, clock};
use weir_sample::Timestamp;
use weir_wire::MAX_DATAGRAM_BYTES;

use super::ingest::{Ingest, Ingested, Origin};
use crate::{
    counters::Add,
    open::{Tenant, payload},
    shared::Shared,
};

pub(crate) struct Receiver {
    shared: Arc<Shared>,
    socket: Arc<UdpSocket>,
    load: Arc<Load>,
    /// One of the receivers looks after the whole process.
    cpu: Option<CpuMeter>,
    ingest: Ingest,
    ring: Ring,
    /// Places in the ring of the batches that were accepted, reused from call to call.
    accepted: Vec<usize>,
    /// Tells agents the time, or to slow down, without acknowledging anything.
    told: Outgoing,
}

/// Messages that one system call brings.
const SLOTS: usize = 64;
/// A socket that fails at once, for ever, must not take a whole core and fill the log.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

impl Receiver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        socket: Arc<UdpSocket>,
        load: Arc<Load>,
        cpu: Option<CpuMeter>,
        ingest: Ingest,
    ) -> Self {
        let (ring, accepted, told) = (Ring::new(SLOTS), Vec::new(), Outgoing::new());
        Self { shared, socket, load, cpu, ingest, ring, accepted, told }
    }

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
                Ok(_) => self.ingest(now, clock::now()),
                Err(error) => {
                    self.shared.counters.socket_errors.add(1);
                    tracing::warn!(%error, "cannot receive datagrams");
                    std::thread::sleep(ERROR_PAUSE);
                }
            }
        }
    }

    /// Opens every datagram of the ring in place, and appends from there.
    fn ingest(&mut self, received: Instant, now: Timestamp) {
        self.ingest.begin(received, now);
        self.accepted.clear();
        let mut bytes = 0;
        for at in 0..self.ring.len() {
            let (peer, datagram) = self.ring.datagram(at);
            bytes += datagram.len();
            let origin = Origin { peer, tenant: Tenant::Sealed, max_bytes: MAX_DATAGRAM_BYTES };
            match self.ingest.offer(datagram, origin) {
                Ingested::Accepted => self.accepted.push(at),
                Ingested::Told(sealed) => self.told.push(peer, sealed),
                Ingested::Refused(_) | Ingested::Foreign => {}
            }
        }
        self.shared.counters.datagrams.add(self.ring.len());
        self.shared.counters.datagram_bytes.add(bytes);
        if !self.told.is_empty() {
            // A hint that is lost is given again with the next batch.
            let _ = self.socket.send(&mut self.told);
        }
        let payloads = self.accepted.iter().map(|at| payload(self.ring.view(*at)));
        self.ingest.append(payloads, None);
    }
}
