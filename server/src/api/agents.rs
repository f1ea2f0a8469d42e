//! `GET /api/v1/agents`: every agent with its account, searched, sorted and paged here, since a fleet is too long for a browser; and
//! `GET /api/v1/agents/map`: one digit for each, for a picture of all.

use std::cmp::Ordering;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use weir_sink::{AgentState, AgentStatus, Listing};

use super::asked::Asked;
use super::auth::{Caller, refusal};

/// All agents of a moment ago; `None` while the sink is too busy to say.
pub(crate) type Agents = Arc<dyn Fn() -> Option<Arc<Listing>> + Send + Sync>;

/// Agents of one answer, by default and at most.
const USUAL_LIMIT: usize = 100;
const MOST_LIMIT: usize = 5_000;

/// The routes; they belong behind [`super::auth::guard`].
pub(crate) fn routes<S>(agents: Agents) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new().route("/api/v1/agents", get(page)).route("/api/v1/agents/map", get(map)).with_state(agents)
}

#[derive(Deserialize)]
#[serde(default)]
struct Wanted {
    /// Words that host, pool, version or id have, all of them.
    search: String,
    state: Option<StateName>,
    sort: Sort,
    order: Option<Order>,
    limit: usize,
    offset: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { search: String::new(), state: None, sort: Sort::State, order: None, limit: USUAL_LIMIT, offset: 0 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateName {
    Silent,
    Live,
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    /// Silent ones, then those that lost something, then by host.
    State,
    Host,
    Pool,
    Version,
    LastAck,
    Lost,
    Spooled,
    Resent,
    Completeness,
    SamplesPerSecond,
    Clock,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    Desc,
}

async fn page(State(agents): State<Agents>, caller: Caller, Asked(wanted): Asked<Wanted>) -> Response {
    on_thread(agents, move |listing| {
        let seen = listing.agents.iter().filter(|agent| is_for(&caller, agent));
        let words = words(&wanted.search);
        let found: Vec<_> = seen.filter(|agent| has(agent, &words)).collect();
        let count = |state| found.iter().filter(|agent| agent.state == state).count();
        let states = json!({
            "silent": count(AgentState::Silent), "live": count(AgentState::Live), "gone": count(AgentState::Gone),
        });
        let losing = found.iter().filter(|agent| agent.lost_batches > 0).count();
        let mut of_state = found;
        of_state.retain(|agent| wanted.state.is_none_or(|state| named(agent.state) == state));
        of_state.sort_unstable_by(|one, other| compare(one, other, wanted.sort, wanted.order));
        let shown = of_state.iter().skip(wanted.offset).take(wanted.limit.clamp(1, MOST_LIMIT));
        json!({
            "at": listing.at.as_secs_f64(),
            "states": states,
            "losing": losing,
            "matching": of_state.len(),
            "agents": shown.map(|agent| described(agent)).collect::<Vec<_>>(),
        })
    })
    .await
}

#[derive(Deserialize)]
struct Picture {
    by: Measure,
    #[serde(default)]
    search: String,
}

/// What a picture shows; each agent has a level from 0 on, one more for each step that it is over.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Measure {
    /// Seconds since the last ack.
    Silence,
    Lost,
    Spooled,
    /// The share of samples that did not arrive.
    Missing,
}

impl Measure {
    fn steps(self) -> [f64; 5] {
        match self {
            Self::Silence => [20.0, 60.0, 300.0, 3_600.0, 86_400.0],
            Self::Lost | Self::Spooled => [0.0, 10.0, 100.0, 1_000.0, 10_000.0],
            Self::Missing => [0.0, 0.000_1, 0.001, 0.01, 0.1],
        }
    }

    fn of(self, agent: &AgentStatus, listing: &Listing) -> f64 {
        match self {
            Self::Silence => listing.at.since(agent.last_batch).as_secs_f64(),
            Self::Lost => agent.lost_batches as f64,
            Self::Spooled => agent.spooled_batches as f64,
            Self::Missing => 1.0 - agent.completeness.unwrap_or(1.0),
        }
    }
}

/// One digit for each agent that is not gone, by host; the page sorted by host has them in the same order.
async fn map(State(agents): State<Agents>, caller: Caller, Asked(Picture { by, search }): Asked<Picture>) -> Response {
    on_thread(agents, move |listing| {
        let words = words(&search);
        let seen = listing.agents.iter().filter(|agent| is_for(&caller, agent) && has(agent, &words));
        let mut seen: Vec<_> = seen.collect();
        seen.sort_unstable_by(|one, other| compare(one, other, Sort::Host, None));
        let levels: String = seen.iter().map(|agent| level(by, agent, &listing)).collect();
        json!({ "at": listing.at.as_secs_f64(), "steps": by.steps(), "levels": levels })
    })
    .await
}

/// A digit, or a dash for one that has said goodbye.
fn level(by: Measure, agent: &AgentStatus, listing: &Listing) -> char {
    if agent.state == AgentState::Gone {
        return '-';
    }
    let value = by.of(agent, listing);
    let over = by.steps().iter().filter(|step| value > **step).count();
    char::from(b'0' + over as u8)
}

/// Waits for the list and sorts a hundred thousand where no other request is held up by it.
async fn on_thread(agents: Agents, answer: impl FnOnce(Arc<Listing>) -> Value + Send + 'static) -> Response {
    let data = tokio::task::spawn_blocking(move || agents().map(answer)).await.ok().flatten();
    match data {
        Some(data) => Json(json!({ "status": "success", "data": data })).into_response(),
        None => refusal(StatusCode::SERVICE_UNAVAILABLE, "busy", "the sink is too busy to tell its agents: ask again"),
    }
}

/// A token sees its tenant's agents, and of those the ones with the labels that it is held to.
pub(crate) fn is_for(caller: &Caller, agent: &AgentStatus) -> bool {
    let value = |name: &str| match name {
        "host" => &*agent.host,
        "pool" => &*agent.pool,
        _ => "",
    };
    match caller {
        Caller::Anyone => true,
        Caller::Bearer(claims) => {
            claims.tenant == agent.tenant && claims.labels.iter().all(|(name, wanted)| value(name) == wanted)
        }
    }
}

fn words(search: &str) -> Vec<String> {
    search.split_whitespace().map(str::to_lowercase).collect()
}

fn has(agent: &AgentStatus, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let text = format!("{} {} {} {}", agent.host, agent.pool, agent.version, agent.agent).to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// What is worth a look comes first, unless the order is said; what is the same goes by host, then by id.
fn compare(one: &AgentStatus, other: &AgentStatus, sort: Sort, order: Option<Order>) -> Ordering {
    let some = |value: Option<f64>| value.unwrap_or(f64::INFINITY);
    let (by, usual) = match sort {
        Sort::State => {
            let rank = |agent: &AgentStatus| (agent.state, agent.lost_batches == 0);
            (rank(one).cmp(&rank(other)), Order::Asc)
        }
        Sort::Host => (Ordering::Equal, Order::Asc),
        Sort::Pool => (one.pool.cmp(&other.pool), Order::Asc),
        Sort::Version => (one.version.cmp(&other.version), Order::Asc),
        Sort::LastAck => (one.last_batch.cmp(&other.last_batch), Order::Asc),
        Sort::Lost => (one.lost_batches.cmp(&other.lost_batches), Order::Desc),
        Sort::Spooled => (one.spooled_batches.cmp(&other.spooled_batches), Order::Desc),
        Sort::Resent => (one.resent_batches.cmp(&other.resent_batches), Order::Desc),
        Sort::Completeness => (some(one.completeness).total_cmp(&some(other.completeness)), Order::Asc),
        Sort::SamplesPerSecond => {
            let rate = |agent: &AgentStatus| agent.samples_per_second.unwrap_or(-1.0);
            (rate(one).total_cmp(&rate(other)), Order::Desc)
        }
        Sort::Clock => (one.clock_ms.abs().cmp(&other.clock_ms.abs()), Order::Desc),
    };
    let by = if order.unwrap_or(usual) == Order::Desc { by.reverse() } else { by };
    let name = || (&one.host, one.tenant, one.agent).cmp(&(&other.host, other.tenant, other.agent));
    let by_name = || if sort == Sort::Host && order == Some(Order::Desc) { name().reverse() } else { name() };
    by.then_with(by_name)
}

fn named(state: AgentState) -> StateName {
    match state {
        AgentState::Silent => StateName::Silent,
        AgentState::Live => StateName::Live,
        AgentState::Gone => StateName::Gone,
    }
}

fn described(agent: &AgentStatus) -> Value {
    let state = match agent.state {
        AgentState::Silent => "silent",
        AgentState::Live => "live",
        AgentState::Gone => "gone",
    };
    json!({
        "host": &*agent.host,
        "agent": agent.agent.to_string(),
        "tenant": agent.tenant,
        "pool": &*agent.pool,
        "version": &*agent.version,
        "state": state,
        "last_ack": agent.last_batch.as_secs_f64(),
        "batches_acked": agent.acked_batches,
        "batches_resent": agent.resent_batches,
        "batches_lost": agent.lost_batches,
        "batches_spooled": agent.spooled_batches,
        "completeness": agent.completeness,
        "samples_per_second": agent.samples_per_second,
        "clock_seconds": agent.clock_ms as f64 / 1e3,
    })
}

#[cfg(test)]
mod tests {
    use weir_identity::{Claims, Scope};
    use weir_sample::Timestamp;
    use weir_wire::AgentId;

    use super::*;
    use crate::api::testing::{ask, serve};

    const NOW: i64 = 1_700_000_000;

    fn agent(number: u8, host: &str, change: impl FnOnce(&mut AgentStatus)) -> AgentStatus {
        let mut agent = AgentStatus {
            tenant: 0,
            agent: AgentId([number; 16]),
            host: host.into(),
            pool: "web".into(),
            version: "0.1.0".into(),
            state: AgentState::Live,
            last_batch: Timestamp::from_secs(NOW - 5),
            acked_batches: 100,
            resent_batches: 0,
            lost_batches: 0,
            spooled_batches: 0,
            completeness: Some(1.0),
            samples_per_second: Some(30.0),
            clock_ms: 0,
        };
        change(&mut agent);
        agent
    }

    /// Five hosts of two tenants, one of which is silent, one losing, one gone.
    fn listing() -> Option<Arc<Listing>> {
        let agents = vec![
            agent(1, "b", |agent| (agent.lost_batches, agent.completeness) = (7, Some(0.93))),
            agent(2, "a", |agent| agent.clock_ms = -3_000),
            agent(3, "c", |agent| {
                (agent.state, agent.last_batch) = (AgentState::Silent, Timestamp::from_secs(NOW - 400));
                (agent.samples_per_second, agent.completeness) = (None, None);
            }),
            agent(4, "d", |agent| agent.state = AgentState::Gone),
            agent(5, "e", |agent| (agent.tenant, agent.pool, agent.spooled_batches) = (3, "db".into(), 11)),
        ];
        Some(Arc::new(Listing { at: Timestamp::from_secs(NOW), agents }))
    }

    /// Answers as this caller sees them.
    fn get(caller: Caller, path: &str) -> Value {
        let server = serve(routes(Arc::new(listing)).layer(axum::Extension(caller)));
        let (status, body) = ask(&server, "GET", path, None, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str::<Value>(&body).unwrap()["data"].clone()
    }

    fn hosts(query: &str) -> String {
        let data = get(Caller::Anyone, &format!("/api/v1/agents?{query}"));
        let agents = data["agents"].as_array().unwrap().iter().map(|agent| agent["host"].as_str().unwrap().to_owned());
        agents.collect::<Vec<_>>().concat()
    }

    #[test]
    fn agents_are_sorted_searched_and_paged() {
        let check = |query, expected| assert_eq!(hosts(query), expected, "{query}");
        check("", "cbaed");
        check("sort=host", "abcde");
        check("sort=host&order=desc", "edcba");
        check("sort=last_ack", "cabde");
        check("sort=lost&limit=1", "b");
        check("sort=spooled&limit=1", "e");
        check("sort=completeness", "badec");
        check("sort=completeness&order=desc&limit=1", "c");
        check("sort=samples_per_second", "abdec");
        check("sort=clock&limit=1", "a");
        check("sort=host&limit=2&offset=3", "de");
        check("search=DB", "e");
        check("search=web+0101", "b");
        check("search=03030303", "c");
        check("state=live&sort=host", "abe");
    }

    #[test]
    fn counts_are_of_all_that_match_and_not_of_the_page() {
        let data = get(Caller::Anyone, "/api/v1/agents?search=web&limit=1");
        assert_eq!(data["states"], json!({ "silent": 1, "live": 2, "gone": 1 }));
        assert_eq!((&data["matching"], &data["losing"]), (&json!(4), &json!(1)));
    }

    #[test]
    fn a_picture_has_a_digit_for_each_by_host() {
        let check = |by: &str, expected: &str| {
            let data = get(Caller::Anyone, &format!("/api/v1/agents/map?by={by}"));
            assert_eq!(data["levels"], expected, "{by}");
        };
        check("silence", "003-0");
        check("lost", "010-0");
        check("spooled", "000-2");
        check("missing", "040-0");
    }

    #[test]
    fn a_token_sees_its_tenants_agents_with_its_labels() {
        let check = |tenant, labels: &[(&str, &str)], expected: &[&str]| {
            let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            let claims = Claims {
                subject: "ops".into(),
                tenant,
                scopes: vec![Scope::Read],
                not_before: None,
                expires: u64::MAX,
                max_series: None,
                labels,
            };
            let data = get(Caller::Bearer(Arc::new(claims)), "/api/v1/agents?sort=host");
            let seen: Vec<_> = data["agents"].as_array().unwrap().iter().map(|agent| agent["host"].clone()).collect();
            assert_eq!(seen, expected, "{tenant}");
        };
        check(3, &[], &["e"]);
        check(0, &[], &["a", "b", "c", "d"]);
        check(0, &[("host", "b")], &["b"]);
        check(0, &[("team", "x")], &[]);
    }

    #[test]
    fn what_cannot_be_read_is_told_as_every_error_is() {
        let server = serve(routes(Arc::new(listing)).layer(axum::Extension(Caller::Anyone)));
        for path in ["agents?limit=many", "agents?sort=size", "agents/map", "agents/map?by=size"] {
            let (status, body) = ask(&server, "GET", &format!("/api/v1/{path}"), None, "");
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (status, &body["status"], &body["errorType"]),
                (400, &json!("error"), &json!("bad_data")),
                "{path}"
            );
            assert!(body["error"].as_str().unwrap().starts_with("invalid parameter: "), "{body}");
        }
    }

    #[test]
    fn a_busy_sink_is_told() {
        let server = serve(routes(Arc::new(|| None)).layer(axum::Extension(Caller::Anyone)));
        assert_eq!(ask(&server, "GET", "/api/v1/agents", None, "").0, 503);
    }
}
