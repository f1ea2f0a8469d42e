//! The push side: batches wait in the outbox, go out sealed, and leave it when an ack says they are durable.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::net::UdpSocket;
use weir_sample::{Reading, Series, Value, Window};
use weir_wire::{
    Ack, AgentId, Batch, DEFAULT_DATAGRAM_BYTES, DICTIONARY_ID, DatagramKind, Encoder, Entry, Epoch, HEADER_BYTES,
    Header, Outbox, OutboxConfig, Route, Session, SessionKeys, TAG_BYTES, Totals, seal,
};

/// Everything between a closed window and its ack.
pub(crate) struct Push {
    session: Session,
    keys: SessionKeys,
    epoch: Epoch,
    next_seq: u64,
    encoder: Encoder,
    outbox: Outbox,
    sealed: Totals,
    socket: UdpSocket,
    server: std::net::SocketAddr,
    datagram: Vec<u8>,
    failed_sends: u64,
    left_out: u64,
}

impl Push {
    pub(crate) async fn new(session: Session, epoch: Epoch, server: std::net::SocketAddr, seed: u64) -> Result<Self> {
        Ok(Self {
            keys: SessionKeys::new(&session),
            session,
            epoch,
            next_seq: 0,
            encoder: Encoder::new(),
            outbox: Outbox::new(OutboxConfig::default(), seed),
            sealed: Totals::default(),
            socket: connect(server).await?,
            server,
            datagram: Vec::with_capacity(DEFAULT_DATAGRAM_BYTES),
            failed_sends: 0,
            left_out: 0,
        })
    }

    /// Takes a window's points.
    pub(crate) fn close_window(&mut self, window: Window, points: Vec<(Series, Value)>) {
        if points.is_empty() {
            return;
        }
        self.sealed.sealed_batches += 1;
        self.sealed.sealed_samples += points.len() as u64;
        let outbox = self.outbox.totals();
        let totals =
            Totals { sealed_batches: self.sealed.sealed_batches, sealed_samples: self.sealed.sealed_samples, ..outbox };
        let batch = Batch { window, totals, points };
        let room = DEFAULT_DATAGRAM_BYTES - HEADER_BYTES - TAG_BYTES;
        let (payloads, left_out) = self.encoder.encode(&batch, room);
        if left_out > 0 {
            self.left_out += left_out as u64;
            tracing::warn!(left_out, "series with labels too long for one datagram are left out");
        }
        self.sealed.sealed_batches += payloads.len() as u64 - 1;
        for payload in payloads {
            let entry = Entry { epoch: self.epoch, seq: self.next_seq, payload, samples: 0 };
            self.next_seq += 1;
            for dropped in self.outbox.push(entry) {
                tracing::warn!(seq = dropped.seq, "the outbox is full: the oldest batch is lost");
            }
        }
    }

    /// Sends whatever is due.
    pub(crate) async fn send_due(&mut self) -> Result<()> {
        if self.outbox.take_new_source() {
            self.socket = connect(self.server).await?;
        }
        while let Some(transmit) = self.outbox.poll(Instant::now()) {
            let header = Header {
                kind: DatagramKind::Batch,
                ack_wanted: true,
                dictionary: DICTIONARY_ID,
                key_id: self.session.key_id,
                tenant: self.session.tenant,
                expires: self.session.expires,
                agent: self.session.agent,
                epoch: transmit.entry.epoch,
                seq: transmit.entry.seq,
            };
            seal(&header, &transmit.entry.payload, &self.keys, &mut self.datagram);
            // A server that is away answers with ICMP; the outbox sends again.
            self.failed_sends += u64::from(self.socket.send(&self.datagram).await.is_err());
        }
        Ok(())
    }

    /// When there will be something to send.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.outbox.next_wake(Instant::now())
    }

    /// Waits for an ack and takes it.
    pub(crate) async fn receive(&mut self) {
        let mut bytes = [0; 2_048];
        let Ok(size) = self.socket.recv(&mut bytes).await else {
            // The port was unreachable a moment ago; do not spin on it.
            return tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        if let Ok((_, ack)) = Ack::open(&mut bytes[..size], &self.keys) {
            self.outbox.on_ack(Instant::now(), &ack, Route::Udp);
        }
    }

    /// The ledger, and what could not be sent.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let totals = self.outbox.totals();
        let counter = |name, value, help| Reading::counter(name, &[], value, help);
        vec![
            counter("weir_agent_sealed_batches_total", self.sealed.sealed_batches, "Batches sealed."),
            counter("weir_agent_sealed_samples_total", self.sealed.sealed_samples, "Samples in sealed batches."),
            counter("weir_agent_acked_batches_total", totals.acked_batches, "Batches that a gateway has made durable."),
            counter("weir_agent_resent_batches_total", totals.resent_batches, RESENT_HELP),
            Reading::counter(
                "weir_agent_dropped_batches_total",
                &[("reason", "outbox_full")],
                totals.dropped_batches,
                DROPPED_HELP,
            ),
            counter("weir_agent_failed_sends_total", self.failed_sends, FAILED_HELP),
            Reading::counter(
                "weir_agent_left_out_samples_total",
                &[("reason", "labels_too_long")],
                self.left_out,
                LEFT_OUT_HELP,
            ),
            Reading::gauge(
                "weir_agent_spooled_batches",
                &[],
                totals.spooled_batches as f64,
                "Batches that wait for their ack.",
            ),
        ]
    }

    /// Batches without an ack.
    pub(crate) fn unacked(&self) -> usize {
        self.outbox.len()
    }
}

const RESENT_HELP: &str = "Sends that repeated an earlier one: if it grows, the path to the gateway loses datagrams or \
    the gateway is slow to sync.";
const DROPPED_HELP: &str = "Batches lost because the outbox was full (loss): no gateway has acknowledged for long, so \
    look at the gateways and at the path to them.";
const FAILED_HELP: &str = "Sends that the system refused, to be repeated later: nobody listens at the server's address, \
    or there is no route to it.";
const LEFT_OUT_HELP: &str = "Samples whose labels do not fit a datagram (loss): shorten the labels of the series that \
    the log names.";

async fn connect(server: std::net::SocketAddr) -> Result<UdpSocket> {
    let any: std::net::SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await.context("opening a UDP socket")?;
    socket.connect(server).await.with_context(|| format!("connecting to {server}"))?;
    Ok(socket)
}

/// A session from a fleet key file on this host, for as long as the file's key lives.
pub(crate) fn local_session(path: &std::path::Path, agent: AgentId) -> Result<Session> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading the fleet keys {}", path.display()))?;
    let keys = weir_wire::parse_fleet_keys(&text).with_context(|| path.display().to_string())?;
    let Some(line) =
        keys.into_iter().filter(|line| line.state == weir_wire::KeyState::Active).max_by_key(|line| line.created)
    else {
        bail!("{} holds no active key", path.display());
    };
    Ok(line.key.session(0, agent, u32::MAX))
}
