//! `/api/v1/status/…` and what clients look for: how the server runs, in Prometheus' shapes. What has no meaning here is there and empty.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use weir_sample::Timestamp;

use crate::api::query::Parameters;
use crate::clock::{now, rfc3339};
use crate::host;

/// What is known of a process.
#[derive(Clone)]
pub(crate) struct Facts {
    /// When it started.
    pub started: Timestamp,
    /// Whether exemplars are asked for elsewhere; else there are none.
    pub keeps_exemplars: bool,
    /// Its configuration file, if it has one.
    pub config: Option<std::path::PathBuf>,
    /// How long raw samples are kept.
    pub retention: std::time::Duration,
    /// Series in memory, and the first and last instant of samples, where there is a store.
    pub store: Arc<dyn Fn() -> Option<StoreFacts> + Send + Sync>,
    /// Why it should not be asked, if so.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

/// What is known of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreFacts {
    pub series: u64,
    pub newest: Timestamp,
}

pub(super) fn routes(facts: Facts) -> Router {
    let empty = |data: Value| get(move || async move { success(data) });
    let targets = json!({ "activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {} });
    let managers = json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] });
    let exemplars = match facts.keeps_exemplars {
        true => Router::new(),
        false => Router::new().route("/api/v1/query_exemplars", empty(json!([])).post(|| async { success(json!([])) })),
    };
    exemplars
        .route("/api/v1/status/runtimeinfo", get(runtime))
        .route("/api/v1/status/config", get(config))
        .route("/api/v1/status/flags", get(flags))
        .route("/api/v1/status/tsdb", get(tsdb))
        .route("/api/v1/status/walreplay", get(replay))
        .route("/api/v1/targets", empty(targets))
        .route("/api/v1/scrape_pools", empty(json!({ "scrapePools": [] })))
        .route("/api/v1/alertmanagers", empty(managers))
        .route("/api/v1/notifications", empty(json!([])))
        .route("/api/v1/features", get(features))
        .route("/-/healthy", get(|| async { "Weir is Healthy.\n" }))
        .route("/-/ready", get(ready))
        .with_state(facts)
}

fn success(data: Value) -> Response {
    axum::Json(json!({ "status": "success", "data": data })).into_response()
}

async fn ready(State(facts): State<Facts>) -> Response {
    match (facts.ready)() {
        Ok(()) => "Weir is Ready.\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn runtime(State(facts): State<Facts>) -> Response {
    let store = (facts.store)();
    let folder = std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default();
    success(json!({
        "startTime": rfc3339(facts.started), "CWD": folder, "hostname": host::name(), "serverTime": rfc3339(now()),
        "reloadConfigSuccess": true, "lastConfigTime": rfc3339(facts.started), "corruptionCount": 0,
        "goroutineCount": 0, "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
        "GOMEMLIMIT": 0, "GOGC": "", "GODEBUG": "", "storageRetention": format!("{}h", facts.retention.as_secs() / 3_600),
        "series": store.map_or(0, |store| store.series),
    }))
}

/// The file as it is: secrets are in files of their own, which it names.
async fn config(State(facts): State<Facts>) -> Response {
    let text = facts.config.as_ref().map(std::fs::read_to_string);
    match text {
        None => success(json!({ "yaml": "" })),
        Some(Ok(text)) => success(json!({ "yaml": text })),
        Some(Err(error)) => {
            let error = json!({ "status": "error", "errorType": "internal", "error": error.to_string() });
            (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(error)).into_response()
        }
    }
}

async fn flags(State(facts): State<Facts>) -> Response {
    let hours = facts.retention.as_secs() / 3_600;
    success(json!({
        "storage.tsdb.retention.time": format!("{hours}h"), "web.enable-remote-write-receiver": "true",
        "query.lookback-delta": "5m", "config.file": facts.config.map(|path| path.display().to_string()).unwrap_or_default(),
    }))
}

async fn tsdb(State(facts): State<Facts>, RawQuery(url): RawQuery) -> Response {
    if let Err(error) = Parameters::of(url.as_deref(), &[]).number("limit") {
        return crate::api::query::refuse(&error);
    }
    let store = (facts.store)();
    let newest = store.map_or(0, |store| store.newest.millis());
    success(json!({
        "headStats": {
            "numSeries": store.map_or(0, |store| store.series), "numLabelPairs": 0, "chunkCount": 0,
            "minTime": newest - facts.retention.as_millis() as i64, "maxTime": newest,
        },
        // Which metric and label have the most: /api/v1/status/cardinality.
        "seriesCountByMetricName": [], "labelValueCountByLabelName": [], "memoryInBytesByLabelName": [],
        "seriesCountByLabelValuePair": [],
    }))
}

/// A restart reads a checkpoint, and the queue from there.
async fn replay(State(facts): State<Facts>) -> Response {
    let state = if (facts.ready)().is_ok() { "done" } else { "in progress" };
    success(json!({ "min": 0, "max": 0, "current": 0, "state": state }))
}

async fn features() -> Response {
    success(json!({
        "api": {
            "query_warnings": true, "query_stats": true, "label_values_match": true, "time_range_series": true,
            "remote_write_receiver": true, "otlp_write_receiver": true,
        },
        "promql": {
            "anchored": true, "smoothed": true, "native_histograms": true, "duration_expr": true, "limitk": true,
            "limit_ratio": true, "info": true, "at_modifier": true, "negative_offset": true, "subqueries": true,
        },
    }))
}
