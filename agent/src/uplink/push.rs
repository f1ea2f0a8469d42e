//! The push side: batches go to the spool and the sender, out by UDP or TLS, and leave both when an ack says they are
//! durable.

use std::future::pending;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use weir_link::{Alpn, ClientFiles, ClientTls};
use weir_sample::{Reading, Series, Timestamp, Value, Window};
use weir_wire::{AgentId, DEFAULT_DATAGRAM_BYTES, Encoder, Entry, Epoch, OutboxConfig, Route, Sender};

use super::gateways::{Gateway, Gateways};
use super::readings::{self, Standing};
use super::session::{self, News, Source};
use super::spool::Spool;
use super::stream::{Stream, StreamIdentity};
use crate::config::{Config, Transport};

/// Everything between a closed window and its ack.
pub(crate) struct Push {
    sender: Sender,
    encoder: Encoder,
    spool: Option<Spool>,
    spool_errors: u64,
    /// When an ack came last; at first, when the agent started.
    last_ack: Instant,
    news: mpsc::Receiver<News>,
    gateways: Gateways,
    socket: Option<(Gateway, UdpSocket)>,
    identity: Option<StreamIdentity>,
    stream: Option<Stream>,
    datagram: Vec<u8>,
    /// Where the agent's epochs are kept.
    state: PathBuf,
}

/// Payload in memory; further batches wait on disk.
const MAX_OUTBOX_BYTES: usize = 256 << 10;

impl Push {
    /// Opens the spool and starts to fetch sessions; what an earlier run left unacked goes out first.
    pub(crate) fn start(config: &Config, own: AgentId, epoch: Epoch, seed: u64) -> Result<Self> {
        let (tls, agent) = (config.tls(), session::agent_of(own, config.token.as_deref()));
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
            sender: Sender::new(agent, epoch, outbox, seed),
            encoder: Encoder::new(),
            spool: spool.transpose()?,
            spool_errors: 0,
            last_ack: Instant::now(),
            news: session::watch(source, own, seed),
            gateways: Gateways::new(config.server.clone(), agent),
            socket: None,
            identity,
            stream: None,
            datagram: Vec::with_capacity(DEFAULT_DATAGRAM_BYTES),
            state: config.state.clone(),
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

    /// Puts a batch on disk and, if its turn is near, into the outbox.
    fn keep(&mut self, entry: Entry) {
        let in_turn = self.on_disk() == 0 && self.has_room();
        let Some(spool) = &mut self.spool else {
            for dropped in self.sender.push(entry) {
                tracing::warn!(seq = dropped.seq, "the outbox is full: the oldest batch is lost");
            }
            return;
        };
        match spool.append(&entry) {
            Ok(()) if in_turn => {
                spool.skip_newest();
                self.sender.push(entry);
            }
            Ok(()) => {}
            Err(error) => {
                self.spool_errors += 1;
                tracing::error!(error = format!("{error:#}"), "a batch is kept in memory only");
                self.sender.push(entry);
            }
        }
        while let Some(lost) = self.spool.as_mut().and_then(Spool::shed) {
            self.sender.shed(&lost);
            tracing::warn!(lost.batches, "the spool is full: the oldest batches are lost");
        }
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

    async fn send_datagram(&mut self) -> bool {
        let Some(gateway) = self.gateways.current(Instant::now()).await else { return false };
        if self.socket.as_ref().is_none_or(|(to, _)| *to != gateway) {
            self.socket = match open(&gateway).await {
                Ok(socket) => Some((gateway, socket)),
                // No route to it, for now: the way may come back, and another gateway is tried after some silence.
                Err(error) => {
                    tracing::debug!(error = format!("{error:#}"), "no socket");
                    None
                }
            };
        }
        let Some((_, socket)) = &self.socket else { return false };
        // A gateway that is away answers with ICMP; the outbox sends again.
        socket.send(&self.datagram).await.is_ok()
    }

    async fn send_frame(&mut self) -> bool {
        let Some(identity) = &self.identity else { return false };
        if self.stream.is_none() {
            let Some(gateway) = self.gateways.current(Instant::now()).await else { return false };
            self.stream = Some(Stream::to(gateway, identity.clone()));
        }
        let sent = self.stream.as_ref().is_some_and(|stream| stream.send(&self.datagram));
        if !sent {
            self.drop_stream();
        }
        sent
    }

    fn drop_stream(&mut self) {
        self.stream = None;
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
                tracing::info!(key_id = session.key_id, expires = session.expires, agent = %session.agent, "session");
                if self.sender.is_renamed_by(&session) {
                    self.begin_again();
                }
                self.sender.grant(session, lives.map(|lives| Instant::now() + lives));
            }
            News::Failed(reason) => {
                self.sender.on_failed_session();
                tracing::warn!(reason, waiting = self.unacked(), "no new session; batches wait in the spool");
            }
        }
    }

    /// The token is of another subject now, which makes this another agent: it numbers its batches anew.
    fn begin_again(&mut self) {
        tracing::warn!("the token has another tenant or sub: the agent goes on under another id");
        // Not kept, it may be used again only by a clock that goes back.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let epoch = crate::state::begin(&self.state, now).map_or_else(
            |error| {
                tracing::error!(error = format!("{error:#}"), "the new epoch is not kept");
                Epoch(self.sender.epoch().0 + 1)
            },
            |(_, epoch)| epoch,
        );
        self.sender.begin(epoch);
    }

    /// Whom batches are of.
    pub(crate) fn agent(&self) -> AgentId {
        self.sender.agent()
    }

    /// What is refused is counted by the sender.
    fn on_datagram(&mut self, datagram: &mut [u8], route: Route) {
        let now = Instant::now();
        let Ok(delivered) = self.sender.on_datagram(now, datagram, route) else { return };
        self.last_ack = now;
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
        readings::readings(&self.standing(), self.sender.ledger(), self.spool.as_ref(), self.spool_errors)
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            totals: self.sender.totals(self.on_disk()),
            since_ack: self.last_ack.elapsed(),
            spool_bytes: self.spool.as_ref().map_or(0, Spool::bytes),
            on_tls: self.sender.outbox().route() == Route::Tls,
            failed_sessions: self.sender.ledger().failed_sessions,
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

async fn open(gateway: &Gateway) -> Result<UdpSocket> {
    let any = if gateway.address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.context("opening a UDP socket")?;
    socket.connect(gateway.address).await.with_context(|| format!("connecting to {}", gateway.address))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use weir_wire::FleetKey;

    use super::*;

    /// A push side towards this server that has a session for ever.
    fn push(server: &str, spool: Option<Spool>) -> Push {
        let agent = AgentId([1; 16]);
        let config = OutboxConfig { max_bytes: usize::MAX, ..OutboxConfig::default() };
        let mut sender = Sender::new(agent, Epoch(1), config, 1);
        sender.grant(FleetKey { id: 1, secret: [7; 32] }.session(0, agent, u32::MAX), None);
        Push {
            sender,
            encoder: Encoder::new(),
            spool,
            spool_errors: 0,
            last_ack: Instant::now(),
            news: mpsc::channel(1).1,
            gateways: Gateways::new(server.parse().unwrap(), agent),
            socket: None,
            identity: None,
            stream: None,
            datagram: Vec::new(),
            state: PathBuf::new(),
        }
    }

    #[tokio::test]
    async fn a_socket_that_cannot_be_opened_is_a_failed_send_and_not_the_end() {
        // No system connects a socket to everybody that was not asked to.
        let mut push = push("255.255.255.255:9", None);
        let window = Window::ending(Timestamp::from_secs(1_700_000_000), 10_000);
        push.close_window(window, vec![(Series::named("done"), Value::Counter(1.0))]);
        push.send_due().await;
        assert_eq!((push.sender.ledger().failed_sends, push.unacked()), (1, 1));
        assert!(push.next_wake().is_some_and(|wake| wake > Instant::now()));
    }

    #[test]
    fn what_a_full_spool_loses_in_memory_and_on_disk_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut push = push("127.0.0.1:9", Some(Spool::open(folder.path(), 400_000).unwrap()));
        for seq in 0..1_500 {
            push.keep(Entry { epoch: Epoch(1), seq, payload: vec![0; 1_000], samples: 10 });
            let totals = push.sender.totals(push.on_disk());
            assert_eq!(totals.dropped_batches + totals.spooled_batches, seq + 1);
            assert_eq!(totals.dropped_samples, 10 * totals.dropped_batches);
            let in_memory = push.sender.outbox().bytes();
            assert!(in_memory <= MAX_OUTBOX_BYTES + 1_000, "{in_memory} bytes in memory");
            // Seldom, so that a file goes which memory holds none of.
            if seq % 500 == 0 {
                push.refill();
            }
        }
        assert!(push.sender.totals(0).dropped_batches > 1_000);
        assert!(push.spool.as_ref().is_some_and(|spool| spool.bytes() <= 400_000));
        assert!(push.sender.ledger().shed_batches > 0 && push.sender.outbox().totals().dropped_batches > 0);
    }
}
