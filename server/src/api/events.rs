//! `GET /api/v1/events`: DogStatsD's events and service checks, those received last first.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use weir_sample::{EventKind, Timestamp};
use weir_sink::{EventsWanted, StoredEvent, events_of};

use super::auth::{Caller, refusal};
use super::query::Parameters;

/// Events of one answer, by default and at most.
const USUAL_LIMIT: usize = 100;
const MOST_LIMIT: usize = 1_000;
/// Questions that are read at once: each may have a day's file in memory.
const AT_ONCE: usize = 2;

/// The route; it belongs behind [`super::auth::guard`]. Events are in this folder.
pub(crate) fn routes<S>(folder: PathBuf) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let desk = Desk { folder: folder.into(), turns: Arc::new(Semaphore::new(AT_ONCE)) };
    Router::new().route("/api/v1/events", get(events)).with_state(desk)
}

#[derive(Clone)]
struct Desk {
    folder: Arc<PathBuf>,
    turns: Arc<Semaphore>,
}

async fn events(State(desk): State<Desk>, caller: Caller, RawQuery(url): RawQuery) -> Response {
    let parameters = Parameters::of(url.as_deref(), &[]);
    let asked = wanted(&parameters, caller.tenant()).and_then(|wanted| Ok((wanted, Filter::of(&parameters)?)));
    let (wanted, filter) = match asked {
        Ok(asked) => asked,
        Err(text) => return refusal(StatusCode::BAD_REQUEST, "bad_parameter", &text),
    };
    let turn = desk.turns.acquire_owned().await;
    let read = move || {
        let _turn = turn;
        events_of(&desk.folder, &wanted, |event| filter.takes(event))
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(page)) => {
            let next = page.next.map(|next| next.to_string());
            let events: Vec<_> = page.events.iter().map(told).collect();
            Json(json!({ "status": "success", "data": { "events": events, "next": next } })).into_response()
        }
        Ok(Err(error)) => {
            let text = format!("events cannot be read: {error}; see to the folder events in the server's data folder");
            refusal(StatusCode::SERVICE_UNAVAILABLE, "unreadable", &text)
        }
        Err(_) => refusal(StatusCode::SERVICE_UNAVAILABLE, "broken_off", "the question broke off; the log says why"),
    }
}

fn wanted(parameters: &Parameters, tenant: Option<u32>) -> Result<EventsWanted, String> {
    let time = |name| parameters.time(name).map_err(|error| error.message());
    let limit = parameters.number("limit").map_err(|error| error.message())?.unwrap_or(USUAL_LIMIT);
    let after = parameters.get("cursor").filter(|text| !text.is_empty());
    Ok(EventsWanted {
        tenant,
        start: time("start")?.unwrap_or(Timestamp(i64::MIN)),
        end: time("end")?.unwrap_or(Timestamp(i64::MAX)),
        after: after.map(str::parse).transpose().map_err(|error| format!("invalid parameter \"cursor\": {error}"))?,
        limit: limit.clamp(1, MOST_LIMIT),
    })
}

/// What an event has to be, of all that is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Filter {
    kind: Option<String>,
    priority: Option<String>,
    alert_type: Option<String>,
    status: Option<String>,
    host: Option<String>,
    source: Option<String>,
    aggregation_key: Option<String>,
    /// Names, and values unless any will do.
    tags: Vec<(String, Option<String>)>,
}

impl Filter {
    fn of(parameters: &Parameters) -> Result<Self, String> {
        let given = |name| parameters.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let one_of = |name, words: &[&str]| match given(name) {
            Some(word) if !words.contains(&word.as_str()) => {
                Err(format!("invalid parameter {name:?}: {word:?} is none of {}", words.join(", ")))
            }
            word => Ok(word),
        };
        let tag = |text: &str| match text.split_once(':') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.to_owned(), None),
        };
        let tags = parameters.all("tags").flat_map(|tags| tags.split(','));
        Ok(Self {
            kind: one_of("kind", &["event", "service_check"])?,
            priority: one_of("priority", &["normal", "low"])?,
            alert_type: one_of("alert_type", &["info", "success", "warning", "error"])?,
            status: one_of("status", &["ok", "warning", "critical", "unknown"])?,
            host: given("host"),
            source: given("source"),
            aggregation_key: given("aggregation_key"),
            tags: tags.filter(|text| !text.is_empty()).map(tag).collect(),
        })
    }

    fn takes(&self, stored: &StoredEvent) -> bool {
        let event = &stored.event;
        let is = |wanted: &Option<String>, word: Option<&str>| wanted.as_deref().is_none_or(|one| word == Some(one));
        let has = |(name, value): &(String, Option<String>)| {
            event.tags.iter().any(|(own, is)| own == name && value.as_ref().is_none_or(|value| value == is))
        };
        is(&self.kind, Some(kind(stored)))
            && is(&self.priority, Some(event.priority()))
            && is(&self.alert_type, Some(event.alert_type()))
            && is(&self.status, status(stored))
            && is(&self.host, event.host.as_deref())
            && is(&self.source, event.source.as_deref())
            && is(&self.aggregation_key, event.aggregation_key.as_deref())
            && self.tags.iter().all(has)
    }
}

fn kind(stored: &StoredEvent) -> &'static str {
    match stored.event.kind {
        EventKind::Event { .. } => "event",
        EventKind::Check(_) => "service_check",
    }
}

fn status(stored: &StoredEvent) -> Option<&'static str> {
    match stored.event.kind {
        EventKind::Event { .. } => None,
        EventKind::Check(status) => Some(status.name()),
    }
}

fn told(stored: &StoredEvent) -> Value {
    let event = &stored.event;
    let tag =
        |(name, value): &(String, String)| if value.is_empty() { name.clone() } else { format!("{name}:{value}") };
    json!({
        "id": format!("{:016x}", stored.id),
        "tenant": stored.tenant,
        "kind": kind(stored),
        "timestamp": stored.time.as_secs_f64(),
        "received": stored.received.as_secs_f64(),
        "title": event.title,
        "text": event.text,
        "text_is_cut": event.is_cut,
        "status": status(stored),
        "priority": event.priority(),
        "alert_type": event.alert_type(),
        "host": event.host,
        "source": event.source,
        "aggregation_key": event.aggregation_key,
        "tags": event.tags.iter().map(tag).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_sample::{CheckStatus, Event};

    #[test]
    fn filters_hold_together_and_unknown_words_are_told() {
        let event = Event {
            kind: EventKind::Check(CheckStatus::Critical),
            title: "db".into(),
            text: "gone".into(),
            at: None,
            host: Some("web-1".into()),
            source: None,
            aggregation_key: None,
            tags: vec![("env".into(), "prod".into()), ("canary".into(), String::new())],
            is_cut: false,
        };
        let stored = StoredEvent { id: 255, tenant: 3, time: Timestamp(1_500), received: Timestamp(2_000), event };
        assert_eq!(
            (told(&stored)["id"].as_str(), &told(&stored)["tags"]),
            (Some("00000000000000ff"), &json!(["env:prod", "canary"]))
        );
        let check = |query: &str, expected| {
            let filter = Filter::of(&Parameters::of(Some(query), &[])).unwrap();
            assert_eq!(filter.takes(&stored), expected, "{query}");
        };
        check("", true);
        check("tags=env:prod,canary&host=web-1&kind=service_check&status=critical&alert_type=error", true);
        check("tags=env:prod&tags=env:test", false);
        check("tags=region", false);
        check("host=web", false);
        check("source=nagios", false);
        check("kind=event", false);
        check("priority=low", false);
        let refused = Filter::of(&Parameters::of(Some("alert_type=fatal"), &[])).unwrap_err();
        assert!(refused.contains("\"fatal\" is none of info, success, warning, error"), "{refused}");
        let refused = wanted(&Parameters::of(Some("cursor=7"), &[]), None).unwrap_err();
        assert!(refused.contains("under next"), "{refused}");
        let limits = |text| wanted(&Parameters::of(Some(text), &[]), Some(3)).map(|wanted| wanted.limit);
        assert_eq!([limits(""), limits("limit=0"), limits("limit=9999")], [Ok(100), Ok(1), Ok(1_000)]);
    }
}
