//! Why a token is refused.

use super::scope::Scope;

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

/// Ample for every claim at its limit.
pub(super) const MAX_BYTES: usize = 8 * 1024;

/// Every word of [`TokenError::reason`].
pub(super) const REASONS: [&str; 13] = [
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
