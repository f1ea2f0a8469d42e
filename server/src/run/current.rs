//! The store of now as queries see it: it may be opened again while the process lives.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use weir_query::{Allow, Answered, Each, Matcher, QueryError, Selection, Source, Stamp, Tier};
use weir_sample::{Kind, Series, Timestamp};
use weir_sink::{Service, StoreHandle};
use weir_store::Store;

use crate::clock::now;

/// Asks the store that there is at the moment of each question.
pub(super) struct Current {
    pub(super) store: Arc<StoreHandle>,
    pub(super) service: Arc<Service>,
}

/// Time that the store may be behind without a word: samples of a few seconds are on their way always.
const SAID_FROM: Duration = Duration::from_secs(5);

const RECOVERING: &str = "the store is being opened again after a failure: ask again in a moment; /readyz says why";

/// Series read between two looks at whether the store is still in use.
const SERIES: u32 = 64;

impl Current {
    fn store(&self) -> Result<Arc<Store>, QueryError> {
        self.store.current().ok_or_else(|| QueryError::Unavailable(RECOVERING.into()))
    }
}

/// What a reader up to `end` is told of a store that is behind.
fn said(behind: Duration, end: Timestamp, now: Timestamp) -> Option<String> {
    let seconds = behind.as_secs();
    let told = behind >= SAID_FROM && end > now.minus(behind);
    told.then(|| format!("the store is {seconds} s behind: samples acknowledged since then are not in this answer"))
}

impl Source for Current {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        let store = self.store()?;
        let (mut seen, mut closed) = (0_u32, false);
        let answered = Source::select(&store, selection, &mut |data| {
            seen = seen.wrapping_add(1);
            // The store is opened again once nobody has it, so nobody keeps one that is closed.
            closed = seen.is_multiple_of(SERIES) && !self.store.current().is_some_and(|now| Arc::ptr_eq(&now, &store));
            if closed { ControlFlow::Break(()) } else { each(data) }
        })?;
        if closed { Err(QueryError::Unavailable(RECOVERING.into())) } else { Ok(answered) }
    }

    fn warning(&self, end: Timestamp) -> Option<String> {
        said(self.service.behind(), end, now())
    }

    fn stamp(&self, start: Timestamp, end: Timestamp) -> Option<Stamp> {
        self.store.current()?.stamp(start, end)
    }

    fn tier(&self, start: Timestamp, matchers: &[Matcher]) -> Tier {
        self.store.current().map_or(Tier::Raw, |store| store.tier(start, matchers))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_behind_is_told_to_those_who_read_what_is_missing() {
        let check = |behind_s: u64, end_s: i64, told: bool| {
            let warning = said(Duration::from_secs(behind_s), Timestamp::from_secs(end_s), Timestamp::from_secs(1_000));
            assert_eq!(warning.is_some(), told, "{behind_s} s behind, to {end_s}");
            assert!(warning.is_none_or(|warning| warning.contains(&format!("{behind_s} s behind"))));
        };
        check(0, 1_000, false);
        check(4, 1_000, false);
        check(5, 1_000, true);
        check(60, 941, true);
        check(60, 940, false);
    }
}
