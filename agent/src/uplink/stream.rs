//! The way by TLS, for when datagrams do not get through: a connection that is made when there is something to send.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use weir_link::{ClientStream, ClientTls, FrameStream};

use super::gateways::Gateway;
use super::session::read_token;

/// How streams identify themselves and whom they trust.
#[derive(Clone)]
pub(crate) struct StreamIdentity {
    pub tls: ClientTls,
    /// The token for the first frame; without one, the client certificate or the seals speak.
    pub token: Option<PathBuf>,
}

/// A stream to one gateway. When it is dropped, so is the connection.
pub(crate) struct Stream {
    gateway: SocketAddr,
    frames: mpsc::Sender<Vec<u8>>,
    acks: mpsc::Receiver<Vec<u8>>,
    error: oneshot::Receiver<String>,
}

/// Frames that may wait for a connection; what does not fit is sent again later, as any lost batch.
const WAITING_FRAMES: usize = 64;
const HANDSHAKE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(120);
/// An ack answers at most what one read of the gateway brought; 64 KiB is far more.
const MAX_ACK_BYTES: usize = 64 << 10;

impl Stream {
    /// A stream to this gateway; the connection is made with the first frame.
    pub(crate) fn to(gateway: Gateway, identity: StreamIdentity) -> Self {
        let (frames, sent) = mpsc::channel(WAITING_FRAMES);
        let (answers, acks) = mpsc::channel(WAITING_FRAMES);
        let (ended, error) = oneshot::channel();
        let address = gateway.address;
        tokio::spawn(async move {
            let name = gateway.name.clone();
            let answering = answers.clone();
            if let Err(error) = run(gateway, identity, sent, answers).await {
                // Told before the acks end; whoever dropped the stream does not ask.
                let _ = ended.send(format!("{name}: {error:#}"));
            }
            drop(answering);
        });
        Self { gateway: address, frames, acks, error }
    }

    /// To which gateway it goes.
    pub(crate) fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// Hands a sealed datagram over; false if the stream has ended or is behind.
    pub(crate) fn send(&self, datagram: &[u8]) -> bool {
        self.frames.try_send(datagram.to_vec()).is_ok()
    }

    /// Why it has ended, if that was an error.
    pub(crate) fn error(mut self) -> Option<String> {
        self.error.try_recv().ok()
    }

    /// The next sealed ack; `None` when the stream has ended.
    pub(crate) async fn receive(&mut self) -> Option<Vec<u8>> {
        self.acks.recv().await
    }
}

async fn run(
    gateway: Gateway,
    identity: StreamIdentity,
    mut sent: mpsc::Receiver<Vec<u8>>,
    answers: mpsc::Sender<Vec<u8>>,
) -> Result<()> {
    let Some(first) = sent.recv().await else { return Ok(()) };
    let connected = tokio::time::timeout(HANDSHAKE, connect(&gateway, &identity)).await;
    let mut frames = connected.with_context(|| format!("no TLS with {} within {HANDSHAKE:?}", gateway.address))??;
    if let Some(path) = &identity.token {
        frames.put(read_token(path)?.as_bytes());
    }
    frames.put(&first);
    frames.flush().await.context("sending")?;
    loop {
        tokio::select! {
            frame = sent.recv() => match frame {
                Some(frame) => {
                    frames.put(&frame);
                    while let Ok(frame) = sent.try_recv() {
                        frames.put(&frame);
                    }
                    frames.flush().await.context("sending")?;
                }
                None => return frames.close().await.context("closing"),
            },
            filled = frames.fill() => {
                if !filled.context("receiving")? {
                    return Ok(());
                }
                while let Some(ack) = frames.pop().context("receiving")? {
                    let ack = ack.to_vec();
                    if answers.send(ack).await.is_err() {
                        return Ok(());
                    }
                }
            }
            () = tokio::time::sleep(IDLE) => return Ok(()),
        }
    }
}

async fn connect(gateway: &Gateway, identity: &StreamIdentity) -> Result<FrameStream<ClientStream>> {
    let Gateway { address, name } = gateway;
    let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
    // Batches are awaited; an option that cannot be set costs only time.
    let _ = stream.set_nodelay(true);
    let stream = identity.tls.connect(stream, name).await.with_context(|| format!("TLS with {name} at {address}"))?;
    Ok(FrameStream::new(stream, MAX_ACK_BYTES))
}
