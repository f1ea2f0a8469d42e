//! Where HTTP connections come from: a TCP port, with TLS or without, or the port of batches, which hands them over.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use tokio::net::TcpListener;
use weir_gateway::HttpStream;
use weir_link::ServerTls;

/// TLS connections whose handshake is done.
pub(crate) struct HandedOver {
    address: SocketAddr,
    streams: flume::Receiver<HttpStream>,
}

/// How long a client's handshake may take, and how many may be under way.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HANDSHAKES: usize = 256;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl HandedOver {
    /// A sender for whoever shakes hands, and the listener.
    pub(crate) fn channel(address: SocketAddr, waiting: usize) -> (flume::Sender<HttpStream>, Self) {
        let (sender, streams) = flume::bounded(waiting);
        (sender, Self { address, streams })
    }

    /// Serves a router on them in the background.
    pub(crate) fn serve(self, router: Router) {
        tokio::spawn(async move { axum::serve(self, router).await });
    }
}

impl Listener for HandedOver {
    type Io = weir_link::ServerStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.streams.recv_async().await {
            Ok(stream) => stream,
            // Whoever handed over has stopped: no connection comes any more.
            Err(_) => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Serves a router on a port in the background, over TLS where there is an identity to show.
pub(crate) fn serve(listener: TcpListener, tls: Option<Arc<ServerTls>>, router: Router) -> io::Result<()> {
    let Some(tls) = tls else {
        tokio::spawn(async move { axum::serve(listener, router).await });
        return Ok(());
    };
    let (sender, handed_over) = HandedOver::channel(listener.local_addr()?, HANDSHAKES);
    tokio::spawn(shake_hands(listener, tls, sender));
    handed_over.serve(router);
    Ok(())
}

async fn shake_hands(listener: TcpListener, tls: Arc<ServerTls>, sender: flume::Sender<HttpStream>) {
    let under_way = Arc::new(tokio::sync::Semaphore::new(HANDSHAKES));
    loop {
        let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, sender) = (Arc::clone(&tls), sender.clone());
        tokio::spawn(async move {
            let _permit = permit;
            match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                Ok(Ok((stream, _))) => drop(sender.send_async((stream, peer)).await),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection came about"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
        });
    }
}
