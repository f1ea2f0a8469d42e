//! The HTTP side of a server: console, health, telemetry and the query API.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use weir_sample::exposition;

use super::roles::Roles;
use crate::api::auth::{self, Caller};
use crate::api::prometheus::nothing_there;
use crate::front::WATERMARK;

/// The built console; `make console` makes it.
#[derive(rust_embed::RustEmbed)]
#[folder = "../console/dist"]
struct Console;

pub(crate) fn routes(roles: Arc<Roles>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/", get(|| async { asset("index.html") }))
        .route("/{*path}", any(anything))
        .with_state(roles)
}

/// The fleet in one line, or what of it is the caller's; for those who may read.
pub(crate) fn fleet_routes(roles: Arc<Roles>) -> Router {
    Router::new().route("/api/v1/status/fleet", get(fleet)).with_state(roles)
}

async fn readyz(State(roles): State<Arc<Roles>>) -> Response {
    let mut response = match roles.ready() {
        Ok(troubles) => {
            troubles.iter().fold("ready\n".to_owned(), |text, trouble| text + trouble + "\n").into_response()
        }
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    };
    // By this a front finds the copy that is furthest.
    let watermark = roles.sink.as_ref().and_then(|sink| (sink.watermark())(None));
    if let Some(watermark) = watermark.and_then(|until| HeaderValue::from_str(&until.as_secs_f64().to_string()).ok()) {
        response.headers_mut().insert(WATERMARK, watermark);
    }
    response
}

/// Telemetry of the process is for all; what is said of one tenant only for its own readers, and for operators.
async fn metrics(State(roles): State<Arc<Roles>>, headers: HeaderMap) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let (mut readings, sight) = (roles.readings(), auth::sight(roles.identity.tokens.as_deref(), &headers));
    readings.retain(|reading| reading.series.label("tenant").is_none_or(|tenant| sight.shows(tenant)));
    (content_type, exposition(readings)).into_response()
}

async fn fleet(State(roles): State<Arc<Roles>>, caller: Caller) -> Response {
    let Some(fleet) = roles.fleet(caller.tenant()) else {
        return auth::refusal(StatusCode::NOT_FOUND, "no_sink", "no sink runs in this process: ask the one that does");
    };
    let data = serde_json::json!({
        "agents": fleet.agents,
        "samples_per_second": fleet.samples_per_second,
        "batches_received": fleet.batches_received,
        "batches_acked": fleet.batches_acked,
        "batches_resent": fleet.batches_resent,
        "batches_duplicate": fleet.batches_duplicate,
        "batches_lost": fleet.batches_lost,
        "cloned_agents": roles.cloned_agents(caller.tenant()),
    });
    axum::Json(serde_json::json!({ "status": "success", "data": data })).into_response()
}

/// A file of the console, or a sentence about what is not there.
async fn anything(method: Method, Path(path): Path<String>, uri: Uri) -> Response {
    let is_asked = matches!(method, Method::GET | Method::HEAD);
    if is_asked && Console::get(&path).is_some() { asset(&path) } else { nothing_there(uri).await }
}

/// A file of the console. Names under `assets/` carry a hash of their content, so browsers may keep them.
fn asset(path: &str) -> Response {
    let Some(file) = Console::get(path) else {
        return (StatusCode::NOT_FOUND, format!("there is nothing at /{path}\n")).into_response();
    };
    let lifetime = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(header::CONTENT_TYPE, content_type(path)), (header::CACHE_CONTROL, lifetime)];
    (headers, file.data.into_owned()).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
