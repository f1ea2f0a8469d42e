//! What became of notifications: their history, and those that were refused, to be sent again.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use weir_alert::routing::Silence;
use weir_notify::Sent;
use weir_sample::Timestamp;

use super::reach;
use super::shapes::ShownSilence;
use super::silences;
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

/// A notification is a caller's if all its alerts are: not if they differ in what its token says.
fn is_for(caller: &Caller, sent: &Sent) -> bool {
    let of_all = |name: &str| sent.common_labels.get(name).map_or("", String::as_str);
    caller.sees(|name| if sent.mixed.contains(name) { DIFFERENT } else { of_all(name) })
}

/// No label has this value.
const DIFFERENT: &str = "\0";

/// What a caller may know of what was told, and of silences that held, from `start` to `end`.
pub(crate) async fn told(
    alerts: &Alerts,
    caller: &Caller,
    (start, end): (Timestamp, Timestamp),
    most: usize,
) -> Result<Value, String> {
    let within = reach::within(caller);
    let found = alerts.ask(move |notifier, now| {
        let held = |one: &&Silence| one.starts_at_ms <= end.millis() && one.ends_at_ms >= start.millis();
        let own = notifier.silences().filter(|one| silences::keeps_to(one, &within)).filter(held);
        let silences: Vec<_> = own.map(|one| ShownSilence::of(one, now)).collect();
        notifier.history(start, end, most).map(|sent| (sent, silences))
    });
    let (mut sent, silences) = found.await.map_err(|refused| refused.1)?.map_err(|error| error.to_string())?;
    sent.retain(|sent| is_for(caller, sent));
    Ok(json!({ "notifications": sent, "silences": silences }))
}

fn success(data: &Value) -> Json<Value> {
    Json(json!({ "status": "success", "data": data }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use weir_identity::{Claims, Scope};
    use weir_notify::Reason;

    fn caller(tenant: u32, pool: Option<&str>, scope: Scope) -> Caller {
        Caller::Bearer(Arc::new(Claims {
            subject: "grafana".into(),
            tenant,
            scopes: vec![scope],
            not_before: None,
            expires: u64::MAX,
            max_series: None,
            labels: pool.map(|pool| ("pool".to_owned(), pool.to_owned())).into_iter().collect(),
        }))
    }

    #[test]
    fn a_notification_that_mixes_tenants_is_shown_to_operators_alone() {
        let sent = |common: &[(&str, &str)], mixed: &[&str]| Sent {
            at_ms: 1,
            key: "k".into(),
            tenant: 0,
            receiver: "r".into(),
            channel: "webhook[0]".into(),
            group_labels: Default::default(),
            common_labels: common.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            mixed: mixed.iter().map(|&name| name.to_owned()).collect(),
            reason: Reason::FirstNotification,
            firing: 2,
            resolved: 0,
            tries: 1,
            refused: String::new(),
        };
        let check = |sent: &Sent, expected: [bool; 4]| {
            let callers = [
                caller(0, None, Scope::AlertsRead),
                caller(3, None, Scope::AlertsRead),
                caller(3, Some("db"), Scope::AlertsRead),
                caller(0, None, Scope::Admin),
            ];
            assert_eq!(callers.map(|caller| is_for(&caller, sent)), expected, "{sent:?}");
        };
        check(&sent(&[], &[]), [true, false, false, true]);
        check(&sent(&[("tenant", "3"), ("pool", "db")], &["host"]), [false, true, true, true]);
        check(&sent(&[("tenant", "3")], &["pool"]), [false, true, false, true]);
        check(&sent(&[("pool", "db")], &["tenant"]), [false, false, false, true]);
    }
}
