//! `MetricsService/Export`: the same by gRPC. A call is one HTTP/2 request with one framed message; what is not taken is refused as by HTTP
//! here, and becomes a status of gRPC where connections are served.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::{BodyExt, Full};
use weir_formats::otlp::{grpc, partial_success};

use super::{OtlpRoute, OtlpSettings, Rejected};
use crate::api::auth::Caller;
use crate::api::write::counters::AllCounters;
use crate::api::write::door::Door;
use crate::api::write::refused::Refused;

/// The service, for connections of HTTP/2.
pub(crate) fn grpc_routes(door: &Door, counters: &AllCounters, settings: &OtlpSettings) -> Router {
    let route = OtlpRoute::new(door.of(&counters.others.otlp), settings);
    Router::new().route(EXPORT, post(export)).with_state(route)
}

async fn export(State(route): State<OtlpRoute>, caller: Caller, request: Request) -> Response {
    let counters = route.door.counters.clone();
    match route.receive_message(caller, request).await {
        Ok(rejected) => answer(&rejected),
        Err(refused) => refused.counted(&counters).into_response(),
    }
}

impl OtlpRoute {
    async fn receive_message(self, caller: Caller, request: Request) -> Result<Rejected, Refused> {
        let sender = Door::sender(caller)?;
        let door = self.door.clone();
        door.receive_message(request, move |message: Vec<u8>| self.store(&sender, &message)).await
    }
}

/// A message, and behind it the status: 0, all is well.
fn answer(rejected: &Rejected) -> Response {
    let rejected = rejected.as_ref().map(|(count, why)| (*count, why.as_str()));
    let message = Full::new(Bytes::from(grpc::framed(&partial_success(rejected, false))));
    let trailers =
        HeaderMap::from_iter([(header::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
    let body = Body::new(message.with_trailers(std::future::ready(Some(Ok(trailers)))));
    ([(header::CONTENT_TYPE, "application/grpc")], body).into_response()
}

const EXPORT: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
