//! A query's turn: it waits for one, has a deadline, sees its tenant alone, and is answered or refused in Prometheus' words.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use weir_query::{Answer, Engine, QueryError, Source};

use super::parameters::Parameters;
use super::tenant::Tenanted;
use crate::api::auth::Caller;
use crate::api::json;

/// Queries evaluated at once; each may take a core and its share of memory.
const QUERIES_AT_ONCE: usize = 8;

/// A query that names no timeout gets this long, waiting for its turn included.
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Clone)]
pub(super) struct Api {
    pub(super) source: Arc<dyn Source>,
    engine: Engine,
    pub(super) turns: Arc<Semaphore>,
}

impl Api {
    pub(super) fn new(source: Arc<dyn Source>, engine: Engine) -> Self {
        Self { source, engine, turns: Arc::new(Semaphore::new(QUERIES_AT_ONCE)) }
    }

    /// Runs `work` on a thread where it may take its time, until the request's deadline.
    pub(super) async fn run(
        &self,
        caller: &Caller,
        parameters: Parameters,
        work: impl FnOnce(&Engine, &dyn Source, &Parameters) -> Result<Body, QueryError> + Send + 'static,
    ) -> Response {
        let deadline = match parameters.duration("timeout") {
            Ok(timeout) => Instant::now() + timeout.unwrap_or(TIMEOUT).min(TIMEOUT),
            Err(error) => return refuse(&error),
        };
        let turn = tokio::time::timeout_at(deadline.into(), self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return refuse(&QueryError::Timeout) };
        let (engine, source) = (self.engine.until(deadline), Tenanted::of(self.source.clone(), caller.tenant()));
        let outcome = tokio::task::spawn_blocking(move || {
            let outcome = work(&engine, &source, &parameters);
            drop(turn);
            outcome
        });
        match outcome.await {
            Ok(Ok(body)) => body.into_response(),
            Ok(Err(error)) => refuse(&error),
            Err(panic) => {
                tracing::error!(error = %panic, "a query ended its thread");
                refuse(&QueryError::Execution("the query met a fault in the server: see its log".into()))
            }
        }
    }
}

/// The JSON of an answer, and the tiers of storage it comes from.
pub(super) struct Body {
    json: String,
    tiers: String,
}

impl Body {
    pub(super) fn json(json: String) -> Self {
        Self { json, tiers: String::new() }
    }
}

impl From<Answer> for Body {
    fn from(answer: Answer) -> Self {
        let tiers: Vec<_> = answer.tiers.iter().map(|tier| tier.name()).collect();
        Self { json: json::answer(&answer), tiers: tiers.join(",") }
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        match self.tiers.is_empty() {
            true => (json, self.json).into_response(),
            false => (json, [("weir-tier", self.tiers)], self.json).into_response(),
        }
    }
}

/// An error in the words of Prometheus; what is wrong inside is logged.
pub(super) fn refuse(error: &QueryError) -> Response {
    if let QueryError::Source(cause) = error {
        tracing::error!(error = %cause, "a query could not read the store");
    }
    (status(error), [(header::CONTENT_TYPE, "application/json")], json::error(error)).into_response()
}

/// The status that Prometheus gives such an error.
fn status(error: &QueryError) -> StatusCode {
    match error.error_type() {
        "bad_data" => StatusCode::BAD_REQUEST,
        "execution" => StatusCode::UNPROCESSABLE_ENTITY,
        "timeout" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
