//! What became of notifications: their history, and those that were refused, to be sent again.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use weir_notify::Sent;
use weir_sample::Timestamp;

use super::way::{Alerts, Refused};
use crate::api::auth::Caller;
use crate::api::query::Parameters;
use crate::clock::now;

/// Entries of one answer, unless `limit` says otherwise, and at most.
const USUAL_ENTRIES: usize = 1_000;
const MOST_ENTRIES: usize = 10_000;

/// Notifications that were told or refused from `start` to `end`, the newest first.
pub(super) async fn history(
    State(alerts): State<Alerts>,
    caller: Caller,
    RawQuery(url): RawQuery,
) -> Result<Json<Value>, Refused> {
    let parameters = Parameters::of(url.as_deref(), &[]);
    let time = |name| parameters.time(name).map_err(|error| Refused::bad(error.message()));
    let (start, end) = (time("start")?.unwrap_or(Timestamp(i64::MIN)), time("end")?.unwrap_or_else(now));
    let most = parameters.number("limit").map_err(|error| Refused::bad(error.message()))?;
    let most = most.unwrap_or(USUAL_ENTRIES).min(MOST_ENTRIES);
    let found = alerts.ask(move |notifier, _| notifier.history(start, end, most)).await?;
    let mut found = found.map_err(Refused::unavailable)?;
    found.retain(|sent| is_for(&caller, sent));
    Ok(success(&json!({ "notifications": found })))
}

pub(super) async fn list(State(alerts): State<Alerts>, caller: Caller) -> Result<Json<Value>, Refused> {
    let letters = alerts.ask(|notifier, _| notifier.dead_letters()).await?.map_err(Refused::unavailable)?;
    let letters: Vec<_> = letters.into_iter().filter(|letter| is_for(&caller, &letter.sent)).collect();
    Ok(success(&json!({ "deadLetters": letters })))
}

/// Sends one again, with the key that it had.
pub(super) async fn send(
    State(alerts): State<Alerts>,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Json<Value>, Refused> {
    let found = alerts.ask(move |notifier, now| {
        let known = notifier.dead_letters()?.iter().any(|letter| letter.id == id && is_for(&caller, &letter.sent));
        Ok::<_, weir_notify::Error>(known && notifier.send_again(id, now)?)
    });
    match found.await?.map_err(Refused::unavailable)? {
        true => Ok(success(&json!({ "id": id }))),
        false => Err(Refused(StatusCode::NOT_FOUND, format!("there is no dead letter {id}"))),
    }
}

/// A notification is a caller's if all its alerts are.
fn is_for(caller: &Caller, sent: &Sent) -> bool {
    caller.sees(|name| sent.common_labels.get(name).map_or("", String::as_str))
}

fn success(data: &Value) -> Json<Value> {
    Json(json!({ "status": "success", "data": data }))
}
