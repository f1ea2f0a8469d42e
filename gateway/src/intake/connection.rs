//! One stream: frames in, opened and appended together; acks out, in the order in which they become due.
//!
//! What breaks a rule of streams ends the connection under a reason; a batch that is refused is only counted.

use std::{net::SocketAddr, time::Instant};

use weir_identity::Scope;
use weir_link::{FrameStream, ServerStream};
use weir_meters::clock;
use weir_sample::Timestamp;
use weir_wire::Notice;

use super::{
    ingest::{Ingested, Origin},
    streams::Streams,
};
use crate::{
    counters::Add,
    open::{Tenant, payload},
};

/// A peer that has completed its handshake.
pub(crate) struct Connection<'a> {
    streams: &'a Streams,
    frames: FrameStream<ServerStream>,
    peer: SocketAddr,
    tenant: Tenant,
    /// Goes with every group; when the last is answered, `acks` ends.
    reply: Option<flume::Sender<Vec<u8>>>,
    acks: flume::Receiver<Vec<u8>>,
    /// By when the peer must have completed a frame.
    due: tokio::time::Instant,
    /// Whether `due` was set for something that the peer had begun.
    owed: bool,
}

/// Acks that may wait for one connection to take them.
const WAITING_ACKS: usize = 1_024;

impl<'a> Connection<'a> {
    pub(crate) fn new(
        streams: &'a Streams,
        frames: FrameStream<ServerStream>,
        peer: SocketAddr,
        tenant: Tenant,
    ) -> Self {
        let (reply, acks) = flume::bounded(WAITING_ACKS);
        let owed = tenant == Tenant::Unknown;
        let due = tokio::time::Instant::now() + if owed { streams.config.patience } else { streams.config.idle };
        Self { streams, frames, peer, tenant, reply: Some(reply), acks, due, owed }
    }

    /// Takes batches and gives acks until the peer leaves, breaks a rule, or the gateway stops.
    pub(crate) async fn run(mut self) -> Result<(), &'static str> {
        let mut stopped = std::pin::pin!(self.streams.stopped());
        let outcome = loop {
            tokio::select! {
                biased;
                () = &mut stopped => break Ok(()),
                Ok(ack) = self.acks.recv_async() => match self.send(ack).await {
                    Ok(()) => {}
                    Err(reason) => return Err(reason),
                },
                filled = self.frames.fill() => match filled {
                    Ok(true) => if let Err(reason) = self.ingest().await { break Err(reason) },
                    Ok(false) => break Ok(()),
                    Err(_) => break Err("stream_broken"),
                },
                () = tokio::time::sleep_until(self.due) => {
                    break if self.owes() { Err("stream_slow") } else { Ok(()) };
                }
            }
        };
        self.finish().await;
        outcome
    }

    /// Whether the peer has begun what it must soon complete.
    fn owes(&self) -> bool {
        self.tenant == Tenant::Unknown || self.frames.is_inside_frame()
    }

    async fn send(&mut self, ack: Vec<u8>) -> Result<(), &'static str> {
        self.frames.put(&ack);
        self.acks.try_iter().for_each(|ack| self.frames.put(&ack));
        self.flush().await
    }

    /// A peer that does not take what it is sent is not read from either, and not for long.
    async fn flush(&mut self) -> Result<(), &'static str> {
        match tokio::time::timeout(self.streams.config.patience, self.frames.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("stream_broken"),
            Err(_) => Err("stream_slow"),
        }
    }

    /// Waits for the acks of what was taken, sends them, and closes.
    async fn finish(mut self) {
        self.reply = None;
        // What was told last; a peer that is gone need not hear it.
        let _ = self.flush().await;
        let patience = self.streams.config.patience;
        let answer = async {
            while let Ok(ack) = self.acks.recv_async().await {
                if self.send(ack).await.is_err() {
                    return;
                }
            }
            // The peer may be gone; there is nothing left to tell it.
            let _ = self.frames.close().await;
        };
        let _ = tokio::time::timeout(patience, answer).await;
    }

    /// Takes in every frame that has arrived whole. Only a complete frame buys the peer time: bytes that drip do not.
    async fn ingest(&mut self) -> Result<(), &'static str> {
        let frames = self.ingest_frames()?;
        if frames > 0 || !self.owed {
            let config = &self.streams.config;
            self.owed = self.owes();
            self.due = tokio::time::Instant::now() + if self.owed { config.patience } else { config.idle };
        }
        if self.frames.outgoing_bytes() > 0 { self.flush().await } else { Ok(()) }
    }

    /// Offers what has arrived and appends it together. Returns the number of frames.
    fn ingest_frames(&mut self) -> Result<usize, &'static str> {
        let streams = self.streams;
        let (received, now, mut ingest) = (Instant::now(), clock::now(), streams.ingest());
        let (mut frames, mut bytes, mut payloads) = (0, 0, Vec::new());
        ingest.begin(received, now);
        let outcome = loop {
            let frame = match self.frames.pop() {
                Ok(Some(frame)) => frame,
                Ok(None) => break Ok(()),
                Err(_) => break Err("stream_frame"),
            };
            (frames, bytes) = (frames + 1, bytes + frame.len());
            if !frame.starts_with(b"WR") {
                match shown(streams, frame, now) {
                    Ok(tenant) => self.tenant = tenant.unwrap_or(self.tenant),
                    Err(reason) => break Err(reason),
                }
                continue;
            }
            if self.tenant == Tenant::Unknown {
                break Err("stream_token");
            }
            let origin = Origin { peer: self.peer, tenant: self.tenant, max_bytes: streams.config.max_frame_bytes };
            match ingest.offer(frame, origin) {
                Ingested::Accepted => payloads.push(payload(frame).to_vec()),
                Ingested::Told(sealed) => self.frames.put(sealed),
                Ingested::Refused(reason) => self.frames.put(&Notice::encode(reason, now)),
                Ingested::Foreign => break Err("stream_tenant"),
            }
        };
        streams.shared.counters.frames.add(frames);
        streams.shared.counters.frame_bytes.add(bytes);
        ingest.append(payloads.iter().map(Vec::as_slice), self.reply.clone());
        if let Err(reason) = outcome {
            self.frames.put(&Notice::encode(reason, now));
        }
        outcome.map(|()| frames)
    }
}

/// The tenant of a frame with a token, or `None` where nothing asks for tokens.
fn shown(streams: &Streams, frame: &[u8], now: Timestamp) -> Result<Option<Tenant>, &'static str> {
    let Some(tokens) = &streams.shared.access.tokens else { return Ok(None) };
    let token = std::str::from_utf8(frame).map_err(|_| "stream_token")?;
    let claims = tokens.admit(token, Scope::Ingest, now).map_err(|_| "stream_token")?;
    Ok(Some(Tenant::Token(claims.tenant)))
}
