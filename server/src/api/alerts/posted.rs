//! `POST /api/v2/alerts`: alerts of Prometheus and others.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;

use super::reach;
use super::shapes::Posted;
use super::way::{Alerts, Refused};
use crate::api::auth::Caller;
use crate::clock::now;

/// Answers once they are durable. Bad ones are named and keep out no good ones, as in Alertmanager.
pub(super) async fn alerts(State(alerts): State<Alerts>, caller: Caller, body: Bytes) -> Result<StatusCode, Refused> {
    let posted: Vec<Posted> =
        serde_json::from_slice(&body).map_err(|why| Refused::bad(format!("bad alerts: {why}")))?;
    let lasts = alerts.ask(|notifier, _| notifier.resolve_timeout()).await?;
    let (own, now) = (reach::labels(&caller), now());
    let (mut events, mut bad) = (Vec::new(), Vec::new());
    for one in posted {
        match one.event(now, lasts, &own) {
            Ok(event) => events.push(event),
            Err(why) => bad.push(why),
        }
    }
    let taken = tokio::task::spawn_blocking(move || (alerts.take)(&events)).await;
    taken.map_err(Refused::unavailable)?.map_err(Refused::unavailable)?;
    if bad.is_empty() { Ok(StatusCode::OK) } else { Err(Refused::bad(bad.join("; "))) }
}
