//! Hosts that push by TLS: a connection each, on one thread for a share of the fleet.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use weir_link::{Alpn, ClientFiles, ClientStream, ClientTls, FrameStream};
use weir_wire::{Encoder, Route};

use super::host::{Host, Plan};
use super::tally::{AckTimes, Tally};

/// Whom hosts trust and what they show.
#[derive(Clone)]
pub(crate) struct TlsIdentity {
    tls: ClientTls,
    token: Option<Arc<str>>,
}

impl TlsIdentity {
    pub(crate) fn load(ca: &Path, token: Option<&Path>) -> Result<Self> {
        let files = ClientFiles { authorities: ca.to_owned(), identity: None };
        let token = token.map(weir_files::read_secret).transpose().context("reading the token")?;
        let token = token.map(|token| Arc::from(token.trim()));
        Ok(Self { tls: ClientTls::load(&files, Alpn::Batches)?, token })
    }
}

/// A share of the fleet.
pub(crate) struct Worker {
    pub plan: Arc<Plan>,
    pub tally: Arc<Tally>,
    pub servers: Vec<SocketAddr>,
    pub identity: TlsIdentity,
    pub hosts: Vec<Host>,
}

const HANDSHAKE: Duration = Duration::from_secs(10);
const MAX_ACK_BYTES: usize = 64 << 10;

impl Worker {
    /// Pushes every window of every host from `start` on; returns when all is acked, or at `deadline`.
    pub(crate) fn run(self, start: Instant, deadline: Instant) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Rc::new(Shared {
            plan: self.plan,
            tally: self.tally.clone(),
            servers: self.servers,
            identity: self.identity,
            encoder: RefCell::new(Encoder::new()),
            ack_times: RefCell::new(AckTimes::new()),
        });
        let tasks = LocalSet::new();
        for host in self.hosts {
            let turn = host.number as usize;
            let connection = Connection { shared: shared.clone(), host, turn, frames: None };
            tasks.spawn_local(connection.run(start, deadline));
        }
        runtime.block_on(tasks);
        self.tally.merge_acks(&mut shared.ack_times.borrow_mut());
        Ok(())
    }
}

struct Shared {
    plan: Arc<Plan>,
    tally: Arc<Tally>,
    servers: Vec<SocketAddr>,
    identity: TlsIdentity,
    encoder: RefCell<Encoder>,
    ack_times: RefCell<AckTimes>,
}

/// One host and its stream.
struct Connection {
    shared: Rc<Shared>,
    host: Host,
    /// Which of the servers is used: another one after long silence.
    turn: usize,
    frames: Option<FrameStream<ClientStream>>,
}

impl Connection {
    async fn run(mut self, start: Instant, deadline: Instant) {
        let plan = self.shared.plan.clone();
        while !self.host.is_through(&plan) && Instant::now() < deadline {
            let now = Instant::now();
            if self.host.next_close(&plan, start).is_some_and(|close| close <= now) {
                let closed = self.host.close_window(&plan, &mut self.shared.encoder.borrow_mut());
                self.shared.tally.count_closed(closed);
            }
            if self.send_due(now).await.is_err() {
                self.drop_stream();
            }
            let next = [self.host.next_close(&plan, start), self.host.sender.next_wake(Instant::now())];
            let next = next.into_iter().flatten().fold(deadline, Instant::min);
            if self.wait_until(next).await.is_err() {
                self.drop_stream();
            }
        }
        let tally = &self.shared.tally;
        tally.batches_unacked.fetch_add(self.host.sender.outbox().len() as u64, Relaxed);
        tally.batches_resent.fetch_add(self.host.sender.outbox().totals().resent_batches, Relaxed);
    }

    fn drop_stream(&mut self) {
        self.frames = None;
        self.host.sender.on_broken_stream(Instant::now());
    }

    async fn send_due(&mut self, now: Instant) -> Result<()> {
        if self.host.sender.leaves_source() {
            self.turn += 1;
            self.drop_stream();
        }
        let (mut frame, mut due) = (Vec::new(), Vec::new());
        while let Some(sealed) = self.host.sender.seal_next(now, &mut frame) {
            self.host.record_sent(sealed.seq, now);
            due.push(std::mem::take(&mut frame));
        }
        if due.is_empty() {
            return Ok(());
        }
        if self.frames.is_none() {
            self.frames = Some(self.connect().await?);
        }
        let Some(frames) = &mut self.frames else { return Ok(()) };
        due.iter().for_each(|frame| frames.put(frame));
        Ok(frames.flush().await?)
    }

    async fn connect(&self) -> Result<FrameStream<ClientStream>> {
        let (servers, identity) = (&self.shared.servers, &self.shared.identity);
        let server = servers[self.turn % servers.len()];
        let connect = async {
            let stream = TcpStream::connect(server).await?;
            // Acks are measured; an option that cannot be set costs only time.
            let _ = stream.set_nodelay(true);
            anyhow::Ok(identity.tls.connect(stream, &server.ip().to_string()).await?)
        };
        let stream = tokio::time::timeout(HANDSHAKE, connect).await??;
        let mut frames = FrameStream::new(stream, MAX_ACK_BYTES);
        if let Some(token) = &identity.token {
            frames.put(token.as_bytes());
        }
        Ok(frames)
    }

    async fn wait_until(&mut self, next: Instant) -> Result<()> {
        let Some(frames) = &mut self.frames else {
            tokio::time::sleep_until(next.into()).await;
            return Ok(());
        };
        tokio::select! {
            filled = frames.fill() => anyhow::ensure!(filled?, "the gateway has closed the stream"),
            () = tokio::time::sleep_until(next.into()) => return Ok(()),
        }
        let now = Instant::now();
        while let Some(frame) = frames.pop()? {
            let Ok(delivered) = self.host.sender.on_datagram(now, frame, Route::Tls) else { continue };
            for entry in delivered {
                let took = self.host.record_acked(entry.seq, now);
                self.shared.tally.count_acked(entry.samples, took, &mut self.shared.ack_times.borrow_mut());
            }
        }
        Ok(())
    }
}
