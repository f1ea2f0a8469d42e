//! Rules, alerts and what happened to them: `/api/v1/rules` and `/api/v1/alerts` as Prometheus answers them, and
//! `/api/v1/alerts/history`.
//!
//! Answers are made of what the last turn published, so they come at once however long the next one takes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::json;
use weir_alert::evaluate::Wanted;
use weir_query::QueryError;
use weir_sample::Timestamp;

use super::auth::{Caller, refusal};
use super::query::{Parameters, refuse};
use crate::alerting::Standing;
use crate::clock::now;

/// The routes; they belong behind [`super::auth::guard`].
pub(crate) fn routes(standing: Arc<Standing>) -> Router {
    Router::new()
        .route("/api/v1/rules", get(rules))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/alerts/history", get(history))
        .with_state(standing)
}

async fn rules(State(standing): State<Arc<Standing>>, caller: Caller, RawQuery(url): RawQuery) -> Response {
    blocking(move || {
        let wanted = wanted(&Parameters::of(url.as_deref(), &[]), caller.sees_all())?;
        let shown = standing.shown();
        Ok(success(&shown.rules_answer(&wanted, &|labels| caller.sees(|name| labels.value(name)))))
    })
    .await
}

async fn alerts(State(standing): State<Arc<Standing>>, caller: Caller) -> Response {
    blocking(move || {
        let shown = standing.shown();
        Ok(success(&shown.alerts_answer(&|labels| caller.sees(|name| labels.value(name)))))
    })
    .await
}

/// Entries of one answer, unless `limit` says otherwise, and at most.
const USUAL_ENTRIES: usize = 1_000;
const MOST_ENTRIES: usize = 10_000;

/// What happened from `start` to `end`, the newest `limit` entries of it, oldest first.
async fn history(State(standing): State<Arc<Standing>>, caller: Caller, RawQuery(url): RawQuery) -> Response {
    blocking(move || {
        let parameters = Parameters::of(url.as_deref(), &[]);
        let (start, end) = (parameters.time("start")?, parameters.time("end")?);
        let most = parameters.number("limit")?.unwrap_or(USUAL_ENTRIES).min(MOST_ENTRIES);
        let Some(history) = standing.history() else { return Ok(unavailable("the state file is not open yet")) };
        let (from, to) = (start.unwrap_or(Timestamp(i64::MIN)).millis(), end.unwrap_or_else(now).millis());
        let found = history.entries(from, to, most, |entry| {
            entry.labels.is_empty() || caller.sees(|name| entry.labels.get(name).map_or("", String::as_str))
        });
        Ok(match found {
            Ok(states) => success(&json!({ "states": states })),
            Err(error) => unavailable(&error.to_string()),
        })
    })
    .await
}

fn wanted(parameters: &Parameters, sees_all: bool) -> Result<Wanted, QueryError> {
    let list = |name| parameters.all(name).map(str::to_owned).collect();
    let is_set = |name| parameters.get(name).is_some_and(|text| !["", "0", "false", "f", "F", "FALSE"].contains(&text));
    let kind = parameters.get("type").filter(|kind| !kind.is_empty()).map(str::to_ascii_lowercase);
    if let Some(kind) = kind.as_deref().filter(|kind| !["alert", "record"].contains(kind)) {
        return Err(QueryError::Parameter(format!("invalid parameter \"type\": {kind:?} is neither alert nor record")));
    }
    Ok(Wanted {
        kind,
        names: list("rule_name[]"),
        groups: list("rule_group[]"),
        files: list("file[]"),
        without_alerts: is_set("exclude_alerts"),
        without_errors: !sees_all,
        most_groups: parameters.number("group_limit")?.unwrap_or_default(),
        from: parameters.get("group_next_token").filter(|token| !token.is_empty()).map(str::to_owned),
    })
}

/// A hundred thousand alerts take their time to be written.
async fn blocking(work: impl FnOnce() -> Result<Response, QueryError> + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => refuse(&error),
        Err(panic) => {
            tracing::error!(error = %panic, "an answer about alerts ended its thread");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "fault", "the server met a fault: see its log")
        }
    }
}

fn success(data: &impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Answer<'d, D> {
        status: &'static str,
        data: &'d D,
    }
    let text = serde_json::to_string(&Answer { status: "success", data }).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn unavailable(text: &str) -> Response {
    refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text)
}
