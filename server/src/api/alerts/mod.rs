//! Alertmanager's API v2, as amtool and Prometheus speak it, and what it lacks: previews of silences, dead letters.
//!
//! Alerts that others send go the way of our own: they are durable in the log of events before they are answered for. A token's
//! tenant and labels narrow what its bearer sees, silences and sends.

mod asked;
mod letters;
mod listed;
mod posted;
mod reach;
mod shapes;
mod silences;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use weir_alert::event::Event;
use weir_identity::{Scope, TokenKeys};
use weir_notify::{Handle, Notifier};
use weir_sample::Timestamp;

use super::auth::guard;

/// Makes events durable, where the notifier will find them. Blocks.
pub(crate) type Take = Arc<dyn Fn(&[Event]) -> Result<(), String> + Send + Sync>;

/// What the routes are made of.
#[derive(Clone)]
pub(crate) struct Alerts {
    /// The way to the notifier, if there is one now.
    pub(crate) notifier: Arc<dyn Fn() -> Option<Handle> + Send + Sync>,
    pub(crate) take: Take,
}

/// More than any sender puts into a request.
const MOST_BYTES: usize = 4 << 20;

/// The routes, those that change something behind another scope than those that show.
pub(crate) fn routes(alerts: Alerts, tokens: Option<&Arc<TokenKeys>>) -> Router {
    let shown = Router::new()
        .route("/api/v2/status", get(status::status))
        .route("/api/v2/receivers", get(status::receivers))
        .route("/api/v2/alerts", get(listed::alerts))
        .route("/api/v2/alerts/groups", get(listed::groups))
        .route("/api/v2/silences", get(silences::list))
        .route("/api/v2/silence/{id}", get(silences::one))
        .route("/api/v1/alerts/dead-letters", get(letters::list))
        .route("/api/v1/alerts/notifications", get(letters::history))
        .with_state(alerts.clone());
    let changed = Router::new()
        .route("/api/v2/alerts", post(posted::alerts))
        .route("/api/v2/silences", post(silences::make))
        .route("/api/v2/silence/{id}", axum::routing::delete(silences::end))
        .route("/api/v1/alerts/dead-letters/{id}/send", post(letters::send))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(alerts);
    let shown = guard(shown, tokens.cloned(), Scope::AlertsRead);
    shown.merge(guard(changed, tokens.cloned(), Scope::AlertsSilence))
}

/// Why a request is not done, as Alertmanager says it: a sentence in JSON.
#[derive(Debug)]
struct Refused(StatusCode, String);

impl Refused {
    fn bad(why: impl ToString) -> Self {
        Self(StatusCode::BAD_REQUEST, why.to_string())
    }

    fn unavailable(why: impl ToString) -> Self {
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
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Notifier, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let handle = (self.notifier)();
        let handle = handle.ok_or_else(|| Refused::unavailable("nobody is told of alerts now: /readyz says why"))?;
        handle.ask(question).await.map_err(Refused::unavailable)
    }
}

/// All alerts of a server are in one room of its notifier; tenants are told apart by their label.
const ROOM: u32 = 0;
