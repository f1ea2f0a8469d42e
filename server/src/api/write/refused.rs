//! Why a request is not stored, as telemetry and the sender are told.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use weir_formats::remote_write;

use super::counters::Counters;
use crate::api::auth::refusal;

/// Size of a body: Prometheus' own are well below a megabyte.
pub(super) const MOST_BODY_BYTES: usize = 8 << 20;

/// Why a request, or a part of it, is not stored.
pub(super) enum Refused {
    ContentType,
    Malformed(String),
    TooLarge(StatusCode, String),
    /// The sender shall try again: there is no memory for its request.
    Busy,
    /// The sender shall try again: so much is acknowledged and not stored yet.
    Behind(Duration),
    /// The sender shall try again.
    Queue(weir_queue::Error),
    /// The rest is durable.
    Part(String),
    /// The thread ended.
    Fault,
}

impl Refused {
    /// Counts it.
    pub(super) fn counted(self, counters: &Counters) -> Self {
        let counter = match self {
            Self::ContentType | Self::Malformed(_) => &counters.malformed,
            Self::TooLarge(..) => &counters.too_large,
            Self::Busy => &counters.busy,
            Self::Behind(_) => &counters.behind,
            Self::Queue(_) => &counters.queue,
            // Its samples are counted one by one.
            Self::Part(_) | Self::Fault => return self,
        };
        counter.fetch_add(1, Relaxed);
        self
    }

    pub(super) fn body_too_large() -> Self {
        let text = format!("a request has at most {MOST_BODY_BYTES} bytes: send smaller ones");
        Self::TooLarge(StatusCode::PAYLOAD_TOO_LARGE, text)
    }
}

impl From<remote_write::Refused> for Refused {
    fn from(error: remote_write::Refused) -> Self {
        match error {
            remote_write::Refused::TooMuch(..) => Self::TooLarge(StatusCode::BAD_REQUEST, error.to_string()),
            error => Self::Malformed(error.to_string()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::ContentType => refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "version", CONTENT_TYPE),
            Self::Malformed(text) => refusal(StatusCode::BAD_REQUEST, "malformed", &text),
            Self::TooLarge(status, text) => refusal(status, "too_large", &text),
            Self::Busy => {
                later(1, refusal(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many requests wait: send again"))
            }
            Self::Queue(error) => {
                later(1, refusal(StatusCode::SERVICE_UNAVAILABLE, error.reason(), &error.to_string()))
            }
            Self::Behind(behind) => {
                let behind = behind.as_secs();
                let text = format!("the store is {behind} s behind with what was acknowledged: send again later");
                later((behind / 4).clamp(1, 30), refusal(StatusCode::SERVICE_UNAVAILABLE, "behind", &text))
            }
            Self::Part(left_out) => refusal(StatusCode::BAD_REQUEST, "left_out", &left_out),
            Self::Fault => refusal(StatusCode::INTERNAL_SERVER_ERROR, "fault", "the server met a fault: see its log"),
        }
    }
}

/// Says when to try again. 503, not 429, which Prometheus takes for a refusal for good.
fn later(seconds: u64, response: Response) -> Response {
    ([(header::RETRY_AFTER, seconds.to_string())], response).into_response()
}

const CONTENT_TYPE: &str = "this server speaks remote write 1.0: Content-Type is application/x-protobuf";
