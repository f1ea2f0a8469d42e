//! The push side: batches go to the spool and the sender, out by UDP or TLS, and leave both when an ack says they are
//! durable.

mod clocks;

use std::collections::HashSet;
use std::future::pending;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use weir_link::{Alpn, ClientFiles, ClientTls};
use weir_sample::{Event, Reading, Series, Value, Window};
use weir_wire::{AgentId, DEFAULT_DATAGRAM_BYTES, Encoder, Entry, Epoch, Notice, OutboxConfig, Route, Sender};

use crate::config::{Config, Transport};
use crate::state::State;
use crate::uplink::failures::Failures;
use crate::uplink::gateways::{Gateway, Gateways};
use crate::uplink::heard::Heard;
use crate::uplink::readings::{self, Standing};
use crate::uplink::session::{self, News, Source};
use crate::uplink::spool::Spool;
use crate::uplink::stream::{Stream, StreamIdentity};
use crate::uplink::trouble::Trouble;

/// Everything between a closed window and its ack.
pub(crate) struct Push {
    sender: Sender,
    encoder: Encoder,
    spool: Option<Spool>,
    spool_errors: u64,
    /// Events that fit no datagram.
    left_out_events: u64,
    /// Whether the last batch could not be written.
    spool_fails: bool,
    /// When an ack came last; at first, when the agent started.
    last_ack: Instant,
    news: mpsc::Receiver<News>,
    /// Why there is no new session, as far as it was told.
    failures: Failures,
    gateways: Gateways,
    socket: Option<(Gateway, UdpSocket)>,
    identity: Option<StreamIdentity>,
    stream: Option<Stream>,
    /// Why the last stream has ended, until one works.
    stream_ended: Option<String>,
    /// Addresses that there was no way to when they were tried last.
    unreachable: HashSet<SocketAddr>,
    datagram: Vec<u8>,
    /// Whether a session has made another agent of this one, which needs an epoch of its own.
    renamed: bool,
    /// Why nothing is acknowledged, as far as that is known.
    trouble: Trouble,
    /// What acks said of their gateways' clocks.
    heard: Vec<Heard>,
    /// When another gateway may be asked for its clock, and how long after that the next.
    next_opinion: (Instant, Duration),
    taken_back: Instant,
}

/// Payload in memory; further batches wait on disk.
const MAX_OUTBOX_BYTES: usize = 256 << 10;
/// What a send waits for a name that has not resolved so far.
const NAME_PATIENCE: Duration = Duration::from_millis(200);
/// Payload in memory where a disk takes nothing: the oldest batch is lost beyond it.
const MAX_UNWRITTEN_BYTES: usize = 4 << 20;
/// Another gateway is asked for its clock at once, and then after pauses that double.
const FIRST_OPINION: Duration = Duration::from_secs(5);

impl Push {
    /// Opens the spool and starts to fetch sessions; what an earlier run left unacked goes out first.
    pub(crate) fn start(config: &Config, state: &State, seed: u64) -> Result<Self> {
        let agent = session::agent_of(state.agent, config.token.as_deref());
        let tls = config.tls();
        let load = |alpn| tls.as_ref().map(|files: &ClientFiles| ClientTls::load(files, alpn)).transpose();
        let identity = load(Alpn::Batches)?.map(|tls| StreamIdentity { tls, token: config.token.clone() });
        let source = match (&config.token, load(Alpn::Http)?) {
            (Some(path), Some(tls)) => Source::Token { path: path.clone(), servers: config.server.clone(), tls },
            _ => Source::FleetKeys(config.keys.clone().context("keys: neither a fleet key nor a token is named")?),
        };
        let (own, falls_back) = (OutboxConfig::default(), config.transport == Transport::Auto);
        let outbox = OutboxConfig {
            max_bytes: if config.spool.0 == 0 { MAX_OUTBOX_BYTES } else { MAX_UNWRITTEN_BYTES },
            route: if config.transport == Transport::Tls { Route::Tls } else { Route::Udp },
            silence_before_tls: own.silence_before_tls.filter(|_| falls_back && identity.is_some()),
            udp_probe: own.udp_probe.filter(|_| falls_back),
            ..own
        };
        let spool = state.folder().filter(|_| config.spool.0 > 0);
        let spool = spool.and_then(|folder| {
            Spool::open(&folder.join("spool"), config.spool.0)
                .inspect_err(|error| tracing::error!(error = format!("{error:#}"), "running without the spool"))
                .ok()
        });
        let mut push = Self {
            sender: Sender::new(agent, state.epoch, outbox, seed),
            encoder: Encoder::new(),
            spool,
            spool_errors: 0,
            left_out_events: 0,
            spool_fails: false,
            last_ack: Instant::now(),
            news: session::watch(source, state.agent, seed),
            gateways: Gateways::new(config.server.clone(), agent),
            socket: None,
            identity,
            stream: None,
            stream_ended: None,
            unreachable: HashSet::new(),
            datagram: Vec::with_capacity(DEFAULT_DATAGRAM_BYTES),
            renamed: false,
            trouble: Trouble::default(),
            failures: Failures::default(),
            heard: Vec::new(),
            next_opinion: (Instant::now(), FIRST_OPINION),
            taken_back: Instant::now(),
        };
        push.refill();
        if push.unacked() > 0 {
            tracing::info!(batches = push.unacked(), "an earlier run left batches without an ack; they go first");
        }
        Ok(push)
    }

    /// Makes batches of a window's points.
    pub(crate) fn close_window(&mut self, window: Window, points: Vec<(Series, Value)>) {
        let on_disk = self.on_disk();
        let (entries, left_out) = self.sender.close_window(&mut self.encoder, window, points, on_disk);
        if left_out > 0 {
            tracing::warn!(left_out, "series with labels too long for one datagram are left out");
        }
        entries.into_iter().for_each(|entry| self.keep(entry));
    }

    /// Makes batches of a window's events. One that names no host is of this one.
    pub(crate) fn close_events(&mut self, window: Window, mut events: Vec<Event>, host: &str) {
        for event in &mut events {
            event.host.get_or_insert_with(|| host.to_owned());
        }
        let on_disk = self.on_disk();
        let (entries, left_out) = self.sender.close_events(&mut self.encoder, window, &events, on_disk);
        if left_out > 0 {
            self.left_out_events += left_out as u64;
            tracing::warn!(left_out, "events whose title and tags are too long for one datagram are left out");
        }
        entries.into_iter().for_each(|entry| self.keep(entry));
    }

    /// Puts a batch on disk and, if its turn is near, into the outbox.
    fn keep(&mut self, entry: Entry) {
        let in_turn = self.on_disk() == 0 && self.has_room();
        let Some(spool) = &mut self.spool else { return self.keep_in_memory(entry) };
        let outcome = spool.append(&entry);
        match (&outcome, self.spool_fails) {
            (Err(error), false) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the spool cannot be written: batches are in memory only"
                );
            }
            (Ok(()), true) => tracing::info!("the spool can be written again"),
            _ => {}
        }
        self.spool_fails = outcome.is_err();
        match outcome {
            Ok(()) if in_turn => {
                spool.skip_newest();
                self.keep_in_memory(entry);
            }
            Ok(()) => {}
            Err(_) => {
                self.spool_errors += 1;
                self.keep_in_memory(entry);
            }
        }
        while let Some(lost) = self.spool.as_mut().and_then(Spool::shed) {
            self.sender.shed(&lost);
            tracing::warn!(lost.batches, "the spool is full: the oldest batches are lost");
        }
    }

    fn keep_in_memory(&mut self, entry: Entry) {
        for dropped in self.sender.push(entry) {
            tracing::warn!(seq = dropped.seq, "the outbox is full: the oldest batch is lost");
            if let Some(spool) = &mut self.spool {
                spool.acked(&dropped);
            }
        }
    }

    /// Goes on in another epoch.
    pub(crate) fn begin_epoch(&mut self, epoch: Epoch) {
        self.sender.begin_epoch(epoch);
    }

    fn has_room(&self) -> bool {
        self.sender.outbox().bytes() < MAX_OUTBOX_BYTES
    }

    /// Brings batches from disk while there is room in memory.
    fn refill(&mut self) {
        while self.has_room() {
            let Some(entry) = self.spool.as_mut().and_then(Spool::read_next) else { return };
            self.sender.push(entry);
        }
    }

    /// Sends whatever is due.
    pub(crate) async fn send_due(&mut self) {
        if self.sender.leaves_source() {
            self.gateways.move_on();
            (self.socket, self.stream) = (None, None);
        }
        self.trouble.watch(self.sender.outbox().silent_rounds(), self.identity.is_some());
        self.refill();
        while let Some(sealed) = self.sender.seal_next(Instant::now(), &mut self.datagram) {
            let sent = match sealed.route {
                Route::Udp => self.send_datagram().await,
                Route::Tls => self.send_frame().await,
            };
            if !sent {
                self.sender.on_failed_send();
            }
        }
    }

    /// An address that there is no way to is passed over at once.
    async fn send_datagram(&mut self) -> bool {
        let mut tried = 0;
        loop {
            let Some(gateway) = self.gateways.current(Instant::now(), NAME_PATIENCE).await else { return false };
            match self.send_to(&gateway).await {
                Ok(()) => {
                    if self.unreachable.remove(&gateway.address) {
                        tracing::info!(address = %gateway.address, "the gateway can be reached again");
                    }
                    return true;
                }
                // It is away and answers with ICMP; the outbox sends again.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => return false,
                Err(error) => self.pass_over(&gateway, &error),
            }
            tried += 1;
            if tried >= self.gateways.len() {
                return false;
            }
        }
    }

    async fn send_to(&mut self, gateway: &Gateway) -> std::io::Result<()> {
        let socket = match self.socket.take() {
            Some((to, socket)) if to == *gateway => socket,
            _ => open(gateway).await?,
        };
        let (_, socket) = self.socket.insert((gateway.clone(), socket));
        socket.send(&self.datagram).await.map(|_| ())
    }

    fn pass_over(&mut self, gateway: &Gateway, error: &std::io::Error) {
        self.socket = None;
        self.gateways.move_on();
        if self.unreachable.insert(gateway.address) {
            tracing::warn!(address = %gateway.address, %error, "there is no way to the gateway: batches wait for another");
        }
    }

    async fn send_frame(&mut self) -> bool {
        let Some(identity) = &self.identity else { return false };
        if self.stream.is_none() {
            let Some(gateway) = self.gateways.current(Instant::now(), NAME_PATIENCE).await else { return false };
            self.stream = Some(Stream::to(gateway, identity.clone()));
        }
        let sent = self.stream.as_ref().is_some_and(|stream| stream.send(&self.datagram));
        if !sent {
            self.drop_stream();
        }
        sent
    }

    fn drop_stream(&mut self) {
        let error = self.stream.take().and_then(Stream::error);
        if let Some(error) = &error {
            self.trouble.unreachable(error);
        }
        if error.is_some() && error != self.stream_ended {
            tracing::warn!(error, "the TLS stream has ended; another is tried");
            self.stream_ended = error;
        }
        self.sender.on_broken_stream(Instant::now());
    }

    /// When there will be something to send.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.sender.next_wake(Instant::now())
    }

    /// Waits for an ack or a session and hears it.
    pub(crate) async fn receive(&mut self) {
        let mut bytes = [0; 2_048];
        tokio::select! {
            received = receive_datagram(self.socket.as_ref(), &mut bytes) => match received {
                Ok(size) => self.on_datagram(&mut bytes[..size], Route::Udp),
                // The port was unreachable a moment ago; do not spin on it.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            ack = receive_frame(self.stream.as_mut()) => match ack {
                Some(mut ack) => self.on_datagram(ack.as_mut_slice(), Route::Tls),
                None => self.drop_stream(),
            },
            Some(news) = self.news.recv() => self.hear(news),
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Granted(session, lives) => {
                if let Some(attempts) = self.failures.end() {
                    tracing::info!(attempts, "sessions are given again");
                }
                tracing::info!(key_id = session.key_id, expires = session.expires, agent = %session.agent, "session");
                if self.sender.is_renamed_by(&session) {
                    tracing::warn!("the token has another tenant or sub: the agent goes on under another id");
                    self.renamed = true;
                }
                self.sender.grant(session, lives.map(|lives| Instant::now() + lives));
            }
            News::Failed(reason) => {
                self.sender.on_failed_session();
                if self.failures.note(&reason) {
                    tracing::warn!(reason, waiting = self.unacked(), "no new session; batches wait in the spool");
                }
            }
        }
    }

    /// Whether a session has made another agent of this one since the last call.
    pub(crate) fn was_renamed(&mut self) -> bool {
        std::mem::take(&mut self.renamed)
    }

    /// Whom batches are of.
    pub(crate) fn agent(&self) -> AgentId {
        self.sender.agent()
    }

    /// What is refused is counted by the sender.
    fn on_datagram(&mut self, datagram: &mut [u8], route: Route) {
        let now = Instant::now();
        if let Some(Notice { reason, server_time }) = Notice::decode(datagram).filter(|_| route == Route::Tls) {
            self.hear_clock(self.stream.as_ref().map(Stream::gateway), Some(server_time));
            return self.trouble.refused(&reason);
        }
        let Ok(delivered) = self.sender.on_datagram(now, datagram, route) else { return };
        let gateway = match route {
            Route::Udp => self.socket.as_ref().map(|(gateway, _)| gateway.address),
            Route::Tls => self.stream.as_ref().map(Stream::gateway),
        };
        let server_time = self.sender.take_server_time();
        self.hear_clock(gateway, server_time);
        if !delivered.is_empty() {
            self.last_ack = now;
            self.trouble.is_over();
        }
        if route == Route::Tls {
            self.stream_ended = None;
        }
        if let Some(spool) = &mut self.spool {
            delivered.iter().for_each(|entry| spool.acked(entry));
        }
    }

    /// Batches without an ack.
    pub(crate) fn unacked(&self) -> usize {
        self.sender.outbox().len() + self.on_disk() as usize
    }

    /// Batches that wait on disk only.
    fn on_disk(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::unread)
    }

    /// The ledger, and what could not be sent.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let unsent = (self.spool_errors, self.left_out_events);
        readings::readings(&self.standing(), self.sender.ledger(), self.spool.as_ref(), unsent)
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            totals: self.sender.totals(self.on_disk()),
            since_ack: self.last_ack.elapsed(),
            spool_bytes: self.spool.as_ref().map_or(0, Spool::bytes),
            on_tls: self.sender.outbox().route() == Route::Tls,
            failed_sessions: self.sender.ledger().failed_sessions,
            trouble: self.trouble.word(),
        }
    }
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

async fn open(gateway: &Gateway) -> std::io::Result<UdpSocket> {
    let any = if gateway.address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(gateway.address).await?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
