//! Questions about alerts that come to a process which does not lead are sent on to the one that does.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::front::{Question, pass_on};

/// Where the leader is; `None` if it is here.
type Find = dyn Fn() -> Option<Result<String, String>> + Send + Sync;

/// The way to whoever leads.
#[derive(Clone)]
pub(crate) struct Elsewhere {
    find: Arc<Find>,
    agent: ureq::Agent,
}

/// Says that a question was sent on before: two that each think the other leads must not send it to and fro.
const FORWARDED: HeaderName = HeaderName::from_static("weir-forwarded");

/// The most that a question may be, as for those that are answered here.
const MOST_BYTES: usize = 4 << 20;

impl Elsewhere {
    #[cfg(feature = "kafka")]
    pub(super) fn new(find: impl Fn() -> Option<Result<String, String>> + Send + Sync + 'static) -> Self {
        let agent = crate::cmd::ask::agent_with(std::time::Duration::from_secs(30));
        Self { find: Arc::new(find), agent }
    }
}

/// The routes, answered by whoever leads.
pub(crate) fn forwarded(routes: Router, elsewhere: Option<Elsewhere>) -> Router {
    match elsewhere {
        Some(elsewhere) => routes.layer(axum::middleware::from_fn_with_state(elsewhere, forward)),
        None => routes,
    }
}

async fn forward(State(elsewhere): State<Elsewhere>, request: Request, next: Next) -> Response {
    let url = match (elsewhere.find)() {
        None => return next.run(request).await,
        Some(Ok(url)) => url,
        Some(Err(reason)) => return unavailable(&reason),
    };
    let (head, body) = request.into_parts();
    if head.headers.contains_key(FORWARDED) {
        return unavailable("the process that this was sent on to does not lead alerting any more: ask again");
    }
    let Ok(body) = to_bytes(body, MOST_BYTES).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "over 4 MiB").into_response();
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut headers = head.headers;
    headers.insert(FORWARDED, HeaderValue::from_static("1"));
    match pass_on(&elsewhere.agent, &url, Question { method: head.method, path, headers, body }).await {
        Ok(response) => response,
        Err(reason) => unavailable(&format!("alerting is led at {url}, which does not answer: {reason}")),
    }
}

fn unavailable(reason: &str) -> Response {
    let error = json!({ "status": "error", "errorType": "unavailable", "error": reason });
    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(error)).into_response()
}
