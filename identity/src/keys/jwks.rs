//! Keys from a JWKS file (RFC 7517), as identity providers publish them.

use std::path::Path;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::key::{TokenKey, check_size};
use crate::Error;

#[derive(Deserialize)]
struct Entries {
    keys: Vec<Value>,
}

/// The keys of the file that can check a token here. Providers publish others too (for encryption, on other curves), and some are
/// damaged; those are passed over, but a file without one usable key is refused, and says what is wrong with each.
pub(crate) fn read(path: &Path) -> Result<Vec<TokenKey>, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let entries: Entries =
        serde_json::from_str(&text).map_err(|error| Error::content(path, format!("not a JWKS: {error}")))?;
    let (mut usable, mut foreign) = (Vec::new(), Vec::new());
    for entry in &entries.keys {
        match self::usable(entry) {
            Some(jwk) => usable.push(jwk),
            None => foreign.push(format!("key {}: it is of a kind or for a use that is not taken", named(entry))),
        }
    }
    if usable.iter().any(|jwk| matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_))) {
        // A shared secret among the keys makes the whole file one.
        weir_files::read_secret(path)?;
    }
    let (mut keys, mut damaged) = (Vec::new(), Vec::new());
    for jwk in &usable {
        match token_key(jwk) {
            Ok(key) => keys.push(key),
            Err(problem) => damaged.push(problem),
        }
    }
    if keys.is_empty() {
        let problems = foreign.iter().chain(&damaged).map(|problem| format!("; {problem}"));
        return Err(Error::content(path, format!("{NOTHING_USABLE}{}", problems.collect::<String>())));
    }
    for problem in damaged {
        tracing::warn!(path = %path.display(), problem, "a key of a JWKS is passed over; the others hold");
    }
    Ok(keys)
}

/// A key by its id, as far as it has one.
fn named(entry: &Value) -> String {
    entry.get("kid").and_then(Value::as_str).map_or("without a kid".to_owned(), |kid| format!("{kid:?}"))
}

fn usable(entry: &Value) -> Option<Jwk> {
    let jwk = Jwk::deserialize(entry).ok()?;
    let for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let algorithm = algorithm(&jwk)?;
    let agrees = jwk.common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    (for_signatures && agrees).then_some(jwk)
}

/// Told by the key itself; `alg`, where it is given, must agree.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Some(Algorithm::ES256),
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Some(Algorithm::EdDSA),
        AlgorithmParameters::OctetKey(_) => Some(Algorithm::HS256),
        _ => None,
    }
}

fn token_key(jwk: &Jwk) -> Result<TokenKey, String> {
    let kid = jwk.common.key_id.clone().ok_or("each key of a JWKS needs a kid")?;
    let algorithm = algorithm(jwk).ok_or("a key of another kind")?;
    let damaged = |problem: &dyn std::fmt::Display| format!("key {kid:?}: {problem}");
    let public = DecodingKey::from_jwk(jwk).map_err(|error| damaged(&error))?;
    check_size(algorithm, &public).map_err(|problem| damaged(&problem))?;
    Ok(TokenKey { kid, algorithm, public })
}

const NOTHING_USABLE: &str = "no key of this JWKS can check tokens: Weir takes EdDSA, ES256, RS256 and HS256";
