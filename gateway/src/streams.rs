//! Batches over TLS: one task per connection, all on one thread.
//!
//! A frame is a sealed datagram, as by UDP, or a token; the answer is a sealed ack. Where tokens are checked at all, the
//! connection must show one in its first frame, unless it has shown a client certificate.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{net::TcpStream, sync::watch, task::JoinSet};
use weir_link::{Alpn, FrameStream, ServerStream, ServerTls, client_certificate};
use weir_meters::{Load, used_by_this_thread};

use crate::{
    acks::{AckWriter, Group},
    admission::Opener,
    connection::{Connection, Tenant, stopped},
    counters::Add,
    shared::Shared,
};

/// How streams are accepted.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// The server's identity.
    pub tls: Arc<ServerTls>,
    /// Connections at a time; more are closed at once. About 30 KiB each.
    pub max_connections: usize,
    /// The largest frame taken.
    pub max_frame_bytes: usize,
    /// How long a handshake, a token or the rest of a frame may take.
    pub patience: Duration,
    /// How long a connection may be silent.
    pub idle: Duration,
    /// Takes the connections that speak HTTP; without, they are refused.
    pub http: Option<flume::Sender<HttpStream>>,
}

/// A connection whose client speaks HTTP, and who that is.
pub type HttpStream = (ServerStream, SocketAddr);

impl StreamConfig {
    /// The usual bounds.
    pub fn new(tls: Arc<ServerTls>) -> Self {
        Self {
            tls,
            max_connections: 10_000,
            max_frame_bytes: 64 << 10,
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            http: None,
        }
    }
}

/// Accepts connections until it is told to stop.
pub(crate) struct Streams {
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: StreamConfig,
    pub(crate) desk: Mutex<Desk>,
    pub(crate) groups: flume::Sender<Group>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) load: Arc<Load>,
}

/// What opens and answers for all connections: they share a thread, so its lock is never waited for.
pub(crate) struct Desk {
    pub(crate) opener: Opener,
    pub(crate) clock: AckWriter,
}

/// Memory of a TLS connection with its buffers.
pub(crate) const CONNECTION_BYTES: u64 = 40 << 10;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const PERIOD: Duration = Duration::from_secs(1);

impl Streams {
    /// Serves until stopped, then lets every connection finish its acks.
    pub(crate) async fn run(self, listener: TcpListener) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(measure(Arc::clone(&self.load)));
        let (streams, mut tasks) = (Arc::new(self), JoinSet::new());
        let mut stop = streams.stop.clone();
        loop {
            while tasks.try_join_next().is_some() {}
            tokio::select! {
                () = stopped(&mut stop) => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => match Open::below(streams.config.max_connections, &streams.shared) {
                        Some(open) => drop(tasks.spawn(Arc::clone(&streams).serve(stream, peer, open))),
                        None => streams.refuse("stream_limit"),
                    },
                    Err(error) => {
                        streams.shared.counters.socket_errors.add(1);
                        tracing::warn!(%error, "cannot accept a stream");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        let finish = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(streams.config.patience, finish).await;
        Ok(())
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, _open: Open) {
        if let Err(reason) = self.converse(stream, peer).await {
            self.refuse(reason);
        }
    }

    async fn converse(&self, stream: TcpStream, peer: SocketAddr) -> Result<(), &'static str> {
        // Acks are small and awaited; an option that cannot be set costs only time.
        let _ = stream.set_nodelay(true);
        let shake = tokio::time::timeout(self.config.patience, self.config.tls.accept(stream)).await;
        let (stream, alpn) = shake.map_err(|_| "stream_slow")?.map_err(|_| "stream_handshake")?;
        match (alpn, &self.config.http) {
            (Alpn::Batches, _) => {}
            (Alpn::Http, Some(http)) => return http.send_async((stream, peer)).await.map_err(|_| "stream_protocol"),
            (Alpn::Http, None) => return Err("stream_protocol"),
        }
        let known = client_certificate(&stream).is_some() || self.shared.admission.tokens.is_none();
        let tenant = if known { Tenant::Sealed } else { Tenant::Unknown };
        Connection::new(self, FrameStream::new(stream, self.config.max_frame_bytes), peer, tenant).run().await
    }

    pub(crate) fn refuse(&self, reason: &str) {
        self.shared.counters.refused.count(reason, 1);
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes how busy the thread of all streams is, for as long as its runtime lives.
async fn measure(load: Arc<Load>) {
    let (mut before, mut ratio) = (used_by_this_thread(), 0.0);
    loop {
        tokio::time::sleep(PERIOD).await;
        let used = used_by_this_thread();
        ratio = 0.5 * (ratio + ((used - before).as_secs_f64() / PERIOD.as_secs_f64()).min(1.0));
        load.set(ratio);
        before = used;
    }
}

/// Counts a connection for as long as it is served, however that ends.
struct Open(Arc<Shared>);

impl Open {
    fn below(limit: usize, shared: &Arc<Shared>) -> Option<Self> {
        if shared.counters.open_streams.load(Relaxed) >= limit as u64 {
            return None;
        }
        shared.counters.streams.add(1);
        shared.counters.open_streams.add(1);
        Some(Self(Arc::clone(shared)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.open_streams.fetch_sub(1, Relaxed);
    }
}
