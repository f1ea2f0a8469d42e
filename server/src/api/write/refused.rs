//! Why a request is not stored, as telemetry and the sender are told.

use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use weir_formats::remote_write;
use weir_wire::Refusal;

use super::counters::Counters;
use super::reason::Reason;
use crate::api::auth::refusal;

/// Size of a body: Prometheus' own are well below a megabyte.
pub(crate) const MOST_BODY_BYTES: usize = 8 << 20;

/// Why a request, or a part of it, is not stored.
pub(crate) enum Refused {
    /// It is of a type or an encoding that is not taken; the text says what is.
    ContentType(&'static str),
    Malformed(String),
    TooLarge(StatusCode, String),
    /// The token has a limit that is not kept here.
    Limited,
    /// The token has a limit or labels that are not kept here for targets.
    Bound,
    /// The body is sealed by nobody who may send, or not at all.
    Seal(Refusal),
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

/// A refusal in words, for an answer in whatever form.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
    pub(crate) text: String,
    /// Seconds after which the sender shall try again.
    pub(crate) after: Option<u64>,
}

impl Refused {
    /// Counts it.
    pub(crate) fn counted(self, counters: &Counters) -> Self {
        let reason = match self {
            Self::ContentType(_) | Self::Malformed(_) => Reason::Malformed,
            Self::TooLarge(..) => Reason::TooLarge,
            Self::Busy => Reason::Busy,
            Self::Behind(_) => Reason::Behind,
            Self::Queue(_) => Reason::Queue,
            Self::Seal(_) => Reason::Seal,
            // Samples are counted one by one.
            Self::Part(_) | Self::Fault | Self::Limited | Self::Bound => return self,
        };
        counters.refuse(reason, 1);
        self
    }

    pub(crate) fn body_too_large() -> Self {
        let text = format!("a request has at most {MOST_BODY_BYTES} bytes: send smaller ones");
        Self::TooLarge(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// One that is over a limit of what it holds.
    pub(crate) fn too_much(what: &str, most: u64) -> Self {
        Self::TooLarge(StatusCode::BAD_REQUEST, format!("it has more than {most} {what}: send smaller requests"))
    }

    /// What is answered. 503 where the sender shall try again, not 429, which Prometheus takes for a refusal for good.
    pub(crate) fn answer(self) -> Answer {
        let now = |status, reason, text| Answer { status, reason, text, after: None };
        let later =
            |reason, text, after| Answer { status: StatusCode::SERVICE_UNAVAILABLE, reason, text, after: Some(after) };
        match self {
            Self::ContentType(taken) => now(StatusCode::UNSUPPORTED_MEDIA_TYPE, "version", taken.to_owned()),
            Self::Malformed(text) => now(StatusCode::BAD_REQUEST, "malformed", text),
            Self::TooLarge(status, text) => now(status, "too_large", text),
            Self::Limited => now(StatusCode::FORBIDDEN, "max_series", LIMITED.to_owned()),
            Self::Bound => now(StatusCode::FORBIDDEN, "bound", BOUND.to_owned()),
            Self::Seal(why) => {
                let text = format!("neither a token nor a seal that holds: {why}");
                now(StatusCode::UNAUTHORIZED, why.reason(), text)
            }
            Self::Busy => later("busy", "too many requests wait: send again".to_owned(), 1),
            Self::Queue(error) => later(error.reason(), error.to_string(), 1),
            Self::Behind(behind) => {
                let behind = behind.as_secs();
                let text = format!("the store is {behind} s behind with what was acknowledged: send again later");
                later("behind", text, (behind / 4).clamp(1, 30))
            }
            Self::Part(left_out) => now(StatusCode::BAD_REQUEST, "left_out", left_out),
            Self::Fault => {
                now(StatusCode::INTERNAL_SERVER_ERROR, "fault", "the server met a fault: see its log".to_owned())
            }
        }
    }
}

impl Answer {
    /// Says when to try again, if the sender shall.
    pub(crate) fn with_after(after: Option<u64>, response: Response) -> Response {
        match after {
            Some(seconds) => ([(header::RETRY_AFTER, seconds.to_string())], response).into_response(),
            None => response,
        }
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
    /// In the shape of Prometheus' API.
    fn into_response(self) -> Response {
        let Answer { status, reason, text, after } = self.answer();
        Answer::with_after(after, refusal(status, reason, &text))
    }
}

const BOUND: &str =
    "this token enforces labels or a limit of series, which is not kept for targets: give collectors one without";
const LIMITED: &str =
    "this token has a limit of series, which is kept for agents alone: use one without to send by another protocol";
