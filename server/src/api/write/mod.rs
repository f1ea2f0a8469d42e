//! `POST /api/v1/write`: Prometheus remote write 1.0 and 2.0 into the queue.
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
pub(crate) mod scrapes;
mod second;
pub(crate) mod series;
mod unfold;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use weir_formats::remote_write::{self, Entry, Unpacked};
use weir_identity::Claims;
use weir_sample::Timestamp;
use weir_sink::{SampleWriter, exemplar_bytes};

use super::auth::Caller;
use crate::clock::now;
pub(crate) use bearer::as_bearer;
pub(crate) use counters::{AllCounters, Lately};
pub(crate) use door::Door;

use door::Sender;
pub(crate) use graphite::listen as listen_for_graphite;
pub(crate) use influx::greetings;
use left_out::{LeftOut, spelled};
pub(crate) use otlp::OtlpSettings;
#[cfg(feature = "otlp-grpc")]
pub(crate) use otlp::grpc_routes;
use reason::Reason;
use refused::Refused;
use second::Written;
use series::SeriesReader;

#[derive(Clone)]
struct WriteRoute {
    door: Door,
    /// Where the last request was unpacked, for the next: each on a thread of its own would take fresh memory while the
    /// allocator still holds that of the one before.
    place: Arc<Mutex<Unpacked>>,
}

/// The routes of all protocols, for a process that writes to the queue.
pub(crate) fn routes<S>(door: Door, counters: &AllCounters, otlp: &OtlpSettings) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let door = door.of(&counters.remote_write);
    let others = otlp::routes(door.of(&counters.others.otlp), otlp);
    let others = others.merge(influx::routes(door.of(&counters.others.influx)));
    let others = others.merge(push::routes(door.of(&counters.others.push)));
    let route = WriteRoute { door, place: Arc::default() };
    Router::new().route("/api/v1/write", post(write)).with_state(route).merge(others)
}

async fn write(State(route): State<WriteRoute>, caller: Caller, request: Request) -> Response {
    let counters = route.door.counters.clone();
    let Some(version) = Version::of(request.headers()) else {
        return Refused::ContentType(CONTENT_TYPE).counted(&counters).into_response();
    };
    let (written, outcome) = match route.receive(version, caller, request).await {
        Ok((written, outcome)) => (written, outcome),
        Err(refused) => (Written::default(), Err(refused)),
    };
    let response = match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => refused.counted(&counters).into_response(),
    };
    if version == Version::Second { written.told(response) } else { response }
}

/// Of the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    First,
    Second,
}

impl Version {
    /// A request without a type is taken for one of 1.0; types that a page of another site may send unasked are of none.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Some(Self::First) };
        let content_type = content_type.to_str().ok()?.to_ascii_lowercase();
        let is_second = second::is_second(&content_type)?;
        Some(if is_second { Self::Second } else { Self::First })
    }
}

/// What was written, and whether all of it.
type Outcome = (Written, Result<(), Refused>);

impl WriteRoute {
    /// Reads a body as far as there is memory for it, and makes its samples durable.
    async fn receive(self, version: Version, caller: Caller, request: Request) -> Result<Outcome, Refused> {
        let sender = Door::sender(caller)?;
        let (body, body_room) = self.door.body(request).await?;
        let unpacked_room = self.door.room(Unpacked::length(&body)?).await?;
        let ingest = move || Ok(self.ingest(version, &sender, body, now()));
        door::work((body_room, unpacked_room), ingest).await
    }

    /// Makes the samples of a request durable, once all of it has been read.
    fn ingest(&self, version: Version, sender: &Sender, body: Vec<u8>, now: Timestamp) -> Outcome {
        let mut unpacked = std::mem::take(&mut *self.place.lock().unwrap_or_else(PoisonError::into_inner));
        let read = unpacked.read_into(&body);
        drop(body);
        let mut written = Written::default();
        let done = read.map_err(Refused::from).and_then(|()| match version {
            Version::First => self.store(sender.as_deref(), &unpacked, now),
            Version::Second => second::store(&self.door, sender, &unpacked, &mut written),
        });
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = unpacked;
        (written, done)
    }

    fn store(&self, claims: Option<&Claims>, unpacked: &Unpacked, now: Timestamp) -> Result<(), Refused> {
        let request = remote_write::Request::read(unpacked)?;
        let (oldest, newest) = self.door.times(now);
        let tenant = claims.map_or(0, |claims| claims.tenant);
        let (mut left_out, mut taken, mut writer) = (LeftOut::of(tenant), 0, SampleWriter::default());
        // What a token says of its bearer stands over what the bearer says.
        let enforced = claims.iter().flat_map(|claims| &claims.labels);
        let mut series = SeriesReader::enforcing(enforced.map(|(label, value)| (&**label, &**value)));
        let (mut entries, mut entry) = (request.entries(), Entry::default());
        let mut histogram_writer = SampleWriter::of_histograms();
        let (mut exemplar_writer, mut odd_exemplars) = (SampleWriter::of_exemplars(), 0);
        while entries.read(&mut entry)? {
            if entry.is_unreadable {
                left_out.add(Reason::Unreadable, 1);
                continue;
            }
            match series.read(&request, &entry)? {
                Ok(kind) => {
                    let Entry { samples, labels, .. } = &mut entry;
                    left_out.outside(samples, (oldest, newest), || spelled(labels.iter().map(|raw| said(raw))));
                    let histograms = histograms(&entry, &mut left_out, (oldest, newest));
                    taken += entry.samples.len() + histograms.len();
                    writer.push(&series.labels, &series.own, kind, &entry.samples);
                    histogram_writer.push_histograms(&series.labels, &series.own, &histograms);
                    let exemplars = exemplars(&entry, &mut odd_exemplars, (oldest, newest));
                    exemplar_writer.push_histograms(&series.labels, &series.own, &exemplars);
                }
                Err(odd) => {
                    let count = (entry.samples.len() + entry.histograms.len()) as u64;
                    left_out.add_of(odd, count, || spelled(entry.labels.iter().map(|raw| said(raw))));
                }
            }
        }
        let mut payloads = writer.finish();
        payloads.extend(histogram_writer.finish().into_iter().chain(exemplar_writer.finish()));
        self.door.append(&payloads, claims, now)?;
        self.door.counters.take(taken as u64);
        self.door.tell(tenant, request.told(), now)?;
        self.door.counters.refuse(Reason::Exemplar, odd_exemplars);
        left_out.told(&self.door.counters).map_err(Refused::Part)
    }
}

/// The histograms of a series that are stored: their times, and their bytes in our form.
fn histograms(entry: &Entry<'_>, left_out: &mut LeftOut, (oldest, newest): (i64, i64)) -> Vec<(i64, Vec<u8>)> {
    let mut histograms = Vec::with_capacity(entry.histograms.len());
    for message in &entry.histograms {
        match remote_write::read_histogram(message) {
            Ok((time, Some(histogram))) if left_out.is_within(time, oldest, newest) => {
                let mut bytes = Vec::new();
                histogram.encode(&mut bytes);
                histograms.push((time, bytes));
            }
            Ok((_, Some(_))) => {}
            Ok((_, None)) => left_out.add(Reason::Histogram, 1),
            Err(_) => left_out.add(Reason::Unreadable, 1),
        }
    }
    histograms
}

/// The exemplars of a series that are kept, in the form of the queue.
fn exemplars(entry: &Entry<'_>, odd: &mut u64, (oldest, newest): (i64, i64)) -> Vec<(i64, Vec<u8>)> {
    let read = |message: &&[u8]| {
        let exemplar = remote_write::read_exemplar(message).ok()?;
        let time = exemplar.time.filter(|time| (oldest..=newest).contains(time))?;
        let labels = exemplar.labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        Some((time, exemplar_bytes(exemplar.value, labels)?))
    };
    let kept: Vec<_> = entry.exemplars.iter().filter_map(read).collect();
    *odd += (entry.exemplars.len() - kept.len()) as u64;
    kept
}

/// A label of a series that is left out, as far as it can be read.
fn said(raw: &[u8]) -> (&str, &str) {
    remote_write::read_label(raw).unwrap_or(("?", "no UTF-8"))
}

const CONTENT_TYPE: &str = "this server speaks remote write 1.0 and 2.0: Content-Type is application/x-protobuf, of 2.0 with \
    proto=io.prometheus.write.v2.Request";

#[cfg(test)]
mod tests;
