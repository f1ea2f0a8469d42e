//! Rules, alerts and what happened to them: `/api/v1/rules` and `/api/v1/alerts` as Prometheus answers them, and
//! `/api/v1/alerts/history`.
//!
//! Answers are made of what the last turn published, so they come at once however long the next one takes.

mod texts;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::json;
use weir_alert::evaluate::Wanted;
use weir_query::QueryError;
use weir_sample::Timestamp;

use crate::alerting::Standing;
use crate::api::alerts::{Alerts, told};
use crate::api::auth::{Caller, refusal};
use crate::api::query::{Parameters, refuse};
use crate::clock::now;
pub(crate) use texts::{RuleTexts, routes as text_routes};

/// The routes; they belong behind [`crate::api::auth::guard`].
pub(crate) fn routes(standing: Arc<Standing>, notifier: Alerts) -> Router {
    let history = Router::new().route("/api/v1/alerts/history", get(history)).with_state((standing.clone(), notifier));
    Router::new()
        .route("/api/v1/rules", get(rules))
        .route("/api/v1/alerts", get(alerts))
        .with_state(standing)
        .merge(history)
}

/// The same where no rules are evaluated: clients ask for them all the same.
pub(crate) fn none() -> Router {
    let empty = |data: serde_json::Value| get(move || async move { success(&data) });
    Router::new()
        .route("/api/v1/rules", empty(json!({ "groups": [] })))
        .route("/api/v1/alerts", empty(json!({ "alerts": [] })))
}

async fn rules(State(standing): State<Arc<Standing>>, caller: Caller, RawQuery(url): RawQuery) -> Response {
    blocking(move || {
        let wanted = wanted(&Parameters::of(url.as_deref(), &[]), caller.sees_all())?;
        let shown = standing.shown();
        Ok(success(&shown.rules_answer(&wanted, &|labels| caller.sees(|name| labels.value(name)))))
    })
    .await
}

async fn alerts(State(standing): State<Arc<Standing>>, caller: Caller) -> Response {
    blocking(move || {
        let shown = standing.shown();
        Ok(success(&shown.alerts_answer(&|labels| caller.sees(|name| labels.value(name)))))
    })
    .await
}

/// Entries of one answer, unless `limit` says otherwise, and at most.
const USUAL_ENTRIES: usize = 1_000;
const MOST_ENTRIES: usize = 10_000;

/// What happened from `start` to `end`, the newest `limit` entries of it, oldest first; who was told, the newest first; and
/// silences that held. Where the notifier does not answer, states are told alone, with a warning.
async fn history(
    State((standing, notifier)): State<(Arc<Standing>, Alerts)>,
    caller: Caller,
    RawQuery(url): RawQuery,
) -> Response {
    let (range, most) = match asked(url.as_deref()) {
        Ok(asked) => asked,
        Err(error) => return refuse(&error),
    };
    let told = told(&notifier, &caller, range, most).await;
    blocking(move || {
        let Some(history) = standing.history() else { return Ok(unavailable("the state file is not open yet")) };
        let found = history.entries(range.0.millis(), range.1.millis(), most, |entry| {
            entry.labels.is_empty() || caller.sees(|name| entry.labels.get(name).map_or("", String::as_str))
        });
        let mut data = json!({});
        match told {
            Ok(told) => data = told,
            Err(why) => data["warnings"] = json!([format!("notifications and silences are missing: {why}")]),
        }
        Ok(match found {
            Ok(states) => {
                data["states"] = json!(states);
                success(&data)
            }
            Err(error) => unavailable(&error.to_string()),
        })
    })
    .await
}

/// The range that is asked for, and the most entries.
fn asked(url: Option<&str>) -> Result<((Timestamp, Timestamp), usize), QueryError> {
    let parameters = Parameters::of(url, &[]);
    let (start, end) = (parameters.time("start")?, parameters.time("end")?);
    let most = parameters.number("limit")?.unwrap_or(USUAL_ENTRIES).min(MOST_ENTRIES);
    Ok(((start.unwrap_or(Timestamp(i64::MIN)), end.unwrap_or_else(now)), most))
}

fn wanted(parameters: &Parameters, sees_all: bool) -> Result<Wanted, QueryError> {
    let list = |name| parameters.all(name).map(str::to_owned).collect();
    let is_set = |name| parameters.get(name).is_some_and(|text| !["", "0", "false", "f", "F", "FALSE"].contains(&text));
    let kind = parameters.get("type").filter(|kind| !kind.is_empty()).map(str::to_ascii_lowercase);
    if let Some(kind) = kind.as_deref().filter(|kind| !["alert", "record"].contains(kind)) {
        return Err(QueryError::Parameter(format!("invalid parameter \"type\": {kind:?} is neither alert nor record")));
    }
    Ok(Wanted {
        kind,
        names: list("rule_name[]"),
        groups: list("rule_group[]"),
        files: list("file[]"),
        without_alerts: is_set("exclude_alerts"),
        without_errors: !sees_all,
        most_groups: parameters.number("group_limit")?.unwrap_or_default(),
        from: parameters.get("group_next_token").filter(|token| !token.is_empty()).map(str::to_owned),
    })
}

/// A hundred thousand alerts take their time to be written.
async fn blocking(work: impl FnOnce() -> Result<Response, QueryError> + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => refuse(&error),
        Err(panic) => {
            tracing::error!(error = %panic, "an answer about alerts ended its thread");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "fault", "the server met a fault: see its log")
        }
    }
}

fn success(data: &impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Answer<'d, D> {
        status: &'static str,
        data: &'d D,
    }
    let text = serde_json::to_string(&Answer { status: "success", data }).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn unavailable(text: &str) -> Response {
    refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use serde_json::Value;
    use weir_alert::evaluate::{Evaluator, Local, Outlet, Overlay, Row, Settings, Told};
    use weir_alert::event::Event;
    use weir_alert::rules::read_rules;
    use weir_alert::states::StateStore;
    use weir_identity::{Claims, Scope, issue};
    use weir_query::table::Memory;
    use weir_query::{Engine, Limits};
    use weir_sample::Series;

    use super::*;
    use crate::api::auth::guard;
    use crate::api::testing::{Issuer, ask, serve};

    struct Nowhere;

    impl Outlet for Nowhere {
        fn rows(&mut self, _: &[Row]) -> Result<(), String> {
            Ok(())
        }

        fn events(&mut self, _: &[Event]) -> Result<(), String> {
            Ok(())
        }
    }

    /// One turn of two rules over a host of tenant 0 and two of tenant 3.
    fn standing() -> Arc<Standing> {
        let rules = "groups: [{name: g, rules: [{alert: High, expr: x > 5}, {alert: Bad, expr: x + on () x}]}]";
        let groups = read_rules("rules.yml", rules, Duration::from_secs(10)).0.unwrap();
        let (mut memory, overlay, at) = (Memory::default(), Overlay::default(), Timestamp::from_secs(1_000));
        for labels in [&[("host", "a")][..], &[("host", "b"), ("tenant", "3")], &[("host", "c"), ("tenant", "3")]] {
            memory.add(&Series::new("x", labels.iter().copied()), at, 9.0);
        }
        let mut evaluator = Evaluator::new(StateStore::in_memory().unwrap(), Settings::default()).unwrap();
        evaluator.load(&groups, &BTreeSet::new()).unwrap();
        let querier = Local::new(Engine::new(Limits::default()), &memory, &overlay);
        evaluator.turn(&Told::complete_at(at.plus(Duration::from_secs(10))), &querier, &mut Nowhere);
        let standing = Standing::new();
        standing.publish(evaluator.shown(), Vec::new());
        standing.can_tell(evaluator.store().history());
        Arc::new(standing)
    }

    fn nobody() -> Alerts {
        Alerts { notifier: Arc::new(|| None), take: Arc::new(|_| Ok(())) }
    }

    #[test]
    fn each_sees_alerts_of_its_tenant_with_the_labels_of_its_token() {
        let issuer = Issuer::new();
        let server = serve(guard(routes(standing(), nobody()), Some(issuer.tokens()), Scope::AlertsRead));
        let get = |tenant, scopes: &[Scope], host: Option<&str>, path: &str| {
            let claims = Claims {
                subject: "grafana".into(),
                tenant,
                scopes: scopes.to_vec(),
                not_before: None,
                expires: u64::try_from(now().millis() / 1_000).unwrap() + 60,
                max_series: None,
                labels: host.map(|host| ("host".to_owned(), host.to_owned())).into_iter().collect(),
            };
            let token = format!("Bearer {}", issue(&claims, &issuer.key).unwrap());
            let (status, body) = ask(&server, "GET", path, Some(&token), "");
            (status, serde_json::from_str::<Value>(&body).unwrap())
        };
        let hosts = |alerts: &Value, name: &str| {
            let host = |alert: &Value| alert["labels"]["host"].as_str().map(str::to_owned);
            let alerts = alerts[name].as_array().unwrap().iter().filter_map(host);
            alerts.collect::<Vec<_>>().join(" ")
        };
        let check = |tenant, scopes: &[Scope], host, expected: &str| {
            let (_, alerts) = get(tenant, scopes, host, "/api/v1/alerts");
            let (_, rules) = get(tenant, scopes, host, "/api/v1/rules?type=alert&rule_name[]=High");
            let (_, history) = get(tenant, scopes, host, "/api/v1/alerts/history");
            assert_eq!(hosts(&alerts["data"], "alerts"), expected);
            assert_eq!(hosts(&rules["data"]["groups"][0]["rules"][0], "alerts"), expected);
            let firing: Vec<&Value> = history["data"]["states"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|entry| entry["what"] == "firing")
                .collect();
            assert_eq!(firing.len(), expected.split_whitespace().count());
            assert!(history["data"]["warnings"][0].as_str().unwrap().contains("nobody is told"), "{history}");
        };
        let (read, operator) = (&[Scope::AlertsRead][..], &[Scope::AlertsRead, Scope::Admin][..]);
        check(0, read, None, "a");
        check(3, read, None, "b c");
        check(3, read, Some("c"), "c");
        check(7, read, None, "");
        check(0, operator, None, "a b c");
        let error = |scopes| get(3, scopes, None, "/api/v1/rules?rule_name[]=Bad").1["data"]["groups"][0].clone();
        assert!(error(read)["rules"][0]["lastError"].as_str().unwrap().contains("may see all tenants"));
        assert!(!error(operator)["rules"][0]["lastError"].as_str().unwrap().contains("may see all tenants"));
        assert_eq!(get(3, &[Scope::Read], None, "/api/v1/alerts").0, 403);
        assert_eq!(get(3, read, None, "/api/v1/rules?type=page").0, 400);
        assert_eq!(get(3, read, None, "/api/v1/rules?group_limit=many").0, 400);
    }
}
