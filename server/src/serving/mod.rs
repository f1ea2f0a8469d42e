//! HTTP connections: how many there are, how long each may take for what, and who may ask.
//!
//! A port, with TLS or without, or the gateway, which hands over what arrives at the port of batches, brings connections;
//! a router answers. A client that is silent, slow or half-dead costs its own connection and nothing else, and all
//! connections together leave the descriptors that storage needs.

mod answers;
mod body;
mod connection;
mod counters;
#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(feature = "otlp-grpc")]
mod http2;
mod site;
mod stall;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weir_gateway::HttpStream;
use weir_link::{ServerStream, ServerTls};
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

/// What is served at a port.
pub(crate) struct Port {
    /// Whom to be known as, by TLS; none: no TLS.
    pub tls: Option<Arc<ServerTls>>,
    pub site: Arc<Site>,
    pub router: Router,
    pub protocol: Protocol,
}

/// What connections speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    Http,
    /// gRPC by HTTP/2, which a client must know before.
    #[cfg(feature = "otlp-grpc")]
    Grpc,
}

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

    /// Serves a port in the background.
    pub(crate) fn port(self: &Arc<Self>, listener: TcpListener, port: Port) {
        let (serving, port) = (Arc::clone(self), Arc::new(port));
        tokio::spawn(async move {
            loop {
                let (stream, peer) = serving.accept(&listener).await;
                let Some(slot) = serving.slot() else {
                    if port.tls.is_none() && port.protocol == Protocol::Http {
                        let _ = stream.try_write(FULL);
                    }
                    continue;
                };
                let local = stream.local_addr().ok().map(|address| address.ip());
                let connection = Connection::new(Arc::clone(&serving.counters), Arc::clone(&port.site), peer, local);
                tokio::spawn(Arc::clone(&serving).serve(stream, connection, Arc::clone(&port), slot));
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
        connection: Connection,
        port: Arc<Port>,
        slot: OwnedSemaphorePermit,
    ) {
        // Answers are awaited; an option that cannot be set costs only time.
        let _ = stream.set_nodelay(true);
        let (protocol, router) = (port.protocol, port.router.clone());
        let Some(tls) = &port.tls else { return protocol.speak(connection, stream, router, slot).await };
        let peer = connection.peer;
        let shaken = tokio::time::timeout(HANDSHAKE, protocol.shake(tls, stream)).await;
        if let Ok(Ok(stream)) = shaken {
            return protocol.speak(connection, stream, router, slot).await;
        }
        self.counters.closed(Closed::Handshake);
        tracing::debug!(%peer, outcome = ?shaken.map(|outcome| outcome.err()), "no TLS connection came about");
    }
}

impl Protocol {
    async fn shake(self, tls: &ServerTls, stream: TcpStream) -> Result<ServerStream, weir_link::Error> {
        match self {
            Self::Http => tls.accept(stream).await.map(|(stream, _)| stream),
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc => tls.accept_http2(stream).await,
        }
    }

    async fn speak<S>(self, connection: Connection, stream: S, router: Router, slot: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self {
            Self::Http => connection.run(stream, router, slot).await,
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc => http2::run(connection, stream, router, slot).await,
        }
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
