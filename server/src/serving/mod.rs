//! HTTP connections: how many there are, how long each may take for what, and who may ask.
//!
//! A port, with TLS or without, or the gateway, which hands over what arrives at the port of batches, brings connections;
//! a router answers. A client that is silent, slow or half-dead costs its own connection and nothing else, and all
//! connections together leave the descriptors that storage needs.

mod answers;
mod body;
mod connection;
mod counters;
mod site;
mod stall;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weir_gateway::HttpStream;
use weir_link::ServerTls;
use weir_sample::Reading;

pub(crate) use answers::answering;
use connection::Connection;
use counters::{Closed, Counters};
pub(crate) use site::Site;

/// All HTTP connections of a process, whatever port they come by.
pub(crate) struct Serving {
    slots: Arc<Semaphore>,
    most: usize,
    counters: Arc<Counters>,
}

/// TLS connections that arrive at the port of batches, their handshake done.
pub(crate) type HandedOver = flume::Receiver<HttpStream>;

/// How a process divides its descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// HTTP connections.
    pub http: usize,
    /// Streams of batches.
    pub streams: usize,
}

/// Time that a client's TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Pause after a connection could not be accepted: out of descriptors, most likely, and others will close theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Told to a client that comes when all connections are taken.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nconnection: close\r\nretry-after: 10\r\n\r\n\
    all HTTP connections of this server are taken: see weir_http_connections, and raise its limit of open files (LimitNOFILE)\n";

impl Descriptors {
    /// HTTP connections at most, however many descriptors there are: each may take some 100 KB.
    const MOST_HTTP: usize = 4_096;

    /// A quarter, 64 at least and 1,024 at most, is for files of queue and store and for all else; HTTP and streams have
    /// the rest by halves.
    pub(crate) fn divided(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let rest = limit.saturating_sub((limit / 4).clamp(64, 1_024));
        let http = (rest / 2).clamp(1, Self::MOST_HTTP);
        Self { http, streams: rest.saturating_sub(http).max(1) }
    }
}

impl Serving {
    /// With at most so many connections at once.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { slots: Arc::new(Semaphore::new(most)), most, counters: Arc::default() })
    }

    /// What became of connections and requests.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        self.counters.readings(self.most - self.slots.available_permits(), self.most)
    }

    /// Serves a router on a port in the background, over TLS where there is an identity to show.
    pub(crate) fn port(
        self: &Arc<Self>,
        listener: TcpListener,
        tls: Option<Arc<ServerTls>>,
        site: Site,
        router: Router,
    ) {
        let (serving, site) = (Arc::clone(self), Arc::new(site));
        tokio::spawn(async move {
            loop {
                let (stream, peer) = serving.accept(&listener).await;
                let Some(slot) = serving.slot() else {
                    if tls.is_none() {
                        let _ = stream.try_write(FULL);
                    }
                    continue;
                };
                let (serving, tls, site, router) =
                    (Arc::clone(&serving), tls.clone(), Arc::clone(&site), router.clone());
                tokio::spawn(serving.serve(stream, peer, tls, site, router, slot));
            }
        });
    }

    /// Serves a router on connections from elsewhere in the background, until no more come.
    pub(crate) fn handed_over(self: &Arc<Self>, connections: HandedOver, site: Site, router: Router) {
        let (serving, site) = (Arc::clone(self), Arc::new(site));
        tokio::spawn(async move {
            while let Ok((stream, peer)) = connections.recv_async().await {
                if let Some(slot) = serving.slot() {
                    let connection = Connection::new(Arc::clone(&serving.counters), Arc::clone(&site), peer, None);
                    tokio::spawn(connection.run(stream, router.clone(), slot));
                }
            }
        });
    }

    async fn accept(&self, listener: &TcpListener) -> (TcpStream, SocketAddr) {
        let mut failing = false;
        loop {
            match listener.accept().await {
                Ok(accepted) => {
                    if failing {
                        tracing::info!("connections are accepted again");
                    }
                    return accepted;
                }
                Err(error) => {
                    self.counters.closed(Closed::Accept);
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "cannot accept a connection, trying again");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn slot(&self) -> Option<OwnedSemaphorePermit> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok();
        if slot.is_none() {
            self.counters.closed(Closed::Full);
        }
        slot
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<Arc<ServerTls>>,
        site: Arc<Site>,
        router: Router,
        slot: OwnedSemaphorePermit,
    ) {
        let local = stream.local_addr().ok().map(|address| address.ip());
        // Answers are awaited; an option that cannot be set costs only time.
        let _ = stream.set_nodelay(true);
        let connection = Connection::new(Arc::clone(&self.counters), site, peer, local);
        let Some(tls) = tls else { return connection.run(stream, router, slot).await };
        let shaken = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await;
        if let Ok(Ok((stream, _))) = shaken {
            return connection.run(stream, router, slot).await;
        }
        self.counters.closed(Closed::Handshake);
        tracing::debug!(%peer, outcome = ?shaken.map(|outcome| outcome.err()), "no TLS connection came about");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_keeps_descriptors_for_itself() {
        let check = |limit, http, streams| {
            assert_eq!(Descriptors::divided(limit), Descriptors { http, streams }, "{limit}");
        };
        check(0, 1, 1);
        check(128, 32, 32);
        check(1_024, 384, 384);
        check(4_096, 1_536, 1_536);
        check(1 << 20, 4_096, (1 << 20) - 1_024 - 4_096);
    }
}
