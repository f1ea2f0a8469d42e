//! `POST /api/v1/write`: Prometheus remote write 1.0 into the queue.
//!
//! The answer comes when the samples are durable there; the sink stores them as they are. A sender that hears nothing
//! sends again, and what comes twice is stored once.

mod bearer;
mod budget;
mod counters;
mod door;
mod gather;
mod graphite;
mod influx;
mod left_out;
mod otlp;
mod push;
mod reason;
mod refused;
pub(crate) mod series;
mod unfold;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use weir_formats::remote_write::{self, Entry, Unpacked};
use weir_identity::Claims;
use weir_queue::Log;
use weir_sample::Timestamp;
use weir_sink::SampleWriter;

use super::auth::Caller;
use crate::clock::now;
pub(crate) use bearer::as_bearer;
pub(crate) use counters::AllCounters;

use door::{Door, Sender};
pub(crate) use graphite::listen as listen_for_graphite;
pub(crate) use influx::greetings;
use left_out::LeftOut;
pub(crate) use otlp::OtlpSettings;
use reason::Reason;
use refused::Refused;
use series::SeriesReader;

#[derive(Clone)]
struct WriteRoute {
    door: Door,
    /// Where the last request was unpacked, for the next: each on a thread of its own would take fresh memory while the
    /// allocator still holds that of the one before.
    place: Arc<Mutex<Unpacked>>,
}

/// The routes of all protocols, for a process that writes to the queue.
pub(crate) fn routes<S>(queue: Arc<Log>, kept: Duration, counters: &AllCounters, otlp: &OtlpSettings) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let door = Door::new(queue, kept, counters.remote_write.clone());
    let others = otlp::routes(door.of(&counters.others.otlp), otlp);
    let others = others.merge(influx::routes(door.of(&counters.others.influx)));
    let others = others.merge(push::routes(door.of(&counters.others.push)));
    let route = WriteRoute { door, place: Arc::default() };
    Router::new().route("/api/v1/write", post(write)).with_state(route).merge(others)
}

async fn write(State(route): State<WriteRoute>, caller: Caller, request: Request) -> Response {
    let counters = route.door.counters.clone();
    let outcome = route.receive(caller, request).await;
    outcome
        .map_or_else(|refused| refused.counted(&counters).into_response(), |()| StatusCode::NO_CONTENT.into_response())
}

impl WriteRoute {
    /// Reads a body as far as there is memory for it, and makes its samples durable.
    async fn receive(self, caller: Caller, request: Request) -> Result<(), Refused> {
        let sender = Door::sender(caller)?;
        if !is_protobuf(request.headers()) {
            return Err(Refused::ContentType(CONTENT_TYPE));
        }
        let (body, body_room) = self.door.body(request).await?;
        let unpacked_room = self.door.room(Unpacked::length(&body)?).await?;
        door::work((body_room, unpacked_room), move || self.ingest(&sender, body, now())).await
    }

    /// Makes the samples of a request durable, once all of it has been read.
    fn ingest(&self, sender: &Sender, body: Vec<u8>, now: Timestamp) -> Result<(), Refused> {
        let mut unpacked = std::mem::take(&mut *self.place.lock().unwrap_or_else(PoisonError::into_inner));
        let read = unpacked.read_into(&body);
        drop(body);
        let done = read.map_err(Refused::from).and_then(|()| self.store(sender.as_deref(), &unpacked, now));
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = unpacked;
        done
    }

    fn store(&self, claims: Option<&Claims>, unpacked: &Unpacked, now: Timestamp) -> Result<(), Refused> {
        let request = remote_write::Request::read(unpacked)?;
        let (oldest, newest) = self.door.times(now);
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
                Err(odd) => left_out.add(odd, (entry.samples.len() + entry.histograms.len()) as u64),
            }
        }
        let mut payloads = writer.finish();
        payloads.extend(histogram_writer.finish());
        self.door.append(&payloads, claims, now)?;
        self.door.counters.take(taken as u64);
        left_out.told(&self.door.counters).map_err(Refused::Part)
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
            None => left_out.add(Reason::Histogram, 1),
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

const CONTENT_TYPE: &str = "this server speaks remote write 1.0: Content-Type is application/x-protobuf";

#[cfg(test)]
mod tests;
