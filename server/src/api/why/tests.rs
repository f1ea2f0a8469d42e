//! Each answer, over a real store and real rules.

use std::sync::Arc;

use serde_json::Value;
use weir_identity::{Claims, Scope};
use weir_query::Engine;
use weir_sample::{Kind, Pattern, Reading, STALE, Selector, Series};
use weir_sink::{Action, Admission, AdmissionConfig, AgentState, AgentStatus, Listing, Rule};
use weir_store::{Placed, Store, StoreConfig};
use weir_wire::AgentId;

use super::*;
use crate::api::testing::{ask, serve};
use crate::api::write::AllCounters;
use crate::api::write::Lately;

/// Series and the ages of their newest samples: `x` goes on, `old` and `ended` do not.
fn store() -> (tempfile::TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
    let series = [
        (Series::new("x", [("host", "web-1")]), 20, 1.0),
        (Series::new("x", [("host", "web-2")]), 20, 1.0),
        (Series::new("old", [("host", "web-1")]), 7_200, 1.0),
        (Series::new("ended", [("host", "web-1")]), 20, STALE),
        (Series::new("k6_a", [("host", "web-1")]), 20, 1.0),
        (Series::new("http_requests_total", [("host", "web-1")]), 20, 1.0),
        (Series::new("mine", [("tenant", "7")]), 20, 1.0),
        (Series::new("weir_agent_statsd_culprit_lines", [("host", "web-1"), ("metric", "wild")]), 20, 5.0),
        (Series::new("weir_agent_statsd_culprit_lines", [("host", "web-1"), ("metric", "tame")]), 20, 0.0),
    ];
    for (series, age_s, value) in series {
        let place = store.places(&[(series, Kind::Gauge)])[0];
        let time = now().minus(Duration::from_secs(age_s)).millis();
        store.append_samples(&mut vec![Placed { place, series: 0, time, value }]).unwrap();
    }
    (folder, Arc::new(store))
}

fn agent(host: &str, state: AgentState, spooled_batches: u64) -> AgentStatus {
    AgentStatus {
        tenant: 0,
        agent: AgentId([1; 16]),
        host: host.into(),
        pool: "".into(),
        version: "".into(),
        state,
        last_batch: now().minus(Duration::from_secs(5)),
        acked_batches: 1,
        resent_batches: 0,
        lost_batches: 0,
        spooled_batches,
        completeness: None,
        samples_per_second: None,
        clock_ms: 0,
    }
}

fn ground() -> Ground {
    let agents = [("web-1", AgentState::Live, 0), ("web-2", AgentState::Live, 3), ("db-1", AgentState::Silent, 0)];
    let agents = move || {
        let agents = agents.map(|(host, state, spooled)| agent(host, state, spooled)).into();
        Some(Arc::new(Listing { at: now(), agents }))
    };
    let rule = |number, name: &str, action| {
        let series = Selector { name: Pattern::new(name), labels: Vec::new() };
        Rule { number, tenant: None, series, action }
    };
    let rules = vec![
        rule(1, "debug_*", Action::Deny),
        rule(2, "ex", Action::Rename("x".into())),
        rule(4, "pods", Action::DropLabels(vec!["pod".into()])),
    ];
    let admission = Admission::default();
    admission.set(AdmissionConfig { rules, ..AdmissionConfig::default() });
    let written = AllCounters::default();
    for tenant in [0, 9] {
        let series = format!("{{__name__=\"bad\",tenant_of=\"{tenant}\"}}");
        written.remote_write.remember(Lately { at: now(), tenant, sentence: "samples are odd", series });
    }
    Ground {
        agents: Arc::new(agents),
        admission: Arc::new(admission),
        behind: Arc::new(|| Duration::ZERO),
        gateway: Arc::new(|| vec![Reading::counter("weir_gateway_refused_total", &[("reason", "seal")], 2, "")]),
        written,
        kept: Arc::new(|_| [7, 30, 365].map(|days| Duration::from_secs(days * 86_400))),
    }
}

fn reader(tenant: u32) -> Caller {
    Caller::Bearer(Arc::new(Claims {
        subject: "reader".into(),
        tenant,
        scopes: vec![Scope::Read],
        not_before: None,
        expires: 0,
        max_series: None,
        labels: Default::default(),
    }))
}

fn answer(caller: Caller, ground: Ground, parameters: &str) -> (u16, Value) {
    let (_folder, store) = store();
    let routes = routes(Api::new(store, Engine::default(), None), ground);
    let server = serve(routes.layer(axum::Extension(caller)));
    let (status, body) = ask(&server, "GET", &format!("/api/v1/why?{parameters}"), None, "");
    (status, serde_json::from_str(&body).unwrap())
}

/// Asks; the verdict must be this, and some station say so.
fn check_of(caller: Caller, ground: Ground, selector: &str, verdict: &str, said: &str) {
    let encoded: String = selector.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let (status, body) = answer(caller, ground, &format!("match[]={encoded}"));
    assert_eq!((status, &body["data"]["verdict"]), (200, &Value::from(verdict)), "{selector}: {body:#}");
    let mut steps = body["data"]["steps"].as_array().unwrap().iter();
    assert!(steps.any(|step| step["sentence"].as_str().unwrap().contains(said)), "{selector}, {said:?}: {body:#}");
}

fn check(selector: &str, verdict: &str, said: &str) {
    check_of(Caller::Anyone, ground(), selector, verdict, said);
}

#[test]
fn what_is_stored_is_told_with_its_newest_sample() {
    check("x", "stored", "2 series are there; the newest sample is of 20 s ago");
    check(r#"x{host=~"web-.*"}"#, "stored", "2 series");
    check("old", "stale", "newest sample is of 2 h ago");
    check("ended", "stale", "its sender has said that it ends there");
    let (_, body) = answer(Caller::Anyone, ground(), "match[]=x&time=1000000000");
    assert_eq!(body["data"]["verdict"], "past_retention", "{body:#}");
}

#[test]
fn rules_are_named_by_their_number() {
    check("debug_x", "denied", "rule 1 of [admission] (debug_*) denies it");
    check("ex", "renamed", "rule 2 of [admission] (ex) renames it to x: it is stored as x");
    check(r#"ex{host="web-9"}"#, "renamed", r#"it is stored as x{host="web-9"}"#);
    check(r#"pods{pod="1"}"#, "relabelled", "rule 4 of [admission] (pods) takes away its labels pod");
    check("pods", "never_seen", "rule 4");
}

#[test]
fn labels_that_no_series_has_are_named_with_the_nearest() {
    check(r#"x{host="web1"}"#, "other_labels", r#"no series of it has host="web1": its host is web-1, web-2"#);
    check(r#"x{pod="1"}"#, "other_labels", "it has no label pod");
    check("mine", "stored", "one series is");
    check(r#"mine{tenant="3"}"#, "other_tenant", "of tenant 7 and not of 3");
    let (_, body) = answer(Caller::Anyone, ground(), "match[]=x%7Bhost=%22web11%22%7D");
    assert_eq!(body["data"]["suggestions"], serde_json::json!([r#"x{host="web-1"}"#]));
}

#[test]
fn names_that_may_have_been_meant_are_told() {
    check("k6.a", "renamed", "it is stored as k6_a: StatsD");
    check("http_requests", "never_seen", "did you mean http_requests_total?");
    check("nothing_like_it", "never_seen", "nothing of the name nothing_like_it is stored, nor of one like it");
}

#[test]
fn senders_that_are_silent_behind_or_at_their_limit_are_told() {
    check(r#"gone{host="db-1"}"#, "silent", "the agent of db-1 is silent: its last batch came 5 s ago");
    check(r#"gone{host="db1"}"#, "no_agent", r#"there is one of "db-1""#);
    check(r#"gone{host="web-2"}"#, "spooled", "3 batches wait on disk");
    check("gone", "never_seen", "2 agents send, 1 are silent");
    check("wild", "agent_limit", "over the limits of the agent of web-1");
    check(r#"wild{host="web-2"}"#, "spooled", "web-2");
    check("tame", "never_seen", "2 agents send");
}

#[test]
fn what_was_refused_or_waits_is_told() {
    check("bad", "refused", "samples are odd ({__name__=\"bad\",tenant_of=\"9\"})");
    check_of(reader(0), ground(), "bad", "refused", "tenant_of=\"0\"");
    check_of(reader(3), ground(), "bad", "never_seen", "nothing of this name was refused lately");
    check("x", "stored", "has turned away 2 datagrams or frames (seal)");
    let behind = Ground { behind: Arc::new(|| Duration::from_secs(90)), ..ground() };
    check_of(Caller::Anyone, behind.clone(), "young", "queued", "the store is 90 s behind");
    check_of(Caller::Anyone, behind, "x", "stored", "90 s behind");
}

#[test]
fn a_tenant_is_told_of_nothing_but_its_own() {
    check_of(reader(7), ground(), "mine", "stored", "one series is");
    check_of(reader(3), ground(), "mine", "never_seen", "nothing of the name mine is stored, nor of one like it");
    check_of(reader(3), ground(), r#"mine{tenant="7"}"#, "other_tenant", "this token does not see what is of tenant 7");
    check_of(reader(3), ground(), r#"x{host="web-1"}"#, "never_seen", "no agent of such a host has sent");
}

#[test]
fn a_question_that_follows_no_metric_is_refused() {
    let check = |parameters: &str, told: &str| {
        let (status, body) = answer(Caller::Anyone, ground(), parameters);
        let error = body["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(told), "{parameters}: {body}");
    };
    check("", "it is missing");
    check("match[]=%7Bhost=%22a%22%7D", "it names no metric");
    check("match[]=x%7Bhost", "parse error");
    check("match[]=rate(x[5m])", "is no series selector");
    check("match[]=x&time=soon", "cannot parse \"soon\"");
}
