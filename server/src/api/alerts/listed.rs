//! `GET /api/v2/alerts` and `/api/v2/alerts/groups`.

use axum::Json;
use axum::extract::{RawQuery, State};
use weir_alert::event::Status;
use weir_alert::routing::Matcher;

use super::asked::Asked;
use super::reach;
use super::shapes::{Alert, Group};
use super::way::{Alerts, ROOM, Refused};
use crate::api::auth::Caller;

pub(super) async fn alerts(
    State(alerts): State<Alerts>,
    caller: Caller,
    RawQuery(url): RawQuery,
) -> Result<Json<Vec<Alert>>, Refused> {
    let asked = Asked::of(url.as_deref())?;
    let matchers = all(&asked, &caller);
    let views = alerts.ask(move |notifier, now| notifier.alerts(ROOM, &matchers, now)).await?;
    let wanted = views.into_iter().filter(|view| {
        view.alert.status == Status::Firing
            && asked.wants(view)
            && view.receivers.iter().any(|name| asked.wants_receiver(name))
    });
    Ok(Json(wanted.map(Alert::of).collect()))
}

pub(super) async fn groups(
    State(alerts): State<Alerts>,
    caller: Caller,
    RawQuery(url): RawQuery,
) -> Result<Json<Vec<Group>>, Refused> {
    let asked = Asked::of(url.as_deref())?;
    let matchers = all(&asked, &caller);
    let mut views = alerts.ask(move |notifier, now| notifier.groups(ROOM, &matchers, now)).await?;
    for view in &mut views {
        view.alerts.retain(|alert| alert.alert.status == Status::Firing && asked.wants(alert));
    }
    views.retain(|view| !view.alerts.is_empty() && asked.wants_receiver(&view.receiver));
    Ok(Json(views.into_iter().map(Group::of).collect()))
}

fn all(asked: &Asked, caller: &Caller) -> Vec<Matcher> {
    [asked.matchers.clone(), reach::within(caller)].concat()
}
