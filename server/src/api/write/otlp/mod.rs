//! `POST /v1/metrics`: OpenTelemetry's metrics (OTLP/HTTP), of protobuf or of JSON.

#[cfg(feature = "otlp-grpc")]
mod grpc;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use weir_formats::otlp::{self, LeftOut, Strategy, Told, Translation};
use weir_formats::remote_write::{MOST_BYTES, MOST_METADATA};

use super::door::{Door, Sender, tenant_of};
use super::reason::Reason;
use super::refused::{Answer, Refused};
use crate::api::auth::Caller;
use crate::clock::now;
#[cfg(feature = "otlp-grpc")]
pub(crate) use grpc::grpc_routes;

/// How what comes by OTLP is translated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OtlpSettings {
    /// Attributes of resources that every series of theirs gets as a label. Default: none; all of a resource stand in its
    /// `target_info`. For what most queries ask by.
    pub promote_resource_attributes: Vec<String>,
    /// What becomes of names, as in Prometheus: `UnderscoreEscapingWithSuffixes` (the default), `UnderscoreEscapingWithoutSuffixes`,
    /// `NoUTF8EscapingWithSuffixes` or `NoTranslation`. With the last two names stand as they were sent.
    pub translation_strategy: Strategy,
}

#[derive(Clone)]
struct OtlpRoute {
    door: Door,
    translation: Arc<Translation>,
}

/// What a request and its answer are written in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

/// Data points that are left out, and why.
type Rejected = Option<(u64, String)>;

pub(super) fn routes<S>(door: Door, settings: &OtlpSettings) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let route = OtlpRoute::new(door, settings);
    Router::new().route("/v1/metrics", post(export)).with_state(route)
}

async fn export(State(route): State<OtlpRoute>, caller: Caller, request: Request) -> Response {
    let form = Form::of(request.headers());
    let counters = route.door.counters.clone();
    let outcome = match form {
        Some(form) => route.receive(form, caller, request).await,
        None => Err(Refused::ContentType(CONTENT_TYPE)),
    };
    let form = form.unwrap_or(Form::Json);
    match outcome {
        Ok(rejected) => {
            let rejected = rejected.as_ref().map(|(count, why)| (*count, why.as_str()));
            form.response(StatusCode::OK, otlp::partial_success(rejected, form == Form::Json))
        }
        Err(refused) => {
            let Answer { status, text, after, .. } = refused.counted(&counters).answer();
            let status_message = otlp::failure(grpc_code(status), &text, form == Form::Json);
            Answer::with_after(after, form.response(status, status_message))
        }
    }
}

impl OtlpRoute {
    fn new(door: Door, settings: &OtlpSettings) -> Self {
        let (promoted, strategy) = (settings.promote_resource_attributes.clone(), settings.translation_strategy);
        Self { door, translation: Arc::new(Translation { promoted, strategy }) }
    }

    async fn receive(self, form: Form, caller: Caller, request: Request) -> Result<Rejected, Refused> {
        let sender = Door::sender(caller)?;
        let (door, copies) = (self.door.clone(), if form == Form::Json { 2 } else { 1 });
        let read = move |body: Vec<u8>| {
            let body = match form {
                Form::Protobuf => body,
                Form::Json => otlp::from_json(&body, MOST_BYTES)?,
            };
            self.store(&sender, &body)
        };
        door.receive(request, copies, read).await
    }

    fn store(&self, sender: &Sender, body: &[u8]) -> Result<Rejected, Refused> {
        let mut gathered = self.door.gathered(sender);
        let (mut rejected, mut over, mut described) = (0, None, Vec::new());
        otlp::read(body, &self.translation, |told| match told {
            Told::Point(points) if over.is_none() => match gathered.take(&points) {
                Ok(taken) => rejected += u64::from(!taken),
                Err(refused) => over = Some(refused),
            },
            Told::Described(metric, told) if (described.len() as u64) < MOST_METADATA => described.push((metric, told)),
            Told::Exemplar(Some((point, exemplar))) if over.is_none() => {
                over = gathered.take_exemplar(&point, &exemplar).err();
            }
            Told::Exemplar(None) => gathered.odd_exemplars += 1,
            Told::Resource(point) if over.is_none() => over = gathered.take(&[point]).err(),
            Told::LeftOut(why) => {
                rejected += 1;
                gathered.left_out.add(why, 1);
            }
            Told::Point(_) | Told::Resource(_) | Told::Exemplar(_) | Told::Described(..) => {}
        })?;
        if let Some(refused) = over {
            return Err(refused);
        }
        let left_out = std::mem::take(&mut gathered.left_out);
        self.door.counters.refuse(Reason::Exemplar, gathered.odd_exemplars);
        self.door.store(sender, gathered)?;
        let told = described.iter().map(|(metric, told)| (metric.as_str(), told.clone()));
        self.door.tell(tenant_of(sender), told, now())?;
        Ok(left_out.told(&self.door.counters).err().map(|why| (rejected, why)))
    }
}

impl Form {
    /// The form of a request; `None` for one that is not taken. A type that pages of other sites may send unasked is none.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    fn response(self, status: StatusCode, body: Vec<u8>) -> Response {
        let content_type = match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        };
        (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
    }
}

/// The code of a `google.rpc.Status`, which only says again what the HTTP status does.
fn grpc_code(status: StatusCode) -> u8 {
    match status {
        StatusCode::FORBIDDEN => 7,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::INTERNAL_SERVER_ERROR => 13,
        _ => 3,
    }
}

impl From<otlp::Refused> for Refused {
    fn from(error: otlp::Refused) -> Self {
        match error {
            otlp::Refused::TooMuch(..) => Self::TooLarge(StatusCode::BAD_REQUEST, error.to_string()),
            error => Self::Malformed(error.to_string()),
        }
    }
}

impl From<LeftOut> for Reason {
    fn from(why: LeftOut) -> Self {
        match why {
            LeftOut::Delta => Self::Delta,
            LeftOut::Attributes => Self::Attributes,
            LeftOut::Histogram => Self::Histogram,
            LeftOut::NoValue => Self::NoValue,
            LeftOut::Temporality => Self::Temporality,
            LeftOut::Unreadable => Self::Unreadable,
            LeftOut::Mended => Self::Mended,
        }
    }
}

const CONTENT_TYPE: &str = "OTLP metrics are taken as application/x-protobuf or application/json, and gzip of either; gRPC is not taken here, it has an address of its own (listen.otlp_grpc)";
