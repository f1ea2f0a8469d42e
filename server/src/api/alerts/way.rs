//! The way from a request to the notifier, and why one is not gone.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use weir_alert::event::Event;
use weir_notify::{Handle, Notifier};
use weir_sample::Timestamp;

/// Makes events durable, where the notifier will find them. Blocks.
pub(crate) type Take = Arc<dyn Fn(&[Event]) -> Result<(), String> + Send + Sync>;

/// What the routes are made of.
#[derive(Clone)]
pub(crate) struct Alerts {
    /// The way to the notifier, if there is one now.
    pub(crate) notifier: Arc<dyn Fn() -> Option<Handle> + Send + Sync>,
    pub(crate) take: Take,
}

/// Why a request is not done, as Alertmanager says it: a sentence in JSON.
#[derive(Debug)]
pub(super) struct Refused(pub StatusCode, pub String);

impl Refused {
    pub(super) fn bad(why: impl ToString) -> Self {
        Self(StatusCode::BAD_REQUEST, why.to_string())
    }

    pub(super) fn unavailable(why: impl ToString) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, why.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, axum::Json(self.1)).into_response()
    }
}

impl Alerts {
    /// Asks the notifier.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Notifier, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let handle = (self.notifier)();
        let handle = handle.ok_or_else(|| Refused::unavailable("nobody is told of alerts now: /readyz says why"))?;
        handle.ask(question).await.map_err(Refused::unavailable)
    }
}

/// All alerts of a server are in one room of its notifier; tenants are told apart by their label.
pub(super) const ROOM: u32 = 0;
