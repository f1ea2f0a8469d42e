//! Tokens checked with the keys of watched files.

use std::path::PathBuf;

use weir_sample::{Reading, Timestamp};

use super::claims::Claims;
use super::counts::TokenCounts;
use super::error::TokenError;
use super::jwt::verify;
use super::scope::Scope;
use crate::Error;
use crate::keys::{KeyFiles, use_ring};
use crate::watched::Watched;

/// Checks tokens with the keys of watched files.
pub struct TokenKeys {
    watched: Watched<KeyFiles>,
    counts: TokenCounts,
}

impl TokenKeys {
    /// Loads these files and folders of keys.
    pub fn watch(paths: Vec<PathBuf>) -> Result<Self, Error> {
        use_ring();
        Ok(Self { watched: Watched::open(KeyFiles(paths))?, counts: TokenCounts::default() })
    }

    /// The claims of a token that is valid now.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        self.counted(verify(&self.watched.current(), token, now))
    }

    /// The claims of a token that is valid now and gives this scope.
    pub fn admit(&self, token: &str, scope: Scope, now: Timestamp) -> Result<Claims, TokenError> {
        let claims = verify(&self.watched.current(), token, now);
        self.counted(claims.and_then(|claims| claims.require(scope).map(|()| claims)))
    }

    fn counted(&self, outcome: Result<Claims, TokenError>) -> Result<Claims, TokenError> {
        self.counts.count(&outcome);
        outcome
    }

    /// Id and algorithm of each key in force.
    pub fn list(&self) -> Vec<(String, &'static str)> {
        self.watched.current().0.iter().map(|key| (key.kid.clone(), key.algorithm_name())).collect()
    }

    /// Loads the files again; on an error the keys in force stay.
    pub fn reload(&self) -> Result<(), Error> {
        self.watched.reload()
    }

    /// Loads the files again if one has changed; `true` if new keys are in force.
    pub fn reload_if_changed(&self) -> Result<bool, Error> {
        self.watched.reload_if_changed()
    }

    /// Telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let keys = self.watched.current().0.len() as f64;
        let accepted = self.counts.accepted();
        let mut readings = vec![
            Reading::gauge("weir_token_keys", &[], keys, "Keys that tokens are checked with."),
            Reading::counter("weir_tokens_accepted_total", &[], accepted, "Tokens that were valid for what was asked."),
        ];
        let refused =
            |(reason, count)| Reading::counter("weir_tokens_refused_total", &[("reason", reason)], count, REFUSED_HELP);
        readings.extend(self.counts.refused().map(refused));
        readings.extend(self.watched.readings());
        readings
    }
}

const REFUSED_HELP: &str = "Tokens refused. expired: its bearer does not renew. unknown_key: a server lacks a key file. \
    signature, algorithm, other_algorithm: a forgery or a mix-up of keys. scope: the token is for something else.";
