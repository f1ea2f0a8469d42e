//! `POST /api/v1/write`: Prometheus remote write 1.0 into the queue.
//!
//! The answer comes when the samples are durable there; the sink stores them as they are. A sender that hears nothing
//! sends again, and what comes twice is stored once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::Semaphore;
use weir_formats::remote_write::{self, WriteRequest};
use weir_identity::Claims;
use weir_queue::{Lane, Log, Record, RecordKind};
use weir_sample::{Reading, Timestamp};
use weir_sink::Imported;
use weir_wire::{AgentId, Epoch};

use super::auth::{Caller, refusal};
use crate::clock::now;

/// Size of a request: Prometheus' own are well below a megabyte.
const MOST_BODY_BYTES: usize = 8 << 20;

/// Requests that are unpacked at once, each into up to 256 MiB; others wait their turn, but not for ever.
const AT_ONCE: usize = 4;
const PATIENCE: Duration = Duration::from_secs(30);

/// A sample from further ahead than this has a clock that is wrong.
const MOST_AHEAD: Duration = Duration::from_secs(10 * 60);

/// What became of the samples that came.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    taken: AtomicU64,
    malformed: AtomicU64,
    queue: AtomicU64,
    too_old: AtomicU64,
    ahead: AtomicU64,
    no_name: AtomicU64,
    histogram: AtomicU64,
    too_long: AtomicU64,
}

impl Counters {
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let help = "Samples by remote write that are durable in the queue.";
        let mut readings =
            vec![Reading::counter("weir_remote_write_samples_total", &[], self.taken.load(Relaxed), help)];
        let help = "Left out of remote write, by reason. malformed: requests of another protocol than remote write 1.0; \
                    queue: requests that the queue did not take, which the sender repeats: see weir_queue_healthy; too_old, \
                    ahead: samples older than anything is kept or ahead of this clock; no_name, too_long: series without a \
                    name or with too long labels; histogram: native histograms, which are not stored: send classic ones.";
        let refused = [
            ("malformed", &self.malformed),
            ("queue", &self.queue),
            ("too_old", &self.too_old),
            ("ahead", &self.ahead),
            ("no_name", &self.no_name),
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
    turns: Arc<Semaphore>,
}

/// The route, for a process that writes to the queue.
pub(crate) fn routes<S>(queue: Arc<Log>, kept: Duration, counters: Arc<Counters>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let route = post(write).layer(DefaultBodyLimit::max(MOST_BODY_BYTES));
    Router::new().route("/api/v1/write", route).with_state(WriteRoute {
        queue,
        kept,
        counters,
        turns: Arc::new(Semaphore::new(AT_ONCE)),
    })
}

async fn write(State(route): State<WriteRoute>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.contains("io.prometheus.write.v2") {
        route.counters.malformed.fetch_add(1, Relaxed);
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "version", "this server speaks remote write 1.0");
    }
    let claims = match caller {
        Caller::Anyone => None,
        Caller::Bearer(claims) if claims.max_series.is_some() => {
            return refusal(StatusCode::FORBIDDEN, "max_series", LIMITED);
        }
        Caller::Bearer(claims) => Some(claims),
    };
    let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, route.turns.clone().acquire_owned()).await else {
        route.counters.queue.fetch_add(1, Relaxed);
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many requests wait: send again");
    };
    let outcome = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        route.ingest(claims.as_deref(), &body, now())
    })
    .await;
    match outcome {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(refused)) => refused.into_response(),
        Err(panic) => {
            tracing::error!(error = %panic, "a remote write ended its thread");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "fault", "the server met a fault: see its log")
        }
    }
}

/// Why a request, or a part of it, is not stored.
enum Refused {
    Malformed(remote_write::Refused),
    /// The sender shall try again.
    Queue(weir_queue::Error),
    /// The rest is durable.
    Part(String),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Malformed(error) => refusal(StatusCode::BAD_REQUEST, "malformed", &error.to_string()),
            Self::Queue(error) => refusal(StatusCode::SERVICE_UNAVAILABLE, error.reason(), &error.to_string()),
            Self::Part(left_out) => refusal(StatusCode::BAD_REQUEST, "left_out", &left_out),
        }
    }
}

const LIMITED: &str =
    "this token has a limit of series, which is kept for agents alone: use one without for remote write";

impl WriteRoute {
    /// Makes the samples of a request durable.
    fn ingest(&self, claims: Option<&Claims>, body: &[u8], now: Timestamp) -> Result<(), Refused> {
        let request = WriteRequest::read(body).map_err(|error| {
            self.counters.malformed.fetch_add(1, Relaxed);
            Refused::Malformed(error)
        })?;
        let mut left_out = LeftOut::default();
        let samples = self.samples(&request, claims, now, &mut left_out);
        let count = samples.len();
        let (payloads, too_long) = Imported::encode(samples, weir_queue::MAX_PAYLOAD_BYTES);
        left_out.too_long = too_long as u64;
        let (agent, epoch, tenant) = (AgentId([0; 16]), Epoch(0), claims.map_or(0, |claims| claims.tenant));
        let record = |payload| Record {
            kind: RecordKind::Samples,
            lane: Lane::Normal,
            tenant,
            agent,
            epoch,
            seq: 0,
            received: now,
            payload,
        };
        let records: Vec<_> = payloads.iter().map(|payload| record(payload.as_slice())).collect();
        if !records.is_empty() {
            let durable = self.queue.append(&records).and_then(|position| self.queue.wait_durable(position));
            durable.map_err(|error| {
                self.counters.queue.fetch_add(1, Relaxed);
                Refused::Queue(error)
            })?;
        }
        self.counters.taken.fetch_add((count - too_long) as u64, Relaxed);
        left_out.told(&self.counters).map_err(Refused::Part)
    }

    fn samples(
        &self,
        request: &WriteRequest,
        claims: Option<&Claims>,
        now: Timestamp,
        left_out: &mut LeftOut,
    ) -> Vec<Imported> {
        let (oldest, newest) = (now.minus(self.kept), now.plus(MOST_AHEAD));
        let mut samples = Vec::new();
        for one in &request.timeseries {
            left_out.histogram += one.histograms.len() as u64;
            let Some(mut series) = one.series() else {
                left_out.no_name += one.samples.len() as u64;
                continue;
            };
            // What a token says of its bearer stands over what the bearer says.
            for (label, value) in claims.iter().flat_map(|claims| &claims.labels) {
                series = series.with_label(label, value);
            }
            let kind = request.kind_of(series.name());
            for sample in &one.samples {
                let time = Timestamp(sample.timestamp);
                match time {
                    time if time < oldest => left_out.too_old += 1,
                    time if time > newest => left_out.ahead += 1,
                    time => samples.push(Imported { series: series.clone(), kind, time, value: sample.value }),
                }
            }
        }
        samples
    }
}

/// What a request has that is not stored.
#[derive(Default)]
struct LeftOut {
    too_old: u64,
    ahead: u64,
    no_name: u64,
    histogram: u64,
    too_long: u64,
}

impl LeftOut {
    /// Counts it, and says so if there is any: the sender must not try again, but know.
    fn told(&self, counters: &Counters) -> Result<(), String> {
        let all = [
            (self.too_old, &counters.too_old, "samples are older than anything is kept"),
            (self.ahead, &counters.ahead, "samples are more than ten minutes ahead of this server's clock"),
            (self.no_name, &counters.no_name, "samples have no metric name"),
            (self.histogram, &counters.histogram, "are native histograms, which are not stored"),
            (self.too_long, &counters.too_long, "samples have too long labels"),
        ];
        let mut parts = Vec::new();
        for (count, counter, what) in all.into_iter().filter(|(count, ..)| *count > 0) {
            counter.fetch_add(count, Relaxed);
            parts.push(format!("{count} {what}"));
        }
        if parts.is_empty() { Ok(()) } else { Err(format!("left out: {}; the rest is stored", parts.join(", "))) }
    }
}

#[cfg(test)]
mod tests;
