//! `POST /v1/scrapes`: what collectors saw of targets, into the queue.
//!
//! The answer comes when all of it is durable there; the sink stores each window of a target once, so that a request may be
//! repeated. A collector shows a bearer token, or seals the body as an agent seals its datagrams.

mod envelope;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use weir_identity::{Identity, Scope};
use weir_queue::{Lane, Log, Record, RecordKind};
use weir_sample::Timestamp;
use weir_wire::{DatagramKind, Epoch, HEADER_BYTES, Header, Refusal, SessionKeys, TAG_BYTES};

use super::AllCounters;
use super::door::{Door, work};
use super::left_out::LeftOut;
use super::refused::Refused;
use crate::api::auth::{self, bearer};
use crate::clock::now;

#[derive(Clone)]
struct Route {
    door: Door,
    identity: Arc<Identity>,
}

/// Who sends.
enum From {
    /// The bearer of a token of this tenant.
    Bearer(u32),
    /// Who the body's seal says.
    Seal,
}

/// The route, which asks for a token or a seal whether tokens are asked for elsewhere or not.
pub(crate) fn routes<S>(queue: Arc<Log>, kept: Duration, counters: &AllCounters, identity: Arc<Identity>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let door = Door::new(queue, kept, counters.others.scrapes.clone());
    Router::new().route("/v1/scrapes", post(receive)).with_state(Route { door, identity })
}

async fn receive(State(route): State<Route>, request: Request) -> Response {
    let counters = route.door.counters.clone();
    let outcome = match route.from(&request) {
        Ok(Ok(from)) => route.take(from, request).await,
        Ok(Err(refused)) => Err(refused),
        Err(refused) => return refused.into_response(),
    };
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => refused.counted(&counters).into_response(),
    }
}

impl Route {
    fn from(&self, request: &Request) -> Result<Result<From, Refused>, auth::Refused> {
        let (Some(tokens), Some(token)) = (&self.identity.tokens, bearer(request.headers())) else {
            return Ok(Ok(From::Seal));
        };
        let claims = tokens.admit(token, Scope::Ingest, now()).map_err(auth::Refused::Token)?;
        let is_bound = claims.max_series.is_some() || !claims.labels.is_empty();
        Ok(if is_bound { Err(Refused::Bound) } else { Ok(From::Bearer(claims.tenant)) })
    }

    async fn take(self, from: From, request: Request) -> Result<(), Refused> {
        let (body, room) = self.door.body(request).await?;
        work(room, move || self.ingest(&from, body, now())).await
    }

    fn ingest(&self, from: &From, mut body: Vec<u8>, now: Timestamp) -> Result<(), Refused> {
        let (tenant, plain) = match from {
            From::Bearer(tenant) => (*tenant, &body[..]),
            From::Seal => self.unseal(&mut body, now).map_err(Refused::Seal)?,
        };
        let looks =
            envelope::read(plain).map_err(|fault| Refused::Malformed(format!("no looks at targets: {fault}")))?;
        let ((oldest, newest), mut left_out) = (self.door.times(now), LeftOut::default());
        let (kind, lane, epoch, seq, received) = (RecordKind::Scrape, Lane::Normal, Epoch(0), 0, now);
        let mut records = Vec::with_capacity(looks.len());
        for envelope::Sent { target, scrape, payload } in looks {
            if left_out.is_within(scrape.time.millis(), oldest, newest) {
                records.push(Record { kind, lane, tenant, agent: target, epoch, seq, received, payload });
            }
        }
        self.door.make_durable(&records)?;
        self.door.counters.take(records.len() as u64);
        left_out.told(&self.door.counters).map_err(Refused::Part)
    }

    /// Opens a sealed body in place: its tenant, and what is in it.
    fn unseal<'b>(&self, body: &'b mut [u8], now: Timestamp) -> Result<(u32, &'b [u8]), Refusal> {
        let header = Header::decode_any_length(body)?;
        if header.kind != DatagramKind::Scrapes {
            return Err(Refusal::Direction);
        }
        if i64::from(header.expires) <= now.millis() / 1_000 {
            return Err(Refusal::Expired);
        }
        if self.identity.denied.denies(&header.agent) {
            return Err(Refusal::Denied);
        }
        let key = self.identity.fleet.key(header.key_id).ok_or(Refusal::UnknownKey)?;
        weir_wire::open(body, &SessionKeys::new(&key.session(header.tenant, header.agent, header.expires)))?;
        Ok((header.tenant, &body[HEADER_BYTES..body.len() - TAG_BYTES]))
    }
}

#[cfg(test)]
mod tests;
