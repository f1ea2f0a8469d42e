//! The push side: batches wait in the outbox, go out sealed, and leave it when an ack says they are durable.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use weir_link::{Alpn, ClientFiles, ClientTls};
use weir_sample::{Reading, Series, Value, Window};
use weir_wire::{
    Ack, AgentId, Batch, DEFAULT_DATAGRAM_BYTES, DICTIONARY_ID, DatagramKind, Encoder, Entry, Epoch, HEADER_BYTES,
    Header, Outbox, OutboxConfig, Refusal, Route, Session, SessionKeys, TAG_BYTES, Totals, seal,
};

use crate::config::{Config, Transport};
use crate::gateways::{Gateway, Gateways};
use crate::session::{self, News, Source};
use crate::spool::Spool;
use crate::stream::{Stream, StreamIdentity};

/// Everything between a closed window and its ack.
pub(crate) struct Push {
    agent: AgentId,
    epoch: Epoch,
    next_seq: u64,
    encoder: Encoder,
    /// Payloads that the last window took; the next will likely take as many.
    slices: usize,
    outbox: Outbox,
    spool: Option<Spool>,
    ledger: Ledger,
    /// When an ack came last; at first, when the agent started.
    last_ack: Instant,
    news: mpsc::Receiver<News>,
    /// The newest first; acks of batches that an older one sealed may still come.
    sessions: Vec<Granted>,
    gateways: Gateways,
    socket: Option<(Gateway, UdpSocket)>,
    identity: Option<StreamIdentity>,
    stream: Option<Stream>,
    datagram: Vec<u8>,
}

/// How the uplink stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub totals: Totals,
    pub since_ack: Duration,
    pub spool_bytes: u64,
    pub on_tls: bool,
    pub failed_sessions: u64,
}

/// A session, until when it is good, and what it seals with.
struct Granted {
    session: Session,
    until: Option<Instant>,
    keys: SessionKeys,
}

/// What the outbox does not count itself.
#[derive(Default)]
struct Ledger {
    sealed_batches: u64,
    sealed_samples: u64,
    /// Of this run's own batches.
    acked_batches: u64,
    acked_samples: u64,
    /// Lost on disk, before they came to the outbox.
    shed_batches: u64,
    shed_samples: u64,
    failed_sends: u64,
    failed_sessions: u64,
    spool_errors: u64,
    left_out: u64,
    /// What came as an ack and was none, by reason.
    refused_acks: BTreeMap<&'static str, u64>,
}

/// Payload in memory; further batches wait on disk.
const MAX_OUTBOX_BYTES: usize = 256 << 10;
/// From the end of a stream to the next one: a gateway that is away is not asked without pause.
const STREAM_PAUSE: Duration = Duration::from_millis(500);
/// Sessions remembered, for acks that are still on their way.
const MAX_SESSIONS: usize = 3;

impl Push {
    /// Opens the spool and starts to fetch sessions; what an earlier run left unacked goes out first.
    pub(crate) fn start(config: &Config, agent: AgentId, epoch: Epoch, seed: u64) -> Result<Self> {
        let tls = config.tls();
        let load = |alpn| tls.as_ref().map(|files: &ClientFiles| ClientTls::load(files, alpn)).transpose();
        let identity = load(Alpn::Batches)?.map(|tls| StreamIdentity { tls, token: config.token.clone() });
        let source = match (&config.token, load(Alpn::Http)?) {
            (Some(path), Some(tls)) => Source::Token { path: path.clone(), servers: config.server.clone(), tls },
            _ => Source::FleetKeys(config.keys.clone().context("keys: neither a fleet key nor a token is named")?),
        };
        let outbox = OutboxConfig {
            max_bytes: if config.spool.0 == 0 { MAX_OUTBOX_BYTES } else { usize::MAX },
            route: if config.transport == Transport::Tls { Route::Tls } else { Route::Udp },
            silence_before_tls: (config.transport == Transport::Auto && identity.is_some()).then_some(12),
            udp_probe: (config.transport == Transport::Auto).then_some(Duration::from_secs(60)),
            ..OutboxConfig::default()
        };
        let spool = (config.spool.0 > 0).then(|| Spool::open(&config.state.join("spool"), config.spool.0));
        let mut push = Self {
            agent,
            epoch,
            next_seq: 0,
            encoder: Encoder::new(),
            slices: 1,
            outbox: Outbox::new(outbox, seed),
            spool: spool.transpose()?,
            ledger: Ledger::default(),
            last_ack: Instant::now(),
            news: session::watch(source, agent, seed),
            sessions: Vec::new(),
            gateways: Gateways::new(config.server.clone(), agent),
            socket: None,
            identity,
            stream: None,
            datagram: Vec::with_capacity(DEFAULT_DATAGRAM_BYTES),
        };
        push.refill();
        if push.unacked() > 0 {
            tracing::info!(batches = push.unacked(), "an earlier run left batches without an ack; they go first");
        }
        Ok(push)
    }

    /// Takes a window's points.
    pub(crate) fn close_window(&mut self, window: Window, points: Vec<(Series, Value)>) {
        if points.is_empty() {
            return;
        }
        let mut batch = Batch { window, totals: Totals::default(), points };
        let (payloads, left_out) = self.encode(&mut batch);
        if left_out > 0 {
            self.ledger.left_out += left_out as u64;
            tracing::warn!(left_out, "series with labels too long for one datagram are left out");
        }
        let whole = batch.points.len() - left_out;
        for payload in &payloads {
            // How a split fell is in the slices only.
            let samples = if payloads.len() == 1 { whole } else { slice_samples(payload) };
            self.keep(Entry {
                epoch: self.epoch,
                seq: self.next_seq,
                payload: payload.clone(),
                samples: samples as u32,
            });
            self.next_seq += 1;
        }
    }

    /// Encodes with totals that count this batch too, which takes knowing how many payloads it will be.
    fn encode(&mut self, batch: &mut Batch) -> (Vec<Vec<u8>>, usize) {
        let room = DEFAULT_DATAGRAM_BYTES - HEADER_BYTES - TAG_BYTES;
        let mut tries = 0;
        loop {
            batch.totals = self.totals();
            batch.totals.sealed_batches += self.slices as u64;
            batch.totals.sealed_samples += batch.points.len() as u64;
            let (payloads, left_out) = self.encoder.encode(batch, room);
            tries += 1;
            if payloads.len() == self.slices || payloads.is_empty() || tries == 3 {
                return (payloads, left_out);
            }
            self.slices = payloads.len();
        }
    }

    /// Puts a sealed batch on disk and, if its turn is near, into the outbox.
    fn keep(&mut self, entry: Entry) {
        self.ledger.sealed_batches += 1;
        self.ledger.sealed_samples += u64::from(entry.samples);
        let in_turn = self.spool.as_ref().is_none_or(|spool| spool.unread() == 0) && self.has_room();
        let Some(spool) = &mut self.spool else {
            for dropped in self.outbox.push(entry) {
                tracing::warn!(seq = dropped.seq, "the outbox is full: the oldest batch is lost");
            }
            return;
        };
        match spool.append(&entry) {
            Ok(()) if in_turn => {
                spool.skip_newest();
                self.outbox.push(entry);
            }
            Ok(()) => {}
            Err(error) => {
                self.ledger.spool_errors += 1;
                tracing::error!(error = format!("{error:#}"), "a batch is kept in memory only");
                self.outbox.push(entry);
            }
        }
        self.shed();
    }

    fn has_room(&self) -> bool {
        self.outbox.bytes() < MAX_OUTBOX_BYTES
    }

    /// Gives up the oldest batches while the spool is too large.
    fn shed(&mut self) {
        while let Some(lost) = self.spool.as_mut().and_then(Spool::shed) {
            let before = self.outbox.totals();
            while self.outbox.waiting().next().is_some_and(|oldest| (oldest.epoch, oldest.seq) <= lost.last) {
                self.outbox.drop_oldest();
            }
            let after = self.outbox.totals();
            let in_memory = after.dropped_batches - before.dropped_batches;
            let samples = after.dropped_samples - before.dropped_samples;
            self.ledger.shed_batches += lost.batches.saturating_sub(in_memory);
            self.ledger.shed_samples += lost.samples.saturating_sub(samples);
            tracing::warn!(lost.batches, "the spool is full: the oldest batches are lost");
        }
    }

    /// Brings batches from disk while there is room in memory.
    fn refill(&mut self) {
        while self.has_room() {
            let Some(entry) = self.spool.as_mut().and_then(Spool::read_next) else { return };
            self.outbox.push(entry);
        }
    }

    /// Sends whatever is due.
    pub(crate) async fn send_due(&mut self) -> Result<()> {
        if self.outbox.take_new_source() {
            self.gateways.move_on();
            (self.socket, self.stream) = (None, None);
        }
        self.refill();
        while let Some(route) = self.seal_next() {
            let sent = match route {
                Route::Udp => self.send_datagram().await?,
                Route::Tls => self.send_frame().await,
            };
            self.ledger.failed_sends += u64::from(!sent);
        }
        Ok(())
    }

    /// Seals the next batch that is due. Without a session that is good nothing is due.
    fn seal_next(&mut self) -> Option<Route> {
        let now = Instant::now();
        let Granted { session, keys, .. } = self.sessions.first().filter(|granted| granted.is_good(now))?;
        let transmit = self.outbox.poll(now)?;
        let header = Header {
            kind: DatagramKind::Batch,
            ack_wanted: true,
            dictionary: DICTIONARY_ID,
            key_id: session.key_id,
            tenant: session.tenant,
            expires: session.expires,
            agent: self.agent,
            epoch: transmit.entry.epoch,
            seq: transmit.entry.seq,
        };
        seal(&header, &transmit.entry.payload, keys, &mut self.datagram);
        Some(transmit.route)
    }

    async fn send_datagram(&mut self) -> Result<bool> {
        let Some(gateway) = self.gateways.current(Instant::now()).await else { return Ok(false) };
        if self.socket.as_ref().is_none_or(|(to, _)| *to != gateway) {
            self.socket = Some((gateway.clone(), open(&gateway).await?));
        }
        let Some((_, socket)) = &self.socket else { return Ok(false) };
        // A gateway that is away answers with ICMP; the outbox sends again.
        Ok(socket.send(&self.datagram).await.is_ok())
    }

    async fn send_frame(&mut self) -> bool {
        let Some(identity) = &self.identity else { return false };
        if self.stream.is_none() {
            let Some(gateway) = self.gateways.current(Instant::now()).await else { return false };
            self.stream = Some(Stream::to(gateway, identity.clone()));
        }
        let sent = self.stream.as_ref().is_some_and(|stream| stream.send(&self.datagram));
        if !sent {
            self.stream = None;
            self.outbox.on_broken_stream(Instant::now() + STREAM_PAUSE);
        }
        sent
    }

    /// When there will be something to send.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let now = Instant::now();
        self.sessions.first().filter(|granted| granted.is_good(now)).and_then(|_| self.outbox.next_wake(now))
    }

    /// Waits for an ack or a session and takes it.
    pub(crate) async fn receive(&mut self) {
        let mut bytes = [0; 2_048];
        tokio::select! {
            received = receive_datagram(self.socket.as_ref(), &mut bytes) => match received {
                Ok(size) => self.take_ack(&mut bytes[..size], Route::Udp),
                // The port was unreachable a moment ago; do not spin on it.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            ack = receive_frame(self.stream.as_mut()) => match ack {
                Some(mut ack) => self.take_ack(ack.as_mut_slice(), Route::Tls),
                None => {
                    self.stream = None;
                    self.outbox.on_broken_stream(Instant::now() + STREAM_PAUSE);
                }
            },
            Some(news) = self.news.recv() => self.hear(news),
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Granted(session, lives) => {
                tracing::info!(key_id = session.key_id, expires = session.expires, "session");
                let (keys, until) = (SessionKeys::new(&session), lives.map(|lives| Instant::now() + lives));
                self.sessions.insert(0, Granted { session, until, keys });
                self.sessions.truncate(MAX_SESSIONS);
            }
            News::Failed(reason) => {
                self.ledger.failed_sessions += 1;
                tracing::warn!(reason, waiting = self.unacked(), "no new session; batches wait in the spool");
            }
        }
    }

    fn take_ack(&mut self, datagram: &mut [u8], route: Route) {
        let ack = match self.open_ack(datagram) {
            Ok(ack) => ack,
            Err(refusal) => return *self.ledger.refused_acks.entry(refusal.reason()).or_default() += 1,
        };
        self.last_ack = Instant::now();
        for entry in self.outbox.on_ack(self.last_ack, &ack, route) {
            if entry.epoch == self.epoch {
                self.ledger.acked_batches += 1;
                self.ledger.acked_samples += u64::from(entry.samples);
            }
            if let Some(spool) = &mut self.spool {
                spool.acked(&entry);
            }
        }
    }

    /// Opens an ack with the session that it answers.
    fn open_ack(&self, datagram: &mut [u8]) -> Result<Ack, Refusal> {
        let header = Header::decode_any_length(datagram)?;
        let sealed = |session: &Session| session.key_id == header.key_id && session.expires == header.expires;
        let granted = self.sessions.iter().find(|granted| sealed(&granted.session)).ok_or(Refusal::UnknownKey)?;
        Ack::open(datagram, &granted.keys).map(|(_, ack)| ack)
    }

    /// Batches without an ack.
    pub(crate) fn unacked(&self) -> usize {
        self.outbox.len() + self.spool.as_ref().map_or(0, |spool| spool.unread() as usize)
    }

    /// This run's account, as it travels in every batch.
    fn totals(&self) -> Totals {
        let (outbox, ledger) = (self.outbox.totals(), &self.ledger);
        Totals {
            sealed_batches: ledger.sealed_batches,
            sealed_samples: ledger.sealed_samples,
            acked_batches: ledger.acked_batches,
            acked_samples: ledger.acked_samples,
            dropped_batches: outbox.dropped_batches + ledger.shed_batches,
            dropped_samples: outbox.dropped_samples + ledger.shed_samples,
            spooled_batches: self.unacked() as u64,
            ..outbox
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            totals: self.totals(),
            since_ack: self.last_ack.elapsed(),
            spool_bytes: self.spool.as_ref().map_or(0, Spool::bytes),
            on_tls: self.outbox.route() == Route::Tls,
            failed_sessions: self.ledger.failed_sessions,
        }
    }

    /// The ledger, and what could not be sent.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let (standing, ledger) = (self.standing(), &self.ledger);
        let totals = standing.totals;
        let counter = |name, value, help| Reading::counter(name, &[], value, help);
        let gauge = |name, value: u64, help| Reading::gauge(name, &[], value as f64, help);
        let reason = |name, reason, value, help| Reading::counter(name, &[("reason", reason)], value, help);
        let mut readings = vec![
            counter("weir_agent_sealed_batches_total", totals.sealed_batches, "Batches sealed."),
            counter("weir_agent_sealed_samples_total", totals.sealed_samples, "Samples in sealed batches."),
            counter("weir_agent_acked_batches_total", totals.acked_batches, "Batches that a gateway has made durable."),
            counter("weir_agent_resent_batches_total", totals.resent_batches, RESENT_HELP),
            reason("weir_agent_dropped_batches_total", "spool_full", totals.dropped_batches, DROPPED_HELP),
            counter("weir_agent_failed_sends_total", ledger.failed_sends, FAILED_HELP),
            counter("weir_agent_failed_sessions_total", ledger.failed_sessions, SESSIONS_HELP),
            counter("weir_agent_spool_errors_total", ledger.spool_errors, SPOOL_HELP),
            reason("weir_agent_left_out_samples_total", "labels_too_long", ledger.left_out, LEFT_OUT_HELP),
            gauge("weir_agent_since_ack_seconds", standing.since_ack.as_secs(), SINCE_HELP),
            gauge("weir_agent_spooled_batches", totals.spooled_batches, "Batches that wait for their ack."),
            gauge("weir_agent_spool_bytes", standing.spool_bytes, "Bytes of them on disk."),
            counter("weir_agent_spool_damaged_total", self.spool.as_ref().map_or(0, Spool::damaged), DAMAGED_HELP),
            gauge("weir_agent_on_tls", u64::from(standing.on_tls), "1: batches go by TLS, not UDP."),
        ];
        let refused = Refusal::ALL.map(Refusal::reason).into_iter();
        readings.extend(refused.map(|why| {
            let count = ledger.refused_acks.get(why).copied().unwrap_or_default();
            reason("weir_agent_refused_acks_total", why, count, REFUSED_ACKS_HELP)
        }));
        readings
    }
}

const RESENT_HELP: &str = "Sends that repeated an earlier one: if it grows, the path to the gateway loses datagrams or \
    the gateway is slow to sync.";
const DROPPED_HELP: &str = "Batches lost because the spool was full (loss): no gateway has acknowledged for long, so \
    look at the gateways and at the path to them, or give the spool more room.";
const SINCE_HELP: &str =
    "Whole seconds since the last ack, or since the start: while it grows batches wait in the spool.";
const FAILED_HELP: &str = "Sends that could not be made, to be repeated later: nobody listens at the server's address, \
    there is no route to it, or its name does not resolve.";
const REFUSED_ACKS_HELP: &str = "What arrived as an ack and was refused. tag, direction: somebody else sends to this port, \
    or the path damages datagrams; unknown_key: an ack came after its session was forgotten.";
const SESSIONS_HELP: &str = "Attempts to get a session key that failed; the log has the server's reason. Batches wait in \
    the spool meanwhile.";
const SPOOL_HELP: &str = "Batches that could not be written to the spool and are in memory only: look at the disk of the \
    state folder.";
const DAMAGED_HELP: &str = "Spool files that ended in half a record when they were read after a restart: after a power \
    cut the last batches may be lost.";
const LEFT_OUT_HELP: &str = "Samples whose labels do not fit a datagram (loss): shorten the labels of the series that \
    the log names.";

impl Granted {
    /// Gateways refuse what an expired session has sealed, without a word.
    fn is_good(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

fn slice_samples(payload: &[u8]) -> usize {
    weir_wire::decode(payload).map_or(0, |batch| batch.points.len())
}

async fn receive_datagram(socket: Option<&(Gateway, UdpSocket)>, bytes: &mut [u8]) -> std::io::Result<usize> {
    match socket {
        Some((_, socket)) => socket.recv(bytes).await,
        None => pending().await,
    }
}

async fn receive_frame(stream: Option<&mut Stream>) -> Option<Vec<u8>> {
    match stream {
        Some(stream) => stream.receive().await,
        None => pending().await,
    }
}

async fn open(gateway: &Gateway) -> Result<UdpSocket> {
    let any = if gateway.address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.context("opening a UDP socket")?;
    socket.connect(gateway.address).await.with_context(|| format!("connecting to {}", gateway.address))?;
    Ok(socket)
}
