//! Files of token keys: what is taken, what is refused, and how sets follow each other.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use rcgen::PKCS_ECDSA_P384_SHA384;
use serde_json::{Value, json};

use super::*;
use crate::{TokenError, issue};

fn entry(public: &DecodingKey, algorithm: Algorithm, kid: &str) -> Value {
    let mut jwk = Jwk::from_decoding_key(public, Some(algorithm)).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    serde_json::to_value(jwk).unwrap()
}

fn ec_entry(desk: &Desk, name: &str) -> (SigningKey, Value) {
    let signer = desk.p256(name);
    let public = DecodingKey::from_ec_pem(&fs::read(desk.path(&format!("{name}.pem"))).unwrap()).unwrap();
    remove(&desk.path(&format!("{name}.pem")));
    (signer, entry(&public, Algorithm::ES256, name))
}

#[test]
fn keys_of_a_jwks_are_found_by_id_and_foreign_ones_passed_over() {
    let desk = Desk::new();
    let (signer, ec) = ec_entry(&desk, "idp/1".replace('/', "-").as_str());
    let ed = desk.ed25519("ed");
    let public = DecodingKey::from_ed_pem(&fs::read(desk.path("ed.pem")).unwrap()).unwrap();
    let ed_entry = entry(&public, Algorithm::EdDSA, "idp ed");
    let mut encryption = ec.clone();
    encryption["use"] = json!("enc");
    encryption["kid"] = json!("enc");
    let mut other_curve = ec.clone();
    other_curve["crv"] = json!("P-384");
    let mut other_algorithm = ec.clone();
    other_algorithm["alg"] = json!("ES384");
    let foreign = json!({ "kty": "quantum", "kid": "q" });
    let keys = json!({ "keys": [encryption, other_curve, other_algorithm, foreign, ec, ed_entry] });
    desk.write("idp.json", &keys.to_string(), 0o644);

    let keys = desk.keys();
    assert!(keys.verify(&issue(&claims(), &signer).unwrap(), NOW).is_ok());
    assert!(keys.verify(&issue(&claims(), &ed.with_kid("idp ed")).unwrap(), NOW).is_ok());
    assert_eq!(keys.verify(&issue(&claims(), &signer.with_kid("enc")).unwrap(), NOW), Err(TokenError::UnknownKey));
}

#[test]
fn a_damaged_key_of_a_jwks_is_passed_over_and_the_others_hold() {
    let desk = Desk::new();
    let (signer, good) = ec_entry(&desk, "good");
    let (mut damaged, mut nameless) = (good.clone(), good.clone());
    damaged["kid"] = json!("damaged");
    damaged["x"] = json!("AA");
    nameless.as_object_mut().unwrap().remove("kid");
    let write = |keys: &[&Value]| desk.write("idp.json", &json!({ "keys": keys }).to_string(), 0o644);
    write(&[&damaged, &nameless, &json!("no key"), &good]);
    assert!(desk.keys().verify(&issue(&claims(), &signer).unwrap(), NOW).is_ok());
    // Alone they are refused, each by its name.
    let text = refusal(&write(&[&damaged, &nameless, &json!({ "kty": "quantum", "kid": "q" })]));
    for part in ["no key of this JWKS", "\"damaged\":", "needs a kid", "\"q\": it is of a kind"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn an_rsa_key_of_a_jwks_works_with_and_without_alg() {
    let desk = Desk::new();
    let signer = desk.rsa("r");
    remove(&desk.path("r.pem"));
    // The public half of the key for tests, as an identity provider would publish it.
    let mut jwk: Value = serde_json::from_str(include_str!("rsa-for-tests-only.jwk.json")).unwrap();
    for alg in [json!("RS256"), Value::Null] {
        jwk["alg"] = alg;
        desk.write("idp.json", &json!({ "keys": [jwk] }).to_string(), 0o644);
        let token = issue(&claims(), &signer.clone().with_kid("rsa")).unwrap();
        assert!(desk.keys().verify(&token, NOW).is_ok(), "{jwk}");
    }
}

#[test]
fn a_jwks_with_a_secret_is_a_secret() {
    let desk = Desk::new();
    let signer = desk.secret("s");
    remove(&desk.path("s.secret"));
    let secret = DecodingKey::from_secret("s".repeat(32).as_bytes());
    let jwks = json!({ "keys": [entry(&secret, Algorithm::HS256, "s")] }).to_string();
    let path = desk.write("idp.json", &jwks, 0o644);
    assert!(refusal(&path).contains("chmod 600"));
    desk.write("idp.json", &jwks, 0o600);
    assert!(desk.keys().verify(&issue(&claims(), &signer).unwrap(), NOW).is_ok());
}

fn refusal(path: &Path) -> String {
    TokenKeys::watch(vec![path.to_owned()]).err().expect("the file is refused").to_string()
}

#[test]
fn bad_files_are_refused_with_their_name_and_the_mend() {
    let desk = Desk::new();
    let check = |name: &str, text: &str, mode: u32, expected: &str| {
        let path = desk.write(name, text, mode);
        let error = refusal(&path);
        assert!(error.contains(expected) && error.contains(name), "{error}");
        remove(&path);
    };
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let other_curve = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let secret = "x".repeat(40);
    check("a.pem", "hello", 0o644, "no public key");
    check("a.pem", &pair.serialize_pem(), 0o600, "this is a private key");
    check("a.pem", &other_curve.public_key_pem(), 0o644, "P-256");
    check("a.key", &pair.public_key_pem(), 0o644, "ends in .pem, .secret or .json");
    check("a.secret", &secret, 0o640, "chmod 600");
    check("a.secret", "short", 0o600, "at least 32 bytes");
    check("a.secret", &pair.public_key_pem(), 0o600, "this is PEM");
    check("a.json", "{}", 0o644, "not a JWKS");
    check("a.json", "{\"keys\":[]}", 0o644, "no key of this JWKS");
    let (_, mut entry) = ec_entry(&desk, "e");
    entry.as_object_mut().unwrap().remove("kid");
    check("a.json", &json!({ "keys": [entry] }).to_string(), 0o644, "needs a kid");
    assert!(refusal(&desk.path("none.pem")).contains("none.pem"));
    assert!(refusal(Desk::new().folder.path()).contains("there is no key here"));
}

#[test]
fn two_keys_may_not_share_an_id() {
    let desk = Desk::new();
    desk.ed25519("a");
    desk.secret("a");
    assert!(refusal(desk.folder.path()).contains("\"a\" stands in another file"));
}

#[test]
fn signing_keys_are_checked_when_they_are_read() {
    let desk = Desk::new();
    let check = |name: &str, text: &str, mode: u32, expected: &str| {
        let error = SigningKey::read(&desk.write(name, text, mode)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    check("a.key", &pair.serialize_pem(), 0o644, "chmod 600");
    check("b.key", &pair.public_key_pem(), 0o600, "no private key");
    check("c.key", &KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem(), 0o600, "no private key");
    check("d.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600, "no private key");
}

#[test]
fn signing_keys_overlap_while_they_rotate() {
    let desk = Desk::new();
    let old = desk.ed25519("2025");
    let keys = desk.keys();
    let old_token = issue(&claims(), &old).unwrap();

    let new = desk.p256("2026");
    assert!(keys.reload_if_changed().unwrap());
    let new_token = issue(&claims(), &new).unwrap();
    assert!(keys.verify(&old_token, NOW).is_ok() && keys.verify(&new_token, NOW).is_ok());

    remove(&desk.path("2025.pem"));
    assert!(keys.reload_if_changed().unwrap());
    assert_eq!(keys.verify(&old_token, NOW), Err(TokenError::UnknownKey));
    assert!(keys.verify(&new_token, NOW).is_ok());
    assert!(!keys.reload_if_changed().unwrap());
}

#[test]
fn a_bad_file_keeps_the_old_keys_and_says_so() {
    let desk = Desk::new();
    let token = issue(&claims(), &desk.ed25519("good")).unwrap();
    let keys = desk.keys();
    desk.write("bad.pem", "not a key", 0o644);
    let error = keys.reload_if_changed().unwrap_err().to_string();
    assert!(error.contains("bad.pem"), "{error}");
    assert!(keys.verify(&token, NOW).is_ok());
    assert!(!keys.reload_if_changed().unwrap(), "complained of once");
    assert!(keys.reload().is_err(), "and again when asked");
    let text = weir_sample::exposition(keys.readings());
    assert!(text.contains("weir_identity_reload_failures_total{set=\"token_keys\"} 2"), "{text}");

    remove(&desk.path("bad.pem"));
    remove(&desk.path("good.pem"));
    assert!(keys.reload_if_changed().is_err(), "an empty folder refuses nobody's token by accident");
    assert!(keys.verify(&token, NOW).is_ok());
}
