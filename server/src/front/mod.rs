//! A front: questions go to whichever of several copies is furthest, and to the next one where that fails.

mod ask;
mod copies;
mod engines;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(crate) use ask::Question;
pub(crate) use copies::{Copies, WATERMARK};
pub(crate) use engines::Engines;

/// Which copy has answered.
const COPY: HeaderName = HeaderName::from_static("weir-copy");

/// Questions are short; what is longer is for no copy.
const MOST_BODY: usize = 16 << 20;

pub(crate) fn routes(copies: Arc<Copies>) -> Router {
    let api = axum::routing::any(forward).layer(DefaultBodyLimit::max(MOST_BODY));
    Router::new().route("/api/{*path}", api).with_state(copies)
}

async fn forward(
    State(copies): State<Arc<Copies>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let question = Question { method, path, headers, body };
    let mut told = Vec::new();
    for copy in copies.in_order() {
        match ask_on_thread(&copies.agent, &copy.url, question.clone()).await {
            Ok(answer) => return answered(answer, &copy.url),
            Err(failure) => {
                copies.note_failure(&copy.url, &failure.reason);
                told.push(format!("{}: {}", copy.url, failure.reason));
                if !failure.repeatable {
                    break;
                }
            }
        }
    }
    let text = format!("no copy answers: {}", told.join("; "));
    let error = json!({ "status": "error", "errorType": "unavailable", "error": text });
    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(error)).into_response()
}

/// Sends a question to one server, and on what it answers.
pub(crate) async fn pass_on(agent: &ureq::Agent, url: &str, question: Question) -> Result<Response, String> {
    let answer = ask_on_thread(agent, url, question).await;
    answer.map(|answer| answered(answer, url)).map_err(|failure| failure.reason)
}

async fn ask_on_thread(agent: &ureq::Agent, url: &str, question: Question) -> Result<ask::Answer, ask::Failure> {
    let (agent, url) = (agent.clone(), url.to_owned());
    let asked = tokio::task::spawn_blocking(move || ask::ask(&agent, &url, &question)).await;
    asked.unwrap_or_else(|_| Err(ask::Failure { reason: "the question broke off".into(), repeatable: false }))
}

fn answered(ask::Answer { status, headers, body }: ask::Answer, url: &str) -> Response {
    let mut response = Response::new(Body::from_stream(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Ok(url) = HeaderValue::from_str(url) {
        response.headers_mut().insert(COPY, url);
    }
    response
}
