//! The store of now as queries see it: it may be opened again while the process lives.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use weir_query::{Allow, Answered, Each, Matcher, QueryError, Selection, Source};
use weir_sample::{Kind, Series, Timestamp};
use weir_sink::StoreHandle;
use weir_store::Store;

/// Asks the store that there is at the moment of each question.
pub(super) struct Current(pub(super) Arc<StoreHandle>);

const RECOVERING: &str = "the store is being opened again after a failure: ask again in a moment; /readyz says why";

/// Series read between two looks at whether the store is still in use.
const SERIES: u32 = 64;

impl Current {
    fn store(&self) -> Result<Arc<Store>, QueryError> {
        self.0.current().ok_or_else(|| QueryError::Source(RECOVERING.into()))
    }
}

impl Source for Current {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        let store = self.store()?;
        let (mut seen, mut closed) = (0_u32, false);
        let answered = Source::select(&store, selection, &mut |data| {
            seen = seen.wrapping_add(1);
            // The store is opened again once nobody has it, so nobody keeps one that is closed.
            closed = seen.is_multiple_of(SERIES) && !self.0.current().is_some_and(|now| Arc::ptr_eq(&now, &store));
            if closed { ControlFlow::Break(()) } else { each(data) }
        })?;
        if closed { Err(QueryError::Source(RECOVERING.into())) } else { Ok(answered) }
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        Source::series(&self.store()?, matchers, start, end, allow)
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        Source::label_names(&self.store()?, matchers, start, end, allow)
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        Source::label_values(&self.store()?, label, matchers, start, end, allow)
    }
}

/// Answers 503 while there is no store to ask.
pub(super) async fn refuse_without_store(
    State(store): State<Arc<StoreHandle>>,
    request: Request,
    next: Next,
) -> Response {
    if store.current().is_none() {
        let error = json!({ "status": "error", "errorType": "unavailable", "error": RECOVERING });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response();
    }
    next.run(request).await
}
