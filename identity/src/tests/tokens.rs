//! Every reason to refuse a token, and the few not to.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;
use crate::{TokenError, issue};

#[test]
fn a_token_of_each_algorithm_is_believed() {
    let desk = Desk::new();
    let signers = [desk.ed25519("a"), desk.p256("b"), desk.rsa("c"), desk.secret("d")];
    let keys = desk.keys();
    for signer in &signers {
        let token = issue(&claims(), signer).unwrap();
        assert_eq!(keys.verify(&token, NOW), Ok(claims()), "{signer:?}");
    }
    let algorithms: Vec<_> = keys.list().into_iter().map(|(_, algorithm)| algorithm).collect();
    assert_eq!(algorithms, ["EdDSA", "ES256", "RS256", "HS256"]);
}

#[test]
fn every_claim_survives_the_way() {
    let desk = Desk::new();
    let key = desk.ed25519("ops");
    let claims = Claims {
        not_before: Some(NOW_S - 5),
        max_series: Some(1_000),
        labels: [("pool".to_owned(), "web".to_owned())].into(),
        scopes: vec![Scope::Admin],
        tenant: u32::MAX,
        ..claims()
    };
    assert_eq!(desk.keys().verify(&issue(&claims, &key).unwrap(), NOW), Ok(claims));
}

#[test]
fn claims_that_no_server_would_take_are_not_issued() {
    let desk = Desk::new();
    let key = desk.ed25519("ops");
    let check = |claims: Claims, expected: &str| {
        let error = issue(&claims, &key).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(Claims { subject: String::new(), ..claims() }, "sub");
    check(Claims { max_series: Some(0), ..claims() }, "max_series");
    check(Claims { labels: [("tenant".to_owned(), "1".to_owned())].into(), ..claims() }, "labels");
}

#[test]
fn claims_are_refused_by_name() {
    let desk = Desk::new();
    let (key, keys) = (desk.ed25519("ops"), desk.keys());
    let check = |changes: Value, reason: &str, text: &str| {
        let error = keys.verify(&signed(&key, &claims_with(changes.clone())), NOW).unwrap_err();
        assert_eq!(error.reason(), reason, "{changes}");
        assert!(error.to_string().contains(text), "{error}");
    };
    check(json!({ "aud": null }), "missing_claim", "aud");
    check(json!({ "aud": "grafana" }), "audience", "weir");
    check(json!({ "aud": ["grafana", "loki"] }), "audience", "weir");
    check(json!({ "aud": [] }), "audience", "weir");
    check(json!({ "aud": 5 }), "claim", "aud");
    check(json!({ "exp": null }), "missing_claim", "exp");
    check(json!({ "exp": "tomorrow" }), "claim", "exp");
    check(json!({ "exp": -1 }), "claim", "exp");
    check(json!({ "exp": u64::MAX }), "claim", "exp");
    check(json!({ "exp": NOW_S }), "expired", "0 s ago");
    check(json!({ "exp": NOW_S - 35 }), "expired", "35 s ago");
    check(json!({ "exp": NOW_S as f64 + 0.9 }), "expired", "0 s ago");
    check(json!({ "nbf": NOW_S + 31 }), "not_yet_valid", "in 31 s");
    check(json!({ "nbf": "now" }), "claim", "nbf");
    check(json!({ "sub": null }), "missing_claim", "sub");
    check(json!({ "sub": 7 }), "claim", "sub");
    check(json!({ "sub": "" }), "claim", "sub");
    check(json!({ "sub": "a\nb" }), "claim", "sub");
    check(json!({ "tenant": null }), "missing_claim", "tenant");
    for tenant in [json!("7"), json!(-1), json!(7.5), json!(4_294_967_296_u64), json!([7]), json!(true)] {
        check(json!({ "tenant": tenant }), "claim", "tenant");
    }
    check(json!({ "scope": null }), "missing_claim", "scope");
    check(json!({ "scope": 1 }), "claim", "scope");
    check(json!({ "scope": ["ingest", 1] }), "claim", "scope");
    check(json!({ "max_series": 0 }), "claim", "max_series");
    check(json!({ "max_series": "10" }), "claim", "max_series");
    for labels in [json!([]), json!({ "pool": 1 }), json!({ "tenant": "1" }), json!({ "__name__": "x" })] {
        check(json!({ "labels": labels }), "claim", "labels");
    }
    check(json!({ "labels": { "a-b": "x" } }), "claim", "labels");
    check(json!({ "labels": { "pool": "" } }), "claim", "labels");
}

#[test]
fn other_spellings_of_good_claims_are_taken() {
    let desk = Desk::new();
    let (key, keys) = (desk.ed25519("ops"), desk.keys());
    let verify = |changes: Value| keys.verify(&signed(&key, &claims_with(changes)), NOW).unwrap();
    assert_eq!(verify(json!({ "aud": ["grafana", "weir"] })).tenant, 7);
    assert_eq!(verify(json!({ "exp": NOW_S as f64 + 1.5 })).expires, NOW_S + 1);
    assert_eq!(verify(json!({ "nbf": NOW_S + 30 })).not_before, Some(NOW_S + 30));
    assert_eq!(verify(json!({ "scope": ["read", "ingest"] })).scopes, [Scope::Ingest, Scope::Read]);
    assert_eq!(verify(json!({ "scope": "logs.write admin" })).scopes, [Scope::Admin]);
    assert_eq!(verify(json!({ "scope": "" })).scopes, []);
}

#[test]
fn a_token_is_good_for_its_scopes_only() {
    let desk = Desk::new();
    let (key, keys) = (desk.ed25519("ops"), desk.keys());
    let token = signed(&key, &claims_with(json!({ "scope": "admin" })));
    assert!(keys.admit(&token, Scope::Admin, NOW).is_ok());
    assert_eq!(keys.admit(&token, Scope::Read, NOW), Err(TokenError::Scope(Scope::Read)));
    assert_eq!(keys.admit(&token, Scope::Ingest, NOW), Err(TokenError::Scope(Scope::Ingest)));
}

#[test]
fn what_is_no_token_is_refused() {
    let desk = Desk::new();
    let (key, keys) = (desk.ed25519("ops"), desk.keys());
    let good = issue(&claims(), &key).unwrap();
    let check =
        |token: &str, reason: &str| assert_eq!(keys.verify(token, NOW).unwrap_err().reason(), reason, "{token}");
    check("", "malformed");
    check("a.b", "malformed");
    check("a.b.c.d", "malformed");
    check("ä.ö.ü", "malformed");
    check(&good.replace('.', ""), "malformed");
    check(&format!("{good}{}", "A".repeat(9_000)), "too_long");
    let (body, signature) = good.rsplit_once('.').unwrap();
    check(&format!("{body}."), "signature");
    check(&format!("{body}.{}", &signature[..signature.len() - 6]), "signature");
    check(&format!("{body}.!{signature}"), "malformed");
}

#[test]
fn unsigned_tokens_are_refused() {
    let desk = Desk::new();
    desk.secret("s");
    let keys = desk.keys();
    // {"alg":"none"} and {"alg":"None","kid":"s"}, with the claims of a good token.
    for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJOb25lIiwia2lkIjoicyJ9"] {
        let good = issue(&claims(), &desk.secret("s")).unwrap();
        let claims = good.split('.').nth(1).unwrap();
        assert_eq!(keys.verify(&format!("{header}.{claims}."), NOW), Err(TokenError::Algorithm));
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let desk = Desk::new();
    let (rsa, _) = (desk.rsa("r"), desk.secret("s"));
    let keys = desk.keys();
    let public = std::fs::read(desk.path("r.pem")).unwrap();
    let forged = |kid: Option<&str>| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = kid.map(str::to_owned);
        encode(&header, &claims_with(json!({})), &EncodingKey::from_secret(&public)).unwrap()
    };
    assert_eq!(keys.verify(&forged(Some(rsa.kid())), NOW), Err(TokenError::OtherAlgorithm));
    assert_eq!(keys.verify(&forged(None), NOW), Err(TokenError::Signature));
    remove(&desk.path("s.secret"));
    keys.reload().unwrap();
    assert_eq!(keys.verify(&forged(None), NOW), Err(TokenError::UnknownKey));
}

#[test]
fn other_algorithms_of_the_same_family_are_refused() {
    let desk = Desk::new();
    desk.secret("s");
    let keys = desk.keys();
    for (algorithm, part) in [("HS384", "eyJhbGciOiJIUzM4NCJ9"), ("PS256", "eyJhbGciOiJQUzI1NiJ9")] {
        let good = issue(&claims(), &desk.secret("s")).unwrap();
        let rest = good.split_once('.').unwrap().1;
        assert_eq!(keys.verify(&format!("{part}.{rest}"), NOW), Err(TokenError::Algorithm), "{algorithm}");
    }
}

#[test]
fn a_header_may_not_demand_extensions() {
    let desk = Desk::new();
    let (key, keys) = (desk.ed25519("ops"), desk.keys());
    let mut header = Header::new(key.algorithm);
    header.crit = Some(vec!["b64".into()]);
    let token = encode(&header, &claims_with(json!({})), &key.private).unwrap();
    assert_eq!(keys.verify(&token, NOW), Err(TokenError::Critical));
}

#[test]
fn the_key_is_found_by_its_id_or_by_trying() {
    let desk = Desk::new();
    let (one, two) = (desk.ed25519("one"), desk.ed25519("two"));
    let keys = desk.keys();
    let named = |key: &SigningKey, kid: &str| issue(&claims(), &key.clone().with_kid(kid)).unwrap();
    assert!(keys.verify(&named(&two, "two"), NOW).is_ok());
    assert_eq!(keys.verify(&named(&two, "one"), NOW), Err(TokenError::Signature));
    assert_eq!(keys.verify(&named(&two, "three"), NOW), Err(TokenError::UnknownKey));
    for key in [&one, &two] {
        let token = encode(&Header::new(key.algorithm), &claims_with(json!({})), &key.private).unwrap();
        assert!(keys.verify(&token, NOW).is_ok(), "{key:?} without an id");
    }
    let stranger = Desk::new().ed25519("one");
    assert_eq!(keys.verify(&issue(&claims(), &stranger).unwrap(), NOW), Err(TokenError::Signature));
}

#[test]
fn refusals_are_counted_by_reason() {
    let desk = Desk::new();
    let (key, keys) = (desk.ed25519("ops"), desk.keys());
    let token = issue(&claims(), &key).unwrap();
    keys.verify(&token, NOW).unwrap();
    keys.admit(&token, Scope::Admin, NOW).unwrap_err();
    keys.verify("x", NOW).unwrap_err();
    let text = weir_sample::exposition(keys.readings());
    assert!(text.contains("weir_tokens_accepted_total 1\n"), "{text}");
    for line in ["scope\"} 1", "malformed\"} 1", "expired\"} 0"] {
        assert!(text.contains(&format!("weir_tokens_refused_total{{reason=\"{line}")), "{text}");
    }
}
