//! `/api/v1/export`: samples as they are stored, as Prometheus text with timestamps, while the server runs.
//!
//! The text is made as fast as the client takes it, a few pieces ahead: memory stays small however much is asked for. Two
//! exports run at once, beside the queries, and each ends with a client that takes nothing for a minute.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Response};
use flume::Sender;
use tokio::sync::oneshot;
use weir_formats::text::Writer;
use weir_query::{Column, Engine, Hint, Matcher, QueryError, Selection, Source, Tier};
use weir_sample::Timestamp;

use super::form::Form;
use super::parameters::{self, Parameters};
use super::tenant::Tenanted;
use super::turn::{Api, refuse};
use crate::api::auth::Caller;

/// Size of a piece of text, and how many wait for the client.
const PIECE_BYTES: usize = 64 << 10;
const WAITING: usize = 4;

/// A client that takes nothing for this long is given up.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn export(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(url): RawQuery,
    Form(form): Form,
) -> Response {
    let asked = match Asked::of(&Parameters::of(url.as_deref(), &form), &api.engine) {
        Ok(asked) => asked,
        Err(error) => return refuse(&error),
    };
    let turn = match api.export_turn().await {
        Ok(turn) => turn,
        Err(error) => return refuse(&error),
    };
    let source = Tenanted::of(api.source.clone(), caller.tenant());
    let (pieces, waiting) = flume::bounded(WAITING);
    let (first, tier) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = asked.write(&source, first, Pieces(pieces.clone())) {
            // Cuts the answer short, so that the client does not take it for all there is.
            let _ = pieces.send_timeout(Err(error), PATIENCE);
        }
        drop(turn);
    });
    // A store that cannot be read tells no tier; why is told by the body, which is cut short.
    let tier = tier.await.ok().map(|tier| [("weir-tier", tier.name())]);
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (headers, AppendHeaders(tier.into_iter().flatten()), Body::from_stream(waiting.into_stream())).into_response()
}

struct Asked {
    selectors: Vec<Vec<Matcher>>,
    start: Timestamp,
    end: Timestamp,
}

impl Asked {
    fn of(parameters: &Parameters, engine: &Engine) -> Result<Self, QueryError> {
        let (selectors, (start, end)) = (parameters.selectors(engine)?, parameters.times()?);
        if selectors.is_empty() { Err(parameters::missing("match[]")) } else { Ok(Self { selectors, start, end }) }
    }

    /// Writes the series of each selector that no earlier one has.
    /// Tells the tier of the first before anything is written.
    fn write(&self, source: &dyn Source, first: oneshot::Sender<Tier>, pieces: Pieces) -> io::Result<()> {
        let mut first = Some(first);
        let mut writer = Writer::new(BufWriter::with_capacity(PIECE_BYTES, pieces));
        for (at, matchers) in self.selectors.iter().enumerate() {
            let earlier = &self.selectors[..at];
            let selection = Selection { matchers, start: self.start, end: self.end, hint: Hint::Raw, any_order: false };
            let mut written = Ok(());
            let mut tell = |tier| first.take().map(|first| first.send(tier));
            let read = source.select(&selection, &mut |data| {
                tell(data.tier);
                let again = earlier.iter().any(|matchers| matchers.iter().all(|matcher| matcher.matches(&data.series)));
                written = match &data.values {
                    _ if again => Ok(()),
                    Column::Floats(values) => writer.series(&data.series, data.kind, &data.timestamps, values),
                    Column::Histograms(histograms) => writer.histograms(&data.series, &data.timestamps, histograms),
                };
                if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            written?;
            let answered = read.map_err(|error| {
                tracing::error!(%error, "an export could not read the store");
                io::Error::other(error)
            })?;
            tell(answered.tier);
            for hole in &answered.holes {
                // The text has no place for it, and its head is sent.
                let tier = hole.tier.name();
                tracing::warn!(tier, start_ms = hole.start, end_ms = hole.end, "an export reads damaged files");
            }
            if answered.partial {
                return Err(io::Error::other("the object store with the older samples did not answer"));
            }
        }
        writer.out().flush()
    }
}

/// Where pieces of text wait for the client.
struct Pieces(Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.send_timeout(Ok(Bytes::copy_from_slice(bytes)), PATIENCE);
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
