//! `POST /api/v1/write`: Prometheus remote write 1.0 into the queue.
//!
//! The answer comes when the samples are durable there; the sink stores them as they are. A sender that hears nothing
//! sends again, and what comes twice is stored once.

mod budget;
mod counters;
mod left_out;
mod refused;
pub(crate) mod series;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use weir_formats::remote_write::{self, Entry, Unpacked};
use weir_identity::Claims;
use weir_queue::{Lane, Log, Record, RecordKind};
use weir_sample::Timestamp;
use weir_sink::SampleWriter;
use weir_wire::{AgentId, Epoch};

use super::auth::{Caller, refusal};
use crate::clock::now;
use budget::Budget;
pub(crate) use counters::Counters;
use left_out::LeftOut;
use refused::Refused;
use series::SeriesReader;

/// A sample from further ahead than this has a clock that is wrong.
const MOST_AHEAD: Duration = Duration::from_secs(10 * 60);

/// How far the sink may be behind, of its bound, until requests are turned away: as far as for batches of normal priority.
const TURNED_AWAY_AT: f64 = 0.85;

#[derive(Clone)]
struct WriteRoute {
    queue: Arc<Log>,
    /// How long anything is kept.
    kept: Duration,
    counters: Arc<Counters>,
    budget: Budget,
    /// Where the last request was unpacked, for the next: each on a thread of its own would take fresh memory while the
    /// allocator still holds that of the one before.
    place: Arc<Mutex<Unpacked>>,
}

/// The route, for a process that writes to the queue.
pub(crate) fn routes<S>(queue: Arc<Log>, kept: Duration, counters: Arc<Counters>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let route = WriteRoute { queue, kept, counters, budget: Budget::default(), place: Arc::default() };
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

const LIMITED: &str =
    "this token has a limit of series, which is kept for agents alone: use one without for remote write";

impl WriteRoute {
    /// Reads a body as far as there is memory for it, and makes its samples durable.
    async fn receive(self, claims: Option<Arc<Claims>>, request: Request) -> Result<(), Refused> {
        if !is_protobuf(request.headers()) {
            return Err(Refused::ContentType);
        }
        if self.queue.behind_ratio() >= TURNED_AWAY_AT {
            return Err(Refused::Behind(self.queue.behind()));
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

    /// Makes the samples of a request durable, once all of it has been read.
    fn ingest(&self, claims: Option<&Claims>, body: Vec<u8>, now: Timestamp) -> Result<(), Refused> {
        let mut unpacked = std::mem::take(&mut *self.place.lock().unwrap_or_else(PoisonError::into_inner));
        let read = unpacked.read_into(&body);
        drop(body);
        let done = read.map_err(Refused::from).and_then(|()| self.store(claims, &unpacked, now));
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = unpacked;
        done
    }

    fn store(&self, claims: Option<&Claims>, unpacked: &Unpacked, now: Timestamp) -> Result<(), Refused> {
        let request = remote_write::Request::read(unpacked)?;
        let (oldest, newest) = (now.minus(self.kept).millis(), now.plus(MOST_AHEAD).millis());
        let (mut left_out, mut taken, mut writer) = (LeftOut::default(), 0, SampleWriter::default());
        // What a token says of its bearer stands over what the bearer says.
        let enforced = claims.iter().flat_map(|claims| &claims.labels);
        let mut series = SeriesReader::enforcing(enforced.map(|(label, value)| (&**label, &**value)));
        let (mut entries, mut entry) = (request.entries(), Entry::default());
        let mut histogram_writer = SampleWriter::of_histograms();
        while entries.read(&mut entry)? {
            match series.read(&request, &entry)? {
                Ok(kind) => {
                    left_out.outside(&mut entry.samples, oldest, newest);
                    let histograms = histograms(&entry, &mut left_out, (oldest, newest))?;
                    taken += entry.samples.len() + histograms.len();
                    writer.push(&series.labels, &series.own, kind, &entry.samples);
                    histogram_writer.push_histograms(&series.labels, &series.own, &histograms);
                }
                Err(odd) => left_out.odd(odd, (entry.samples.len() + entry.histograms.len()) as u64),
            }
        }
        let mut payloads = writer.finish();
        payloads.extend(histogram_writer.finish());
        self.append(&payloads, claims, now)?;
        self.counters.taken.fetch_add(taken as u64, Relaxed);
        left_out.told(&self.counters).map_err(Refused::Part)
    }

    fn append(&self, payloads: &[Vec<u8>], claims: Option<&Claims>, now: Timestamp) -> Result<(), Refused> {
        let (agent, epoch, tenant) = (AgentId([0; 16]), Epoch(0), claims.map_or(0, |claims| claims.tenant));
        let (kind, lane) = (RecordKind::Series, Lane::Normal);
        let record = |payload| Record { kind, lane, tenant, agent, epoch, seq: 0, received: now, payload };
        let records: Vec<_> = payloads.iter().map(|payload| record(payload.as_slice())).collect();
        if records.is_empty() {
            return Ok(());
        }
        let durable = self.queue.append(&records).and_then(|position| self.queue.wait_durable(position));
        durable.map_err(Refused::Queue)
    }
}

/// The histograms of a series that are stored: their times, and their bytes in our form.
fn histograms(
    entry: &Entry<'_>,
    left_out: &mut LeftOut,
    (oldest, newest): (i64, i64),
) -> Result<Vec<(i64, Vec<u8>)>, Refused> {
    let mut histograms = Vec::with_capacity(entry.histograms.len());
    for message in &entry.histograms {
        let (time, histogram) = remote_write::read_histogram(message)?;
        match histogram {
            Some(histogram) if left_out.is_within(time, oldest, newest) => {
                let mut bytes = Vec::new();
                histogram.encode(&mut bytes);
                histograms.push((time, bytes));
            }
            Some(_) => {}
            None => left_out.histogram += 1,
        }
    }
    Ok(histograms)
}

/// A request without a type is taken for one; types that a page of another site may send unasked are not.
fn is_protobuf(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return true };
    let content_type = content_type.to_str().unwrap_or_default().to_ascii_lowercase();
    content_type.starts_with("application/x-protobuf") && !content_type.contains("io.prometheus.write.v2")
}

#[cfg(test)]
mod tests;
