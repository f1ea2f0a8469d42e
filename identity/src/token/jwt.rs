//! Tokens in their written form: a signature by a known key, then claims that hold now.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde_json::{Map, Value};
use weir_sample::Timestamp;

use super::claims::Claims;
use super::error::{MAX_BYTES, TokenError};
use crate::Error;
use crate::keys::{KeySet, SigningKey, TokenKey, use_ring};

/// Checks a token against a set of keys: form, key, signature, claims, in this order.
pub(crate) fn verify(keys: &KeySet, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
    if token.len() > MAX_BYTES {
        return Err(TokenError::TooLong);
    }
    let header = decode_header(token).map_err(|error| refused(&error))?;
    if header.crit.is_some() {
        return Err(TokenError::Critical);
    }
    let claims = signed_claims(keys, token, &header)?;
    Claims::check(&claims, now)
}

/// A key is only ever used for its own algorithm, whatever the header says: a public key never becomes a secret.
fn signed_claims(keys: &KeySet, token: &str, header: &Header) -> Result<Map<String, Value>, TokenError> {
    if !ALGORITHMS.contains(&header.alg) {
        return Err(TokenError::Algorithm);
    }
    if let Some(kid) = &header.kid {
        let key = keys.find(kid).ok_or(TokenError::UnknownKey)?;
        if key.algorithm != header.alg {
            return Err(TokenError::OtherAlgorithm);
        }
        return claims_by(key, token);
    }
    let mut outcome = Err(TokenError::UnknownKey);
    for key in keys.for_algorithm(header.alg) {
        outcome = claims_by(key, token);
        if outcome != Err(TokenError::Signature) {
            break;
        }
    }
    outcome
}

/// Leaves every claim to [`Claims::check`], which is told the time and names what is wrong.
fn claims_by(key: &TokenKey, token: &str) -> Result<Map<String, Value>, TokenError> {
    let mut signature_only = Validation::new(key.algorithm);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;
    decode(token, &key.public, &signature_only).map(|data| data.claims).map_err(|error| refused(&error))
}

fn refused(error: &jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenError::Algorithm,
        // A header in good JSON that does not fit: in practice an `alg` without a name here, such as `none`.
        ErrorKind::Json(error) if error.is_data() => TokenError::Algorithm,
        _ => TokenError::Malformed,
    }
}

/// A signed token with these claims.
pub fn issue(claims: &Claims, key: &SigningKey) -> Result<String, Error> {
    use_ring();
    let claims = claims.write().map_err(|error| Error::Issue(error.to_string()))?;
    let mut header = Header::new(key.algorithm);
    header.kid = Some(key.kid.clone());
    encode(&header, &claims, &key.private).map_err(|error| Error::Issue(error.to_string()))
}

/// The algorithms that a key may be for.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256, Algorithm::HS256];
