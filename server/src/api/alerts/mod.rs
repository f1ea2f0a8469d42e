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
mod way;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use weir_identity::{Scope, TokenKeys};

use super::auth::guard;
pub(crate) use letters::told;
pub(crate) use way::Alerts;

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
