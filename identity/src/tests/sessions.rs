//! Tokens become sessions: bounded by the token, the lifetime, the deny-list and the agent they name.

use std::time::Duration;

use weir_wire::AgentId;

use super::*;
use crate::{Identity, IdentityConfig, OldKeys, SETTLE, SessionAnswer, SessionError, TokenError, issue};

const AGENT: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";
const LIFETIME: Duration = Duration::from_secs(300);

/// The id that [`claims`] make of this one.
fn agent(id: &str) -> AgentId {
    named(id).for_token(7, &claims().subject)
}

fn named(id: &str) -> AgentId {
    id.parse().unwrap()
}

fn identity(desk: &Desk) -> Identity {
    desk.ed25519("ops");
    let config = IdentityConfig {
        fleet_keys: desk.path("fleet.keys"),
        denied_agents: Some(desk.path("denied")),
        token_keys: vec![desk.folder.path().to_owned()],
        session_lifetime: LIFETIME,
    };
    Identity::open(config, NOW).unwrap()
}

#[test]
fn a_session_is_for_the_tokens_tenant_and_ends_with_the_first_of_its_bounds() {
    let desk = Desk::new();
    let identity = identity(&desk);
    let expires = |token_ends| {
        let claims = Claims { expires: token_ends, ..claims() };
        identity.sessions.grant(&claims, agent(AGENT), NOW).unwrap().expires
    };
    assert_eq!(expires(NOW_S + 301), NOW_S as u32 + 300);
    assert_eq!(expires(NOW_S + 20), NOW_S as u32 + 20);
    let session = identity.sessions.grant(&claims(), agent(AGENT), NOW).unwrap();
    assert_eq!((session.tenant, session.key_id, session.agent), (7, 1, agent(AGENT)));
    let opened = identity.fleet.key(1).unwrap().session(7, agent(AGENT), session.expires);
    assert_eq!(opened.key, session.key, "a gateway derives the same key from a header");
}

#[test]
fn sessions_are_refused_with_the_reason() {
    let desk = Desk::new();
    fs::write(desk.path("denied"), agent(OTHER).to_string()).unwrap();
    let identity = identity(&desk);
    let check = |claims: Claims, id: AgentId, expected: SessionError| {
        assert_eq!(identity.sessions.grant(&claims, id, NOW).err(), Some(expected));
    };
    let no_ingest = Claims { scopes: vec![Scope::Read, Scope::Admin], ..claims() };
    check(no_ingest, agent(AGENT), TokenError::Scope(Scope::Ingest).into());
    check(Claims { expires: NOW_S, ..claims() }, agent(AGENT), TokenError::Expired { ago_s: 0 }.into());
    check(Claims { subject: OTHER.into(), ..claims() }, named(AGENT), SessionError::OtherAgent);
    check(claims(), agent(OTHER), SessionError::Denied);
    // Nobody may say whose batches its own are.
    check(claims(), named(AGENT), SessionError::NotDerived);
    check(Claims { subject: "another".into(), ..claims() }, agent(AGENT), SessionError::NotDerived);
    check(Claims { tenant: 3, ..claims() }, agent(AGENT), SessionError::NotDerived);
    check(Claims { subject: agent(AGENT).to_string(), ..claims() }, agent(AGENT), SessionError::OtherAgent);
    let bound = Claims { subject: AGENT.into(), ..claims() };
    assert!(identity.sessions.grant(&bound, named(AGENT), NOW).is_ok());
    let text = weir_sample::exposition(identity.readings());
    assert!(text.contains("weir_sessions_granted_total 1\n"), "{text}");
    assert!(text.contains("weir_sessions_refused_total{reason=\"denied\"} 1\n"), "{text}");
}

#[test]
fn the_answer_carries_what_the_agent_needs() {
    let desk = Desk::new();
    let identity = identity(&desk);
    let claims = Claims { max_series: Some(500), labels: [("pool".into(), "web".into())].into(), ..claims() };
    let session = identity.sessions.grant(&claims, agent(AGENT), NOW).unwrap();
    let answer = serde_json::to_value(SessionAnswer::new(&session, &claims, NOW)).unwrap();
    let key = answer["key"].as_str().unwrap();
    assert_eq!(weir_wire::key_from_hex(key), Some(session.key));
    let expected = json!({
        "key_id": 1, "key": key, "expires": NOW_S + 300, "tenant": 7, "agent": agent(AGENT).to_string(),
        "server_time_ms": NOW_S * 1_000, "max_series": 500, "labels": { "pool": "web" },
    });
    assert_eq!(answer, expected);
}

#[test]
fn everything_follows_its_files() {
    let desk = Desk::new();
    let identity = identity(&desk);
    let tokens = identity.tokens.clone().unwrap();
    assert!(identity.reload_changed().is_empty());

    let second = desk.p256("second");
    fs::write(desk.path("denied"), agent(AGENT).to_string()).unwrap();
    identity.fleet.file().rotate(NOW, OldKeys::Outlive(LIFETIME)).unwrap();
    let sets: Vec<_> = identity.reload_changed().into_iter().map(|(set, outcome)| (set, outcome.is_ok())).collect();
    assert_eq!(sets, [("fleet_keys", true), ("denied_agents", true), ("token_keys", true)]);

    let claims = tokens.verify(&issue(&claims(), &second).unwrap(), NOW).unwrap();
    assert_eq!(identity.sessions.grant(&claims, agent(AGENT), NOW).err(), Some(SessionError::Denied));
    let settled = NOW.plus(SETTLE);
    assert_eq!(identity.sessions.grant(&claims, agent(OTHER), settled).unwrap().key_id, 2);

    desk.write("bad.pem", "", 0o644);
    let outcomes = identity.reload_changed();
    assert!(matches!(&outcomes[..], [("token_keys", Err(_))]));
    assert_eq!(identity.reload().len(), 3);
}

#[test]
fn without_token_keys_nothing_asks_for_a_token() {
    let desk = Desk::new();
    let config = IdentityConfig {
        fleet_keys: desk.path("fleet.keys"),
        denied_agents: None,
        token_keys: Vec::new(),
        session_lifetime: LIFETIME,
    };
    let identity = Identity::open(config, NOW).unwrap();
    assert!(identity.tokens.is_none() && identity.reload_changed().is_empty());
}
