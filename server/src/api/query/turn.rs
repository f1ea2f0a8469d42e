//! A query's turn: it waits for one, has a deadline, sees its tenant alone, and is answered or refused in Prometheus' words.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weir_query::{Answer, Bound, Engine, Held, QueryError, Source};
use weir_sample::{Metadata, Timestamp};

use super::parameters::Parameters;
use super::tenant::Tenanted;
use crate::api::auth::Caller;
use crate::api::json::{self, Pieces};

/// Queries evaluated at once; each may take a core and its share of memory.
const QUERIES_AT_ONCE: usize = 8;
const EXPORTS_AT_ONCE: usize = 2;

/// Until when the data of all live senders are there, of one tenant or of all.
pub(crate) type Watermark = Arc<dyn Fn(Option<u32>) -> Option<Timestamp> + Send + Sync>;

/// What senders tell of metrics, of a tenant or of all, of one metric or of all.
pub(crate) type Told = Arc<dyn Fn(Option<u32>, Option<&str>) -> BTreeMap<String, Vec<Metadata>> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Api {
    pub(super) source: Arc<dyn Source>,
    pub(super) engine: Engine,
    watermark: Option<Watermark>,
    pub(super) told: Told,
    turns: Arc<Semaphore>,
    /// Exports last as long as their clients read, so they have turns of their own.
    exports: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Api {
    pub(crate) fn new(source: Arc<dyn Source>, engine: Engine, watermark: Option<Watermark>) -> Self {
        let at_once = |turns| Arc::new(Semaphore::new(turns));
        Self {
            source,
            engine,
            watermark,
            told: Arc::new(|_, _| BTreeMap::new()),
            turns: at_once(QUERIES_AT_ONCE),
            exports: at_once(EXPORTS_AT_ONCE),
            waiting: Arc::default(),
        }
    }

    /// The same, which knows what senders tell of metrics.
    pub(crate) fn telling(self, told: Told) -> Self {
        Self { told, ..self }
    }

    /// The turn of a query.
    async fn turn(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, QueryError> {
        self.wait(&self.turns, deadline).await
    }

    /// The turn of an export.
    pub(super) async fn export_turn(&self) -> Result<OwnedSemaphorePermit, QueryError> {
        self.wait(&self.exports, self.deadline(None)).await
    }

    /// Waits for a turn, if not too many wait already.
    async fn wait(&self, turns: &Arc<Semaphore>, deadline: Instant) -> Result<OwnedSemaphorePermit, QueryError> {
        let _waits = Waits::among(&self.waiting);
        let limit = self.engine.limits().waiting;
        let outcome = if turns.available_permits() == 0 && self.waiting.load(Relaxed) > limit {
            Err(QueryError::Busy { bound: Bound::Waiting, limit })
        } else {
            let turn = tokio::time::timeout_at(deadline.into(), turns.clone().acquire_owned()).await;
            turn.ok().and_then(Result::ok).ok_or(QueryError::Timeout)
        };
        outcome.inspect_err(|error| self.engine.refuse(error))
    }

    /// The time at which a request that begins now must be answered.
    fn deadline(&self, timeout: Option<Duration>) -> Instant {
        let longest = self.engine.limits().time;
        Instant::now() + timeout.unwrap_or(longest).min(longest)
    }

    /// Runs `work` on a thread where it may take its time, until the request's deadline or until its client is gone.
    pub(crate) async fn run(
        &self,
        caller: &Caller,
        parameters: Parameters,
        work: impl FnOnce(&Engine, &dyn Source, &Parameters) -> Result<Body, QueryError> + Send + 'static,
    ) -> Response {
        let deadline = match parameters.duration("timeout") {
            Ok(timeout) => self.deadline(timeout),
            Err(error) => return refuse(&error),
        };
        let turn = match self.turn(deadline).await {
            Ok(turn) => turn,
            Err(error) => return refuse(&error),
        };
        // Before the store is read: what the answer may lack is then no older than it says.
        let watermark = self.watermark.as_ref().and_then(|of| of(caller.tenant()));
        let gone = Gone::default();
        let engine = self.engine.until(deadline).while_wanted(gone.0.clone());
        let source = Tenanted::of(self.source.clone(), caller.tenant());
        let outcome = tokio::task::spawn_blocking(move || {
            let outcome = work(&engine, &source, &parameters);
            drop(turn);
            outcome
        });
        match outcome.await {
            Ok(Ok(body)) => body.into_response(watermark),
            Ok(Err(error)) => refuse(&error),
            Err(panic) => {
                tracing::error!(error = %panic, "a query ended its thread");
                refuse(&QueryError::Execution("the query met a fault in the server: see its log".into()))
            }
        }
    }
}

/// Told when the request is given up: a server drops what it does for a client that closes its connection.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// One request that waits, counted until it is dropped.
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn among(waiting: &Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting.clone())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What a request is answered with.
pub(crate) enum Body {
    /// JSON that is there already, and the memory that counts for it.
    Json(String, Held),
    /// Bytes that are there already, and the memory that counts for them.
    Bytes(Vec<u8>, Held),
    /// An answer, written as the client takes it.
    Answer {
        answer: Answer,
        /// Whether it says what it took.
        with_stats: bool,
    },
}

impl Body {
    fn into_response(self, watermark: Option<Timestamp>) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        let (answer, with_stats) = match self {
            Self::Json(text, held) => {
                let once = futures_util::stream::once(async move {
                    let _held = held;
                    Ok::<_, Infallible>(text)
                });
                return (json, axum::body::Body::from_stream(once)).into_response();
            }
            Self::Bytes(bytes, held) => {
                let once = futures_util::stream::once(async move {
                    let _held = held;
                    Ok::<_, Infallible>(bytes)
                });
                return axum::body::Body::from_stream(once).into_response();
            }
            Self::Answer { answer, with_stats } => (answer, with_stats),
        };
        let tiers = answer.tiers.iter().map(|tier| tier.name()).collect::<Vec<_>>().join(",");
        let tiers = AppendHeaders((!tiers.is_empty()).then_some(("weir-tier", tiers)));
        let mut pieces = Pieces::of(answer, watermark).with_stats(with_stats);
        let first = pieces.next().unwrap_or_default();
        if pieces.is_done() {
            return (json, tiers, first).into_response();
        }
        let pieces = futures_util::stream::iter(std::iter::once(first).chain(pieces).map(Ok::<_, Infallible>));
        (json, tiers, axum::body::Body::from_stream(pieces)).into_response()
    }
}

/// An error in the words of Prometheus; what is wrong inside is logged.
pub(crate) fn refuse(error: &QueryError) -> Response {
    if let QueryError::Source(cause) = error {
        tracing::error!(error = %cause, "a query could not read the store");
    }
    let again = (error.error_type() == "unavailable").then_some((header::RETRY_AFTER, "1"));
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status(error), json, AppendHeaders(again), json::error(error)).into_response()
}

/// The status that Prometheus gives such an error.
fn status(error: &QueryError) -> StatusCode {
    match error.error_type() {
        "bad_data" => StatusCode::BAD_REQUEST,
        "execution" => StatusCode::UNPROCESSABLE_ENTITY,
        "timeout" | "unavailable" | "canceled" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_goes_while_a_query_runs_is_no_fault_of_the_server() {
        let refused = refuse(&QueryError::Unavailable("the store is being opened again".into()));
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    }
}
