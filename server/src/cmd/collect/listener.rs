//! A collector's own HTTP: what it sees, and what other collectors ask of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use weir_pull::Collector;
use weir_sample::exposition;

use super::shapes;
use crate::api::prometheus::nothing_there;
use crate::serving::{Port, Protocol, Serving};

/// Other collectors, a Prometheus, and some people.
const MOST_CONNECTIONS: usize = 256;

/// Serves in the background.
pub(super) fn serve(listener: TcpListener, collector: Collector) {
    let serving = Serving::new(MOST_CONNECTIONS);
    let port = Port { tls: None, site: Arc::default(), router: routes(collector), protocol: Protocol::Http };
    serving.port(listener, port);
}

fn routes(collector: Collector) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(|| async { "healthy\n" }))
        .route("/-/ready", get(ready))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/api/v1/member", get(member))
        .route("/api/v1/targets", get(targets))
        .route("/api/v1/scrape_pools", get(pools))
        .fallback(nothing_there)
        .with_state(collector)
}

async fn metrics(State(collector): State<Collector>) -> impl IntoResponse {
    let mut readings = collector.readings();
    readings.extend(weir_meters::process::readings());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], exposition(readings))
}

async fn ready(State(collector): State<Collector>) -> Response {
    match collector.ready() {
        Ok(troubles) => {
            troubles.iter().fold("ready\n".to_owned(), |text, trouble| text + trouble + "\n").into_response()
        }
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn member(State(collector): State<Collector>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], collector.member())
}

/// As Prometheus has them.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    state: Which,
    #[serde(rename = "scrapePool")]
    pool: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    #[default]
    Any,
    Active,
    Dropped,
}

async fn targets(State(collector): State<Collector>, Query(wanted): Query<Wanted>) -> axum::Json<Value> {
    let is_wanted = |job: &str| wanted.pool.as_deref().is_none_or(|pool| pool == job);
    let mut active = Vec::new();
    if wanted.state != Which::Dropped {
        active = collector.targets().iter().filter(|target| is_wanted(&target.job)).map(shapes::target).collect();
    }
    let (dropped, count) = collector.dropped();
    let mut shown = Vec::new();
    if wanted.state != Which::Active {
        shown = dropped.iter().filter(|target| is_wanted(&target.job)).map(shapes::dropped).collect();
    }
    let data = json!({ "activeTargets": active, "droppedTargets": shown, "droppedTargetCount": count });
    axum::Json(json!({ "status": "success", "data": data }))
}

async fn pools(State(collector): State<Collector>) -> axum::Json<Value> {
    let jobs = collector.jobs();
    axum::Json(json!({ "status": "success", "data": { "scrapePools": jobs } }))
}
