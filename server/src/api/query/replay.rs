//! `/api/v1/rules/replay`: rules that are not in force yet, over what is stored: whom they would have told of what, and when.
//!
//! It takes a query's turn, time and memory. `interval` evaluates groups less often than they ask for, as a week has many instants. What the time does not suffice for is left out, and said: `reached` is until when the answer
//! is whole.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use weir_alert::evaluate::{Local, Names, Overlay, Settings};
use weir_alert::event::Event;
use weir_alert::rules::{Group, Weight, read_rules};
use weir_alert::tools::{Before, Replayed, replay_while};
use weir_query::{Engine, Held, QueryError, Source};
use weir_sample::Timestamp;

use super::parameters::Parameters;
use super::turn::{Api, Body};
use crate::api::auth::{Caller, refusal};

/// Text of rules at most.
pub(super) const MOST_BYTES: usize = 256 << 10;
/// Stretch of time at most, and rules.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
const MOST_RULES: usize = 200;
/// Events of an answer, and samples that its rules may have recorded for one another.
const MOST_EVENTS: usize = 10_000;
const MOST_RECORDED: usize = 2_000_000;
/// The interval of groups that name none.
const INTERVAL: Duration = Duration::from_secs(60);
/// The name that places in the text are told with.
const FILE: &str = "rules";

pub(super) async fn replayed(State(api): State<Api>, caller: Caller, RawQuery(url): RawQuery, text: Bytes) -> Response {
    let Ok(text) = String::from_utf8(text.to_vec()) else {
        return refusal(StatusCode::BAD_REQUEST, "bad_data", "the rules are no UTF-8: send a rule file as the body");
    };
    api.run(&caller, Parameters::of(url.as_deref(), &[]), move |engine, source, parameters| {
        let range = (parameters.required_time("start")?, parameters.required_time("end")?);
        let mut groups = groups(&text, range)?;
        if let Some(interval) = parameters.duration("interval")? {
            groups.iter_mut().for_each(|group| group.interval = group.interval.max(interval));
        }
        let replayed = replay(engine, source, &groups, range)?;
        let body = json!({ "status": "success", "data": told(&replayed) });
        Ok(Body::Json(body.to_string(), Held::default()))
    })
    .await
}

/// The groups of a text, if they and the range are within bounds.
fn groups(text: &str, (start, end): (Timestamp, Timestamp)) -> Result<Vec<Group>, QueryError> {
    let bad = |why: String| Err(QueryError::Parameter(why));
    if end < start || end.since(start) > LONGEST {
        return bad("invalid parameter \"end\": it is not within 31 days after \"start\"".into());
    }
    let (groups, faults) = read_rules(FILE, text, INTERVAL);
    let errors = faults.iter().filter(|fault| fault.weight == Weight::Error).map(ToString::to_string);
    let errors: Vec<String> = errors.collect();
    let Some(groups) = groups.filter(|_| errors.is_empty()) else { return bad(errors.join("\n")) };
    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
    if rules == 0 || rules > MOST_RULES {
        return bad(format!("{rules} rules: give between one and {MOST_RULES}"));
    }
    Ok(groups)
}

fn replay(
    engine: &Engine,
    source: &dyn Source,
    groups: &[Group],
    range: (Timestamp, Timestamp),
) -> Result<Replayed, QueryError> {
    let (before, overlay) = (Before::new(source, groups, range.0), Overlay::default());
    overlay.read_names(Names::read_by(groups.iter().flat_map(|group| &group.rules)));
    let local = Local::new(engine.clone(), &before, &overlay);
    let settings = Settings { spread: false, ..Settings::default() };
    let goes_on = |events| events <= MOST_EVENTS && overlay.len() <= MOST_RECORDED && engine.has_time();
    replay_while(groups, &settings, range, &local, &goes_on).map_err(|error| QueryError::Execution(error.to_string()))
}

fn told(replayed: &Replayed) -> Value {
    let events: Vec<Value> = replayed.events.iter().map(event).collect();
    json!({
        "events": events,
        "failures": replayed.failures,
        "evaluations": replayed.evaluations,
        "reached": replayed.reached.as_secs_f64(),
    })
}

fn event(event: &Event) -> Value {
    json!({
        "status": event.status, "labels": event.labels, "annotations": event.annotations, "value": event.value,
        "at_ms": event.evaluated_at_ms, "active_at_ms": event.active_at_ms, "group": event.source,
    })
}
