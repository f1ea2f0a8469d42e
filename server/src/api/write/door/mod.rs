//! What all protocols that bring samples by HTTP have in common: who may send, how much of a request there is room for, what is
//! told while the sink is behind, and that samples are durable before they are answered for.

mod teller;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header;
use tokio::sync::OwnedSemaphorePermit;
#[cfg(feature = "otlp-grpc")]
use weir_formats::otlp::grpc;
use weir_identity::Claims;
use weir_queue::{Lane, Log, Record, RecordKind};
use weir_sample::{Metadata, Timestamp};
use weir_sink::DIFFERENCES_COUNTED;
use weir_wire::{AgentId, Epoch};

use super::budget::Budget;
use super::counters::Counters;
use super::gather::Gathered;
use super::left_out::LeftOut;
use super::refused::Refused;
use super::unfold::Folded;
use crate::api::auth::Caller;
use crate::clock::now;
use teller::Teller;

/// A sample from further ahead than this has a clock that is wrong.
const MOST_AHEAD: Duration = Duration::from_secs(10 * 60);

/// How far the sink may be behind, of its bound, until requests are turned away: as far as for batches of normal priority.
const TURNED_AWAY_AT: f64 = 0.85;

/// The way from a request to the queue.
#[derive(Clone)]
pub(crate) struct Door {
    queue: Arc<Log>,
    /// How long anything is kept.
    kept: Duration,
    budget: Budget,
    teller: Arc<Teller>,
    pub(crate) counters: Arc<Counters>,
}

/// Whose what a sender brings is.
pub(super) fn tenant_of(sender: &Sender) -> u32 {
    sender.as_deref().map_or(0, |claims| claims.tenant)
}

/// What a sender's token says of it; none where authentication is off.
pub(crate) type Sender = Option<Arc<Claims>>;

impl Door {
    pub(crate) fn new(queue: Arc<Log>, kept: Duration, counters: Arc<Counters>) -> Self {
        Self { queue, kept, budget: Budget::default(), teller: Arc::default(), counters }
    }

    /// The same way, with the same room, for another protocol.
    pub(crate) fn of(&self, counters: &Arc<Counters>) -> Self {
        Self { counters: counters.clone(), ..self.clone() }
    }

    /// Who sends, unless its token says what cannot be kept here.
    pub(crate) fn sender(caller: Caller) -> Result<Sender, Refused> {
        match caller {
            Caller::Anyone => Ok(None),
            Caller::Bearer(claims) if claims.max_series.is_some() => Err(Refused::Limited),
            Caller::Bearer(claims) => Ok(Some(claims)),
        }
    }

    /// A body as it came, once there is room for it.
    pub(super) async fn body(&self, request: Request) -> Result<(Vec<u8>, OwnedSemaphorePermit), Refused> {
        self.check_behind()?;
        self.budget.body(request).await
    }

    /// Room for what a body is unpacked.
    pub(super) async fn room(&self, unpacked: usize) -> Result<OwnedSemaphorePermit, Refused> {
        self.budget.unpacked(unpacked).await
    }

    /// Whether the sink is near enough to what was acknowledged to take more.
    pub(crate) fn check_behind(&self) -> Result<(), Refused> {
        if self.queue.behind_ratio() >= TURNED_AWAY_AT { Err(Refused::Behind(self.queue.behind())) } else { Ok(()) }
    }

    /// Takes a body as far as there is memory for it, unfolds it, and has `read` make of it what is to be stored, on a thread that may wait
    /// for the disk. `copies`: how many times its unfolded size is in memory then.
    pub(crate) async fn receive<T: Send + 'static>(
        &self,
        request: Request,
        copies: usize,
        read: impl FnOnce(Vec<u8>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let encoding = request.headers().get(header::CONTENT_ENCODING).cloned();
        let (body, body_room) = self.body(request).await?;
        self.unfolded((Folded::of(body, encoding.as_ref())?, body_room), copies, read).await
    }

    /// Takes a frame of gRPC, which holds one message; the rest as above.
    #[cfg(feature = "otlp-grpc")]
    pub(super) async fn receive_message<T: Send + 'static>(
        &self,
        request: Request,
        read: impl FnOnce(Vec<u8>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let encoding = request.headers().get("grpc-encoding").cloned();
        self.check_behind()?;
        let (frame, body_room) = self.budget.told_body(request, grpc::HEAD_BYTES, grpc::frame_bytes).await?;
        let Some((message, is_packed)) = grpc::unframed(frame) else {
            return Err(Refused::Malformed("its body is not one message as gRPC frames it".to_owned()));
        };
        let folded = Folded::of(message, encoding.as_ref().filter(|_| is_packed))?;
        self.unfolded((folded, body_room), 1, read).await
    }

    async fn unfolded<T: Send + 'static>(
        &self,
        (folded, body_room): (Folded, OwnedSemaphorePermit),
        copies: usize,
        read: impl FnOnce(Vec<u8>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let room = self.budget.unpacked((folded.length()? * copies).min(Budget::MOST_UNPACKED)).await?;
        work((body_room, room), move || read(folded.unfold()?)).await
    }

    /// Where samples are gathered for a request of now.
    pub(crate) fn gathered(&self, sender: &Sender) -> Gathered {
        let enforced = sender.iter().flat_map(|claims| &claims.labels);
        let enforced = enforced.map(|(label, value)| (&**label, &**value));
        let now = now();
        let mut gathered = Gathered::enforcing(enforced, self.times(now), now.minus(DIFFERENCES_COUNTED).millis());
        gathered.left_out = LeftOut::of(tenant_of(sender));
        gathered
    }

    /// The earliest and the latest time that are stored.
    pub(super) fn times(&self, now: Timestamp) -> (i64, i64) {
        (now.minus(self.kept).millis(), now.plus(MOST_AHEAD).millis())
    }

    /// Makes what was gathered durable.
    pub(crate) fn store(&self, sender: &Sender, gathered: Gathered) -> Result<(), Refused> {
        let (payloads, samples) = gathered.finish();
        self.append(&payloads, sender.as_deref(), now())?;
        self.counters.take(samples);
        Ok(())
    }

    pub(super) fn append(&self, payloads: &[Vec<u8>], claims: Option<&Claims>, now: Timestamp) -> Result<(), Refused> {
        let (agent, epoch, tenant) = (AgentId([0; 16]), Epoch(0), claims.map_or(0, |claims| claims.tenant));
        let (kind, lane) = (RecordKind::Series, Lane::Normal);
        let record = |payload| Record { kind, lane, tenant, agent, epoch, seq: 0, received: now, payload };
        let records: Vec<_> = payloads.iter().map(|payload| record(payload.as_slice())).collect();
        self.make_durable(&records)
    }

    /// Puts what is told of metrics into the queue, as far as it is new. Nobody waits for the disk: what is lost is told again.
    pub(super) fn tell<'m>(
        &self,
        tenant: u32,
        told: impl IntoIterator<Item = (&'m str, Metadata)>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let payloads = self.teller.news(tenant, told, now);
        if payloads.is_empty() {
            return Ok(());
        }
        let (agent, epoch, kind, lane) = (AgentId([0; 16]), Epoch(0), RecordKind::Metadata, Lane::Bulk);
        let record = |payload| Record { kind, lane, tenant, agent, epoch, seq: 0, received: now, payload };
        let records: Vec<_> = payloads.iter().map(|payload| record(payload.as_slice())).collect();
        self.queue.append(&records).map(drop).map_err(Refused::Queue)
    }

    /// Appends records, and waits until they are on disk.
    pub(super) fn make_durable(&self, records: &[Record<'_>]) -> Result<(), Refused> {
        if records.is_empty() {
            return Ok(());
        }
        let durable = self.queue.append(records).and_then(|position| self.queue.wait_durable(position));
        durable.map_err(Refused::Queue)
    }
}

/// Does what may wait for the disk on a thread of its own, and holds its rooms until then.
pub(super) async fn work<R: Send + 'static, T: Send + 'static>(
    rooms: R,
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let work = tokio::task::spawn_blocking(move || {
        let _rooms = rooms;
        work()
    });
    work.await.unwrap_or_else(|panic| {
        tracing::error!(error = %panic, "a request with samples ended its thread");
        Err(Refused::Fault)
    })
}
