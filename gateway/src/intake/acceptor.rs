//! Batches over TLS: one task per connection, all on one thread.
//!
//! A frame is a sealed datagram, as by UDP, or a token; the answer is a sealed ack. Where tokens are checked at all, the
//! connection must show one in its first frame, unless it has shown a client certificate.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{net::TcpStream, task::JoinSet};
use weir_link::{Alpn, FrameStream, client_certificate};
use weir_meters::{Load, used_by_this_thread};

use super::{connection::Connection, streams::Streams};
use crate::{counters::Add, open::Tenant, shared::Shared};

/// Accepts connections until it is told to stop.
pub(crate) struct Acceptor {
    pub(crate) streams: Arc<Streams>,
    pub(crate) load: Arc<Load>,
}

/// Memory of a TLS connection with its buffers.
pub(crate) const CONNECTION_BYTES: u64 = 40 << 10;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const PERIOD: Duration = Duration::from_secs(1);

impl Acceptor {
    /// Serves until stopped, then lets every connection finish its acks.
    pub(crate) async fn run(self, listener: TcpListener) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(measure(Arc::clone(&self.load)));
        let (streams, mut tasks) = (self.streams, JoinSet::new());
        let mut stopped = std::pin::pin!(streams.stopped());
        loop {
            while tasks.try_join_next().is_some() {}
            tokio::select! {
                () = &mut stopped => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => match Open::below(streams.config.max_connections, &streams.shared) {
                        Some(open) => drop(tasks.spawn(serve(Arc::clone(&streams), stream, peer, open))),
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
}

async fn serve(streams: Arc<Streams>, stream: TcpStream, peer: SocketAddr, _open: Open) {
    if let Err(reason) = converse(&streams, stream, peer).await {
        streams.refuse(reason);
    }
}

async fn converse(streams: &Streams, stream: TcpStream, peer: SocketAddr) -> Result<(), &'static str> {
    let config = &streams.config;
    // Acks are small and awaited; an option that cannot be set costs only time.
    let _ = stream.set_nodelay(true);
    let shake = tokio::time::timeout(config.patience, config.tls.accept(stream)).await;
    let (stream, alpn) = shake.map_err(|_| "stream_slow")?.map_err(|_| "stream_handshake")?;
    match (alpn, &config.http) {
        (Alpn::Batches, _) => {}
        (Alpn::Http, Some(http)) => return http.send_async((stream, peer)).await.map_err(|_| "stream_protocol"),
        (Alpn::Http, None) => return Err("stream_protocol"),
    }
    let known = client_certificate(&stream).is_some() || streams.shared.access.tokens.is_none();
    let tenant = if known { Tenant::Sealed } else { Tenant::Unknown };
    Connection::new(streams, FrameStream::new(stream, config.max_frame_bytes), peer, tenant).run().await
}

/// Measures how busy the thread of all streams is, for as long as its runtime lives.
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
