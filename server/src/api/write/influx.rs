//! InfluxDB's line protocol: `POST /write` of its version 1, `POST /api/v2/write` of version 2, and what clients ask before they send.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use weir_formats::influx::{Precision, lines, read};

use super::door::{Door, Sender};
use super::reason::Reason;
use super::refused::{Answer, Refused};
use crate::api::auth::Caller;
use crate::clock::now;

/// Parameters of either version; others, such as `rp`, `org` and `u`, say nothing here.
#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    db: String,
    #[serde(default)]
    bucket: String,
    #[serde(default)]
    precision: String,
}

/// Lines that cannot be read.
#[derive(Default)]
struct Dropped {
    count: u64,
    told: Vec<String>,
}

/// Faults of lines that an answer tells; the others are counted in it.
const MOST_TOLD: usize = 5;

pub(super) fn routes<S>(door: Door) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new().route("/write", post(write)).route("/api/v2/write", post(write)).with_state(door)
}

/// What clients ask of any server before they write, without a token.
pub(crate) fn greetings<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let version = [("x-influxdb-version", "1.8.10"), ("x-influxdb-build", "weir")];
    let health = json!({ "name": "weir", "status": "pass", "message": "ready for writes", "checks": [] });
    Router::new()
        .route("/ping", get(move || async move { (StatusCode::NO_CONTENT, version) }))
        .route("/health", get(move || async move { Json(health) }))
        .route("/query", post(create_database))
}

/// Databases are labels here: there is none to be created, and nothing else is asked in InfluxQL.
async fn create_database(Query(asked): Query<Asked>, form: String) -> Response {
    // The question stands in the address or, as a form, in the body.
    let of_form = format!("/?{form}").parse().ok().and_then(|uri| Query::<Asked>::try_from_uri(&uri).ok());
    let is_asked = |text: &str| text.trim_start().to_ascii_uppercase().starts_with("CREATE DATABASE");
    if is_asked(&asked.q) || of_form.is_some_and(|Query(form)| is_asked(&form.q)) {
        return Json(json!({ "results": [{ "statement_id": 0 }] })).into_response();
    }
    failure(StatusCode::BAD_REQUEST, "InfluxQL is not spoken here: ask PromQL at /api/v1/query")
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

async fn write(
    State(door): State<Door>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    let counters = door.counters.clone();
    match receive(door, caller, parameters, request).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => {
            let Answer { status, text, after, .. } = refused.counted(&counters).answer();
            Answer::with_after(after, failure(status, &text))
        }
    }
}

async fn receive(door: Door, caller: Caller, parameters: Parameters, request: Request) -> Result<(), Refused> {
    let sender = Door::sender(caller)?;
    let said = request.headers().get(header::CONTENT_TYPE).map(|said| said.as_bytes().to_ascii_lowercase());
    if said.is_some_and(|said| ["json", "protobuf", "multipart"].iter().any(|foreign| holds(&said, foreign))) {
        return Err(Refused::ContentType("lines of InfluxDB are text: Content-Type is text/plain"));
    }
    let Some(precision) = Precision::parse(&parameters.precision) else {
        return Err(Refused::Malformed(format!("invalid precision {:?}: ns, us, ms, s, m or h", parameters.precision)));
    };
    let route = Arc::new(door);
    let door = Arc::clone(&route);
    route.receive(request, 1, move |body| store(&door, &sender, &parameters, precision, &body)).await
}

fn holds(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

fn store(
    door: &Door,
    sender: &Sender,
    parameters: &Parameters,
    precision: Precision,
    body: &[u8],
) -> Result<(), Refused> {
    let (mut gathered, mut dropped, now) = (door.gathered(sender).mending(), Dropped::default(), now().millis());
    let db = if parameters.bucket.is_empty() { &parameters.db } else { &parameters.bucket };
    let mut texts = 0;
    for (number, line) in lines(body) {
        match read(line) {
            Ok(line) => {
                let (points, of_text) = line.points(precision, now, db);
                texts += of_text;
                points.iter().try_for_each(|point| gathered.take(std::slice::from_ref(point)).map(drop))?;
            }
            Err(fault) => {
                dropped.count += 1;
                if dropped.told.len() < MOST_TOLD {
                    dropped.told.push(format!("line {number}: {fault}"));
                }
            }
        }
    }
    let left_out = std::mem::take(&mut gathered.left_out);
    door.store(sender, gathered)?;
    // Text is no mistake of the sender: no series has it, and it is nothing to repeat a request for.
    door.counters.refuse(Reason::Text, texts);
    door.counters.refuse(Reason::Line, dropped.count);
    let left_out = left_out.told(&door.counters).err();
    if dropped.count == 0 && left_out.is_none() {
        return Ok(());
    }
    let parts: Vec<String> = dropped.told.into_iter().chain(left_out).collect();
    Err(Refused::Part(format!("partial write: {} dropped={}", parts.join("; "), dropped.count)))
}

/// What clients of either version look for.
fn failure(status: StatusCode, text: &str) -> Response {
    let code = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "request too large",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        StatusCode::INTERNAL_SERVER_ERROR => "internal error",
        _ => "invalid",
    };
    (status, Json(json!({ "error": text, "code": code, "message": text }))).into_response()
}
