//! One stream: frames in, opened and appended together; acks out, in the order in which they become due.
//!
//! What breaks a rule of streams ends the connection under a reason; a batch that is refused is only counted.

use std::{net::SocketAddr, sync::atomic::Ordering::Relaxed, time::Instant};

use tokio::sync::watch;
use weir_identity::Scope;
use weir_link::{FrameStream, ServerStream};
use weir_queue::Lane;
use weir_sample::Timestamp;
use weir_wire::Hints;

use crate::{
    acks::{Group, Waiting},
    admission::{Admitted, Opened, Refused, payload},
    counters::Add,
    receiver::{queue_reason, record},
    shared::wall_clock,
    streams::Streams,
};

/// Whose batches a connection may bring.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tenant {
    /// Nobody's: it has yet to show a token.
    Unknown,
    /// Those of the token's tenant.
    Token(u32),
    /// Those that the seals say.
    Sealed,
}

impl Tenant {
    fn excludes(self, other: u32) -> bool {
        matches!(self, Self::Token(tenant) if tenant != other)
    }
}

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
        let mut stop = self.streams.stop.clone();
        let outcome = loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break Ok(()),
                Ok(ack) = self.acks.recv_async() => match self.send(ack).await {
                    Ok(()) => {}
                    Err(reason) => return Err(reason),
                },
                filled = self.frames.fill() => match filled {
                    Ok(true) => if let Err(reason) = self.admit().await { break Err(reason) },
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

    /// Takes every frame that has arrived whole. Only a complete frame buys the peer time: bytes that drip do not.
    async fn admit(&mut self) -> Result<(), &'static str> {
        let taken = self.take_frames()?;
        if taken > 0 || !self.owed {
            let config = &self.streams.config;
            self.owed = self.owes();
            self.due = tokio::time::Instant::now() + if self.owed { config.patience } else { config.idle };
        }
        if self.frames.outgoing_bytes() > 0 { self.flush().await } else { Ok(()) }
    }

    /// Opens what has arrived and appends it together. Returns the number of frames.
    fn take_frames(&mut self) -> Result<usize, &'static str> {
        let (received, now) = (Instant::now(), wall_clock());
        let (mut frames, mut bytes) = (0, 0);
        let (mut batches, mut payloads) = (Vec::new(), Vec::new());
        self.streams.desk().opener.door.pressure = self.streams.shared.pressure();
        let outcome = loop {
            let frame = match self.frames.take() {
                Ok(Some(frame)) => frame,
                Ok(None) => break Ok(()),
                Err(_) => break Err("stream_frame"),
            };
            (frames, bytes) = (frames + 1, bytes + frame.len());
            let taken = match frame.starts_with(b"WR") {
                true => open(self.streams, self.tenant, self.peer, frame, now),
                false => show(self.streams, frame, now).map(|tenant| {
                    self.tenant = tenant.unwrap_or(self.tenant);
                    Taken::Nothing
                }),
            };
            match taken {
                Ok(Taken::Batch(batch, lane, payload)) => {
                    batches.push(batch);
                    payloads.push((lane, payload));
                }
                Ok(Taken::Hint(sealed)) => self.frames.put(&sealed),
                Ok(Taken::Nothing) => {}
                Err(reason) => break Err(reason),
            }
        };
        self.streams.shared.counters.frames.add(frames);
        self.streams.shared.counters.frame_bytes.add(bytes);
        self.append(received, now, batches, &payloads);
        outcome.map(|()| frames)
    }

    fn append(&self, received: Instant, now: Timestamp, batches: Vec<Waiting>, payloads: &[(Lane, Vec<u8>)]) {
        let (Some(reply), false) = (self.reply.clone(), batches.is_empty()) else { return };
        let (shared, count) = (&self.streams.shared, batches.len());
        let records =
            batches.iter().zip(payloads).map(|(batch, (lane, payload))| record(&batch.header, payload, *lane, now));
        match shared.log.append(&records.collect::<Vec<_>>()) {
            Ok(position) => {
                shared.counters.batches.add(count);
                let group = Group { position, received, batches, reply: Some(reply) };
                if self.streams.groups.try_send(group).is_err() {
                    shared.counters.unacked.channel_full.add(count);
                }
            }
            Err(error) => {
                shared.counters.refused.count(queue_reason(&error), count as u64);
                shared.note_log(&Err(error));
            }
        }
    }
}

/// What came of a frame.
enum Taken {
    Batch(Waiting, Lane, Vec<u8>),
    /// A sealed ack that tells the time, or to slow down.
    Hint(Vec<u8>),
    /// A token, or a batch that was refused and counted.
    Nothing,
}

/// A frame with a sealed datagram.
fn open(
    streams: &Streams,
    tenant: Tenant,
    peer: SocketAddr,
    frame: &mut [u8],
    now: Timestamp,
) -> Result<Taken, &'static str> {
    if tenant == Tenant::Unknown {
        return Err("stream_token");
    }
    let mut desk = streams.desk();
    let opened = desk.opener.open_frame(frame, now);
    streams.shared.counters.derived_sessions.fetch_add(desk.opener.take_derived(), Relaxed);
    match opened {
        Ok(Admitted { opened, .. }) if tenant.excludes(opened.header.tenant) => Err("stream_tenant"),
        Ok(Admitted { opened: Opened { header, keys }, lane }) => {
            let waiting = Waiting { peer, keys, header, cause_bytes: frame.len() };
            Ok(Taken::Batch(waiting, lane, payload(frame).to_vec()))
        }
        Err(Refused::Wire(refusal)) => {
            streams.refuse(refusal.reason());
            Ok(Taken::Nothing)
        }
        Err(Refused::ClockAhead(Opened { header, keys })) => {
            streams.refuse("clock_ahead");
            let hint = desk.clock.write(&header, std::iter::empty(), streams.shared.hints(), now, &keys);
            Ok(Taken::Hint(hint.to_vec()))
        }
        Err(Refused::Shed(opened, _)) if tenant.excludes(opened.header.tenant) => Err("stream_tenant"),
        Err(Refused::Shed(Opened { header, keys }, shed)) => {
            if let Some(reason) = streams.shared.gate.count(shed) {
                streams.refuse(reason);
            }
            let hints = Hints { slow: true, ..streams.shared.hints() };
            let hint = desk.clock.write(&header, std::iter::empty(), hints, now, &keys);
            Ok(Taken::Hint(hint.to_vec()))
        }
    }
}

/// A frame with a token: the tenant it is for, or `None` where nothing asks for tokens.
fn show(streams: &Streams, frame: &[u8], now: Timestamp) -> Result<Option<Tenant>, &'static str> {
    let Some(tokens) = &streams.shared.admission.tokens else { return Ok(None) };
    let token = std::str::from_utf8(frame).map_err(|_| "stream_token")?;
    let claims = tokens.admit(token, Scope::Ingest, now).map_err(|_| "stream_token")?;
    Ok(Some(Tenant::Token(claims.tenant)))
}

/// Waits until the gateway stops.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could say so is gone, which says it too.
    let _ = stop.wait_for(|stop| *stop).await;
}
