//! Tokens: a signature by a known key, then claims that hold now.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde_json::{Map, Value};
use weir_sample::Timestamp;

use crate::token_keys::{KeySet, SigningKey, TokenKey};
use crate::{Claims, Error, Scope};

/// Why a token is refused. The text is meant for whoever sent it, and repeats nothing that he sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No JWT at all.
    #[error("this is no JWT: three parts of base64url with dots between, the first two of them JSON objects")]
    Malformed,
    /// More bytes than any token needs.
    #[error("the token is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// `alg` is none of those that Weir checks; `none` is one of these.
    #[error("the token's header does not name one of the algorithms EdDSA, ES256, RS256 and HS256")]
    Algorithm,
    /// The header demands an extension (`crit`).
    #[error("the token's header demands extensions, and none is known here")]
    Critical,
    /// No key has the token's `kid`, or none its algorithm.
    #[error("no key here has the token's key id, or it names none and no key here is for its algorithm")]
    UnknownKey,
    /// The key with the token's `kid` is for another algorithm.
    #[error("the key with the token's key id is for another algorithm than its header names")]
    OtherAlgorithm,
    /// The signature is not by that key.
    #[error("the signature is not by the key that it names")]
    Signature,
    /// A claim that every token has is missing.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// A claim holds something else than it should.
    #[error("the claim {name} must be {expected}")]
    Claim {
        /// Which claim.
        name: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// The token was made for another service.
    #[error("the token is for another audience: aud must name \"weir\"")]
    Audience,
    /// Its time is over.
    #[error("the token expired {ago_s} s ago; ask its issuer for a new one")]
    Expired {
        /// Seconds since it ended.
        ago_s: u64,
    },
    /// Its time has not come.
    #[error("the token is valid only in {in_s} s; check both clocks")]
    NotYetValid {
        /// Seconds until it begins.
        in_s: u64,
    },
    /// It is for something else than what was asked.
    #[error("the token lacks the scope {0}")]
    Scope(Scope),
}

impl TokenError {
    /// A word for a `reason` label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical",
            Self::UnknownKey => "unknown_key",
            Self::OtherAlgorithm => "other_algorithm",
            Self::Signature => "signature",
            Self::Missing(_) => "missing_claim",
            Self::Claim { .. } => "claim",
            Self::Audience => "audience",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Scope(_) => "scope",
        }
    }
}

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
    crate::signatures::use_ring();
    let claims = claims.write().map_err(|error| Error::Issue(error.to_string()))?;
    let mut header = Header::new(key.algorithm);
    header.kid = Some(key.kid.clone());
    encode(&header, &claims, &key.private).map_err(|error| Error::Issue(error.to_string()))
}

/// The algorithms that a key may be for.
pub(crate) const ALGORITHMS: [Algorithm; 4] = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256, Algorithm::HS256];

/// Ample for every claim at its limit.
const MAX_BYTES: usize = 8 * 1024;

/// What became of the tokens that were shown.
#[derive(Debug, Default)]
pub(crate) struct TokenCounts {
    accepted: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
}

impl TokenCounts {
    pub(crate) fn count<T>(&self, outcome: &Result<T, TokenError>) {
        let count = match outcome {
            Ok(_) => Some(&self.accepted),
            Err(error) => REASONS.iter().position(|reason| *reason == error.reason()).map(|at| &self.refused[at]),
        };
        if let Some(count) = count {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    pub(crate) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.into_iter().zip(self.refused.iter().map(|count| count.load(Relaxed)))
    }
}

/// Every word of [`TokenError::reason`].
const REASONS: [&str; 13] = [
    "malformed",
    "too_long",
    "algorithm",
    "critical",
    "unknown_key",
    "other_algorithm",
    "signature",
    "missing_claim",
    "claim",
    "audience",
    "expired",
    "not_yet_valid",
    "scope",
];

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey {{ kid: {:?}, algorithm: {:?} }}", self.kid, self.algorithm)
    }
}
