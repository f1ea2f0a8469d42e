//! `POST /api/v1/write`: Prometheus remote write 1.0 into the queue.
//!
//! The answer comes when the samples are durable there; the sink stores them as they are. A sender that hears nothing
//! sends again, and what comes twice is stored once.

mod budget;
mod left_out;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use weir_formats::remote_write::{self, Unpacked};
use weir_identity::Claims;
use weir_queue::{Lane, Log, Record};
use weir_sample::{Reading, Timestamp};
use weir_sink::Imported;
use weir_wire::{AgentId, Epoch};

use super::auth::{Caller, refusal};
use crate::clock::now;
use budget::{Budget, MOST_BODY_BYTES};
use left_out::LeftOut;

/// A sample from further ahead than this has a clock that is wrong.
const MOST_AHEAD: Duration = Duration::from_secs(10 * 60);

/// What became of the samples that came.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    taken: AtomicU64,
    malformed: AtomicU64,
    too_large: AtomicU64,
    busy: AtomicU64,
    queue: AtomicU64,
    too_old: AtomicU64,
    ahead: AtomicU64,
    no_name: AtomicU64,
    label_name: AtomicU64,
    duplicate: AtomicU64,
    histogram: AtomicU64,
    too_long: AtomicU64,
}

impl Counters {
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let help = "Samples by remote write that are durable in the queue.";
        let mut readings =
            vec![Reading::counter("weir_remote_write_samples_total", &[], self.taken.load(Relaxed), help)];
        let help = "Left out of remote write, by reason. malformed: requests of another protocol than remote write 1.0; \
                    too_large: requests over a limit that the answer names: send fewer samples at once; busy: requests for \
                    which there was no memory, which the sender repeats; queue: requests that the queue did not take, which the sender repeats: see weir_queue_healthy; too_old, \
                    ahead: samples older than anything is kept or ahead of this clock; no_name, label_name, \
                    duplicate, too_long: series without a name, with an empty label name, with two labels of one name, or with \
                    too long or too many labels; histogram: native histograms, which are not stored: send classic ones.";
        let refused = [
            ("malformed", &self.malformed),
            ("too_large", &self.too_large),
            ("busy", &self.busy),
            ("queue", &self.queue),
            ("too_old", &self.too_old),
            ("ahead", &self.ahead),
            ("no_name", &self.no_name),
            ("label_name", &self.label_name),
            ("duplicate", &self.duplicate),
            ("histogram", &self.histogram),
            ("too_long", &self.too_long),
        ];
        readings.extend(refused.map(|(reason, count)| {
            Reading::counter("weir_remote_write_refused_total", &[("reason", reason)], count.load(Relaxed), help)
        }));
        readings
    }
}

#[derive(Clone)]
struct WriteRoute {
    queue: Arc<Log>,
    /// How long anything is kept.
    kept: Duration,
    counters: Arc<Counters>,
    budget: Budget,
}

/// The route, for a process that writes to the queue.
pub(crate) fn routes<S>(queue: Arc<Log>, kept: Duration, counters: Arc<Counters>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let route = WriteRoute { queue, kept, counters, budget: Budget::default() };
    Router::new().route("/api/v1/write", post(write)).with_state(route)
}

async fn write(State(route): State<WriteRoute>, caller: Caller, request: Request) -> Response {
    let claims = match caller {
        Caller::Anyone => None,
        Caller::Bearer(claims) if claims.max_series.is_some() => {
            return refusal(StatusCode::FORBIDDEN, "max_series", LIMITED);
        }
        Caller::Bearer(claims) => Some(claims),
    };
    let counters = route.counters.clone();
    let outcome = route.receive(claims, request).await;
    outcome
        .map_or_else(|refused| refused.counted(&counters).into_response(), |()| StatusCode::NO_CONTENT.into_response())
}

/// Why a request, or a part of it, is not stored.
enum Refused {
    ContentType,
    Malformed(String),
    TooLarge(StatusCode, String),
    /// The sender shall try again: there is no memory for its request.
    Busy,
    /// The sender shall try again.
    Queue(weir_queue::Error),
    /// The rest is durable.
    Part(String),
    /// The thread ended.
    Fault,
}

impl Refused {
    fn counted(self, counters: &Counters) -> Self {
        let counter = match self {
            Self::ContentType | Self::Malformed(_) => &counters.malformed,
            Self::TooLarge(..) => &counters.too_large,
            Self::Busy => &counters.busy,
            Self::Queue(_) => &counters.queue,
            // Its samples are counted one by one.
            Self::Part(_) | Self::Fault => return self,
        };
        counter.fetch_add(1, Relaxed);
        self
    }

    fn body_too_large() -> Self {
        let text = format!("a request has at most {MOST_BODY_BYTES} bytes: send smaller ones");
        Self::TooLarge(StatusCode::PAYLOAD_TOO_LARGE, text)
    }
}

impl From<remote_write::Refused> for Refused {
    fn from(error: remote_write::Refused) -> Self {
        match error {
            remote_write::Refused::TooMuch(..) => Self::TooLarge(StatusCode::BAD_REQUEST, error.to_string()),
            error => Self::Malformed(error.to_string()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::ContentType => refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "version", CONTENT_TYPE),
            Self::Malformed(text) => refusal(StatusCode::BAD_REQUEST, "malformed", &text),
            Self::TooLarge(status, text) => refusal(status, "too_large", &text),
            Self::Busy => refusal(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many requests wait: send again"),
            Self::Queue(error) => refusal(StatusCode::SERVICE_UNAVAILABLE, error.reason(), &error.to_string()),
            Self::Part(left_out) => refusal(StatusCode::BAD_REQUEST, "left_out", &left_out),
            Self::Fault => refusal(StatusCode::INTERNAL_SERVER_ERROR, "fault", "the server met a fault: see its log"),
        }
    }
}

const CONTENT_TYPE: &str = "this server speaks remote write 1.0: Content-Type is application/x-protobuf";
const LIMITED: &str =
    "this token has a limit of series, which is kept for agents alone: use one without for remote write";

impl WriteRoute {
    /// Reads a body as far as there is memory for it, and makes its samples durable.
    async fn receive(self, claims: Option<Arc<Claims>>, request: Request) -> Result<(), Refused> {
        if !is_protobuf(request.headers()) {
            return Err(Refused::ContentType);
        }
        let (body, body_room) = self.budget.body(request).await?;
        let unpacked_room = self.budget.unpacked(Unpacked::length(&body)?).await?;
        let work = tokio::task::spawn_blocking(move || {
            let _rooms = (body_room, unpacked_room);
            self.ingest(claims.as_deref(), body, now())
        });
        work.await.unwrap_or_else(|panic| {
            tracing::error!(error = %panic, "a remote write ended its thread");
            Err(Refused::Fault)
        })
    }

    /// Makes the samples of a request durable, piece by piece.
    fn ingest(&self, claims: Option<&Claims>, body: Vec<u8>, now: Timestamp) -> Result<(), Refused> {
        let unpacked = Unpacked::read(&body)?;
        let request = remote_write::Request::read(&unpacked)?;
        let (oldest, newest) = (now.minus(self.kept), now.plus(MOST_AHEAD));
        let (mut left_out, mut piece) = (LeftOut::default(), Piece::default());
        for entry in request.entries() {
            left_out.histogram += entry.histograms;
            let mut series = match entry.series() {
                Ok(series) => series,
                Err(odd) => {
                    left_out.odd(odd, entry.samples);
                    continue;
                }
            };
            // What a token says of its bearer stands over what the bearer says.
            for (label, value) in claims.iter().flat_map(|claims| &claims.labels) {
                series = series.with_label(label, value);
            }
            let kind = request.kind_of(series.name());
            for sample in entry.samples() {
                let time = Timestamp(sample.timestamp);
                match time {
                    time if time < oldest => left_out.too_old += 1,
                    time if time > newest => left_out.ahead += 1,
                    time => piece.push(Imported { series: series.clone(), kind, time, value: sample.value }),
                }
                if piece.is_full() {
                    left_out.too_long += self.append(std::mem::take(&mut piece), claims, now)?;
                }
            }
        }
        left_out.too_long += self.append(piece, claims, now)?;
        left_out.told(&self.counters).map_err(Refused::Part)
    }

    /// Makes a piece durable; the samples whose labels no record holds are counted.
    fn append(&self, piece: Piece, claims: Option<&Claims>, now: Timestamp) -> Result<u64, Refused> {
        let count = piece.samples.len();
        let (payloads, too_long) = Imported::encode(piece.samples, weir_queue::MAX_PAYLOAD_BYTES);
        let (agent, epoch, tenant) = (AgentId([0; 16]), Epoch(0), claims.map_or(0, |claims| claims.tenant));
        let record = |payload| Record { lane: Lane::Normal, tenant, agent, epoch, seq: 0, received: now, payload };
        let records: Vec<_> = payloads.iter().map(|payload| record(payload.as_slice())).collect();
        if !records.is_empty() {
            let durable = self.queue.append(&records).and_then(|position| self.queue.wait_durable(position));
            durable.map_err(Refused::Queue)?;
        }
        self.counters.taken.fetch_add((count - too_long) as u64, Relaxed);
        Ok(too_long as u64)
    }
}

/// Samples that become durable together.
#[derive(Default)]
struct Piece {
    samples: Vec<Imported>,
    label_bytes: usize,
}

impl Piece {
    fn push(&mut self, sample: Imported) {
        self.label_bytes += sample.series.key().len();
        self.samples.push(sample);
    }

    fn is_full(&self) -> bool {
        self.samples.len() >= PIECE_SAMPLES || self.label_bytes >= PIECE_LABEL_BYTES
    }
}

/// Prometheus' requests are one piece; a large one is several, so that its samples are never all in memory.
const PIECE_SAMPLES: usize = 16_384;
const PIECE_LABEL_BYTES: usize = 2 << 20;

/// A request without a type is taken for one; types that a page of another site may send unasked are not.
fn is_protobuf(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return true };
    let content_type = content_type.to_str().unwrap_or_default().to_ascii_lowercase();
    content_type.starts_with("application/x-protobuf") && !content_type.contains("io.prometheus.write.v2")
}

#[cfg(test)]
mod tests;
