//! The shapes of Alertmanager's API.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use weir_alert::event::{Event, Pairs, Status};
use weir_alert::routing::{Matcher, Silence, SilenceState};
use weir_notify::{AlertView, GroupView};
use weir_sample::Timestamp;

use crate::api::query::timestamp;
use crate::clock::rfc3339;

/// Something that is shown by its name.
#[derive(Serialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    labels: Pairs,
    annotations: Pairs,
    starts_at: String,
    ends_at: String,
    updated_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
    receivers: Vec<Named>,
    status: AlertStatus,
    /// What Alertmanager has not: data have stopped to come, so nobody knows whether it still holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertStatus {
    state: &'static str,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
}

impl Alert {
    pub(super) fn of(view: AlertView) -> Self {
        let AlertView { alert, receivers, inhibited_by, silenced_by } = view;
        let quiet = !inhibited_by.is_empty() || !silenced_by.is_empty();
        let state = if quiet { "suppressed" } else { "active" };
        Self {
            fingerprint: format!("{:016x}", alert.fingerprint()),
            starts_at: written(alert.starts_at_ms),
            ends_at: written(alert.ends_at_ms),
            updated_at: written(alert.evaluated_at_ms),
            labels: alert.labels,
            annotations: alert.annotations,
            generator_url: alert.generator_url,
            receivers: receivers.into_iter().map(|name| Named { name }).collect(),
            status: AlertStatus { state, silenced_by, inhibited_by, muted_by: Vec::new() },
            late: alert.late,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Group {
    labels: Pairs,
    receiver: Named,
    alerts: Vec<Alert>,
}

impl Group {
    pub(super) fn of(view: GroupView) -> Self {
        let alerts = view.alerts.into_iter().map(Alert::of).collect();
        Self { labels: view.labels, receiver: Named { name: view.receiver }, alerts }
    }
}

/// An alert as others send it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Posted {
    labels: Pairs,
    #[serde(default)]
    annotations: Pairs,
    #[serde(default, deserialize_with = "time")]
    starts_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    ends_at: Option<Timestamp>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

impl Posted {
    /// The event that it makes; `lasts` is how long one without an end is taken to hold, `own` the labels that it has whatever it says.
    pub(super) fn event(mut self, now: Timestamp, lasts: std::time::Duration, own: &Pairs) -> Result<Event, String> {
        self.labels.extend(own.clone());
        self.labels.retain(|_, value| !value.is_empty());
        self.annotations.retain(|_, value| !value.is_empty());
        if self.labels.is_empty() {
            return Err("at least one label pair required".into());
        }
        if self.labels.keys().chain(self.annotations.keys()).any(String::is_empty) {
            return Err("a label or an annotation has no name".into());
        }
        let ends_at = self.ends_at.unwrap_or(now.plus(lasts));
        let starts_at = self.starts_at.unwrap_or(now.min(ends_at));
        if ends_at < starts_at {
            return Err("start time must be before end time".into());
        }
        Ok(Event {
            tenant: super::way::ROOM,
            labels: self.labels,
            annotations: self.annotations,
            status: if ends_at <= now { Status::Resolved } else { Status::Firing },
            starts_at_ms: starts_at.millis(),
            ends_at_ms: ends_at.millis(),
            evaluated_at_ms: now.millis(),
            value: None,
            active_at_ms: 0,
            late: false,
            generator_url: self.generator_url,
            seq: 0,
            source: "api".into(),
        })
    }
}

/// A silence as it is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostedSilence {
    #[serde(default)]
    pub(super) id: String,
    pub(super) matchers: Vec<Matcher>,
    #[serde(default, deserialize_with = "time")]
    pub(super) starts_at: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    pub(super) ends_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) created_by: String,
    #[serde(default)]
    pub(super) comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownSilence {
    id: String,
    status: SilenceStatus,
    updated_at: String,
    matchers: Vec<Matcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

#[derive(Serialize)]
struct SilenceStatus {
    state: SilenceState,
}

impl ShownSilence {
    pub(super) fn of(silence: &Silence, now: Timestamp) -> Self {
        Self {
            id: silence.id.clone(),
            status: SilenceStatus { state: silence.state(now) },
            updated_at: written(silence.updated_at_ms),
            matchers: silence.matchers.clone(),
            starts_at: written(silence.starts_at_ms),
            ends_at: written(silence.ends_at_ms),
            created_by: silence.created_by.clone(),
            comment: silence.comment.clone(),
        }
    }
}

/// The last instant that RFC 3339 can write.
const LAST_MS: i64 = 253_402_300_799_000;

/// An instant in RFC 3339.
pub(super) fn written(ms: i64) -> String {
    rfc3339(Timestamp(ms.clamp(0, LAST_MS)))
}

/// An instant; one before 1970, as Go writes none at all, is none.
fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let at = timestamp(&text).filter(|_| text.contains('-'));
    let at = at.ok_or_else(|| D::Error::custom(format!("{text:?} is no time in RFC 3339")))?;
    Ok(Some(at).filter(|at| at.millis() > 0))
}
