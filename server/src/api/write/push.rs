//! `PUT`, `POST` and `DELETE` on `/metrics/job/JOB{/LABEL/VALUE}`: what short jobs push, as to a Pushgateway.
//!
//! Nothing is kept to be scraped later: what a job pushes is stored once, at the time of its push.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use weir_formats::delimited::MEDIA_TYPE;
use weir_formats::push::{self, Grouping};

use super::door::{Door, Sender, tenant_of};
use super::refused::Refused;
use crate::api::auth::Caller;
use crate::clock::now;

pub(super) fn routes<S>(door: Door) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let methods = put(receive).post(receive).delete(receive);
    Router::new().route("/metrics/{*group}", methods).with_state(door)
}

async fn receive(State(door): State<Door>, caller: Caller, request: Request) -> Response {
    let counters = door.counters.clone();
    match take(door, caller, request).await {
        Ok(status) => status.into_response(),
        Err(refused) => refused.counted(&counters).into_response(),
    }
}

async fn take(door: Door, caller: Caller, request: Request) -> Result<StatusCode, Refused> {
    let sender = Door::sender(caller)?;
    // The path as it came: an encoded slash is part of a value.
    let path = request.uri().path().trim_start_matches("/metrics/");
    let grouping = push::grouping(path).map_err(|refused| Refused::Malformed(refused.to_string()))?;
    if request.method() == Method::DELETE {
        return Ok(StatusCode::ACCEPTED);
    }
    let is_protobuf = is_protobuf(request.headers())?;
    let way = door.clone();
    door.receive(request, 1, move |body| store(&way, &sender, &grouping, is_protobuf, &body)).await?;
    Ok(StatusCode::OK)
}

fn store(door: &Door, sender: &Sender, grouping: &Grouping, is_protobuf: bool, body: &[u8]) -> Result<(), Refused> {
    let (mut gathered, mut over) = (door.gathered(sender), None);
    let described = push::read(body, is_protobuf, grouping, now().millis(), |point| {
        if over.is_none() {
            over = gathered.take(&[point]).err();
        }
    })
    .map_err(|refused| Refused::Malformed(refused.to_string()))?;
    if let Some(refused) = over {
        return Err(refused);
    }
    let left_out = std::mem::take(&mut gathered.left_out);
    door.store(sender, gathered)?;
    let told: Vec<_> = described.into_told().collect();
    let told = told.iter().map(|(family, told)| (family.as_str(), told.clone()));
    door.tell(tenant_of(sender), told, now())?;
    left_out.told(&door.counters).map_err(Refused::Part)
}

/// Whether metrics are protobuf; they are text where nothing else is said, or what `curl` says of anything.
fn is_protobuf(headers: &HeaderMap) -> Result<bool, Refused> {
    let content_type = headers.get(header::CONTENT_TYPE).map_or("", |said| said.to_str().unwrap_or("?"));
    let content_type = content_type.to_ascii_lowercase();
    match content_type.split(';').next().unwrap_or_default().trim() {
        MEDIA_TYPE if content_type.contains("delimited") => Ok(true),
        "" | "text/plain" | "application/x-www-form-urlencoded" | "application/openmetrics-text" => Ok(false),
        _ => Err(Refused::ContentType(CONTENT_TYPE)),
    }
}

const CONTENT_TYPE: &str = "metrics are pushed as text/plain, or as application/vnd.google.protobuf; \
    proto=io.prometheus.client.MetricFamily; encoding=delimited";
