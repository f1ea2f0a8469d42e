//! Silences: listed, previewed, made, changed and ended.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use weir_alert::event::Pairs;
use weir_alert::routing::matcher::all_match;
use weir_alert::routing::{Matcher, Silence, SilenceState};
use weir_notify::{NewSilence, SilenceRefused};
use weir_sample::Timestamp;

use super::asked::{is_wanted, matchers};
use super::reach;
use super::shapes::{PostedSilence, ShownSilence};
use super::way::{Alerts, ROOM, Refused};
use crate::api::auth::Caller;
use crate::api::query::Parameters;
use crate::clock::now;

pub(super) async fn list(
    State(alerts): State<Alerts>,
    caller: Caller,
    RawQuery(url): RawQuery,
) -> Result<Json<Vec<ShownSilence>>, Refused> {
    let parameters = Parameters::of(url.as_deref(), &[]);
    let filter = matchers(&parameters)?;
    let wanted = |name| is_wanted(&parameters, name);
    let (active, pending, expired) = (wanted("active")?, wanted("pending")?, wanted("expired")?);
    let within = reach::within(&caller);
    let found = alerts.ask(move |notifier, now| {
        let mut found: Vec<Silence> = notifier
            .silences()
            .filter(|one| keeps_to(one, &within) && all_match(&filter, &said(one)))
            .cloned()
            .collect();
        found.retain(|one| match one.state(now) {
            SilenceState::Active => active,
            SilenceState::Pending => pending,
            SilenceState::Expired => expired,
        });
        found.sort_by_key(|one| order(one, now));
        found.iter().map(|one| ShownSilence::of(one, now)).collect()
    });
    Ok(Json(found.await?))
}

pub(super) async fn one(
    State(alerts): State<Alerts>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let within = reach::within(&caller);
    let found = alerts.ask(move |notifier, now| {
        notifier.silence_of(&id).filter(|one| keeps_to(one, &within)).map(|one| ShownSilence::of(one, now))
    });
    Ok(found.await?.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |one| Json(one).into_response()))
}

/// Makes one, or says with `preview` what it would mute. What mutes too much is refused without `force`.
pub(super) async fn make(
    State(alerts): State<Alerts>,
    caller: Caller,
    RawQuery(url): RawQuery,
    body: Bytes,
) -> Result<Response, Refused> {
    let parameters = Parameters::of(url.as_deref(), &[]);
    let is_set = |name| Ok(parameters.get(name).is_some() && is_wanted(&parameters, name)?);
    let (preview, force) = (is_set("preview")?, is_set("force")?);
    let posted: PostedSilence =
        serde_json::from_slice(&body).map_err(|why| Refused::bad(format!("bad silence: {why}")))?;
    let starts_at = posted.starts_at.unwrap_or_else(now);
    let new = NewSilence {
        id: posted.id,
        tenant: ROOM,
        matchers: posted.matchers,
        within: reach::within(&caller),
        starts_at_ms: starts_at.millis(),
        ends_at_ms: posted.ends_at.unwrap_or(starts_at).millis(),
        created_by: posted.created_by,
        comment: posted.comment,
    };
    if preview {
        let (found, refused) = alerts.ask(move |notifier, now| notifier.preview(&new, now)).await?.map_err(refuse)?;
        let answer = json!({
            "muted": found.muted,
            "firing": found.firing,
            "teams": found.teams,
            "warnings": found.warnings,
            "text": found.sentence(),
            "refused": refused.map(|why| format!("{why} (force=true)")),
        });
        return Ok(Json(answer).into_response());
    }
    let made = alerts.ask(move |notifier, now| notifier.silence(&new, force, now)).await?;
    Ok(Json(json!({ "silenceID": made.map_err(refuse)? })).into_response())
}

/// Ends one. One that is over is what was asked for.
pub(super) async fn end(
    State(alerts): State<Alerts>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let within = reach::within(&caller);
    match alerts.ask(move |notifier, now| notifier.expire(ROOM, &id, &within, now)).await? {
        Ok(()) | Err(SilenceRefused::Invalid(_)) => Ok(StatusCode::OK),
        Err(other) => Err(refuse(other)),
    }
}

fn refuse(refused: SilenceRefused) -> Refused {
    match refused {
        SilenceRefused::Unknown(_) => Refused(StatusCode::NOT_FOUND, refused.to_string()),
        SilenceRefused::Invalid(_) => Refused::bad(refused),
        SilenceRefused::TooBroad(why) => Refused::bad(format!("the silence is refused: {why} (force=true)")),
        SilenceRefused::State(_) => Refused::unavailable(refused),
    }
}

/// Whether it is within a caller's reach, as it then has all conditions of the caller.
pub(super) fn keeps_to(silence: &Silence, within: &[Matcher]) -> bool {
    within.iter().all(|matcher| silence.matchers.contains(matcher))
}

/// Its matchers as labels, which a filter is held against.
fn said(silence: &Silence) -> Pairs {
    let pairs = silence.matchers.iter().map(|matcher| (matcher.name().to_owned(), matcher.value().to_owned()));
    pairs.collect::<BTreeMap<_, _>>()
}

/// Those that hold, the next to end first; then those to come; then those that are over, the last first.
fn order(silence: &Silence, now: Timestamp) -> (u8, i64) {
    match silence.state(now) {
        SilenceState::Active => (0, silence.ends_at_ms),
        SilenceState::Pending => (1, silence.starts_at_ms),
        SilenceState::Expired => (2, silence.ends_at_ms.saturating_neg()),
    }
}
