//! What a token says, once it can be believed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use weir_sample::{Timestamp, legal_label_name};

use super::error::TokenError;
use super::scope::Scope;

/// The audience that every token names.
pub const AUDIENCE: &str = "weir";

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whom the token was given to (`sub`). An agent id here binds the token to that agent; of any other subject follow the
    /// ids of its agents.
    pub subject: String,
    /// The tenant whose data it opens; 0 is the default tenant.
    pub tenant: u32,
    /// What it lets its bearer do.
    pub scopes: Vec<Scope>,
    /// Unix second from which it is valid (`nbf`).
    pub not_before: Option<u64>,
    /// Unix second at which it ends (`exp`).
    pub expires: u64,
    /// The most series that its agent may have.
    pub max_series: Option<u64>,
    /// Labels that every series of its agent carries.
    pub labels: BTreeMap<String, String>,
}

impl Claims {
    /// An error if the token does not give this scope.
    pub fn require(&self, scope: Scope) -> Result<(), TokenError> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(TokenError::Scope(scope)) }
    }

    /// Reads claims whose signature is right, and checks audience and time.
    pub(crate) fn check(claims: &Map<String, Value>, now: Timestamp) -> Result<Self, TokenError> {
        check_audience(claims)?;
        let expires = required_seconds(claims, "exp", f64::floor)?;
        let not_before = seconds(claims, "nbf", f64::ceil)?;
        let now = u64::try_from(now.millis() / 1_000).unwrap_or(0);
        if expires <= now {
            return Err(TokenError::Expired { ago_s: now - expires });
        }
        if let Some(from) = not_before.filter(|from| *from > now + LEEWAY_S) {
            return Err(TokenError::NotYetValid { in_s: from - now });
        }
        Self::read(claims, not_before, expires)
    }

    fn read(claims: &Map<String, Value>, not_before: Option<u64>, expires: u64) -> Result<Self, TokenError> {
        Ok(Self {
            subject: subject(claims)?,
            tenant: tenant(claims)?,
            scopes: scopes(claims)?,
            not_before,
            expires,
            max_series: max_series(claims)?,
            labels: labels(claims)?,
        })
    }

    /// The JSON of these claims, as [`Claims::check`] reads it; an error for claims that it would refuse.
    pub(crate) fn write(&self) -> Result<Map<String, Value>, TokenError> {
        let scopes: Vec<&str> = self.scopes.iter().map(|scope| scope.name()).collect();
        let mut claims = Map::new();
        claims.insert("aud".into(), json!(AUDIENCE));
        claims.insert("sub".into(), json!(self.subject));
        claims.insert("tenant".into(), json!(self.tenant));
        claims.insert("scope".into(), json!(scopes.join(" ")));
        claims.insert("exp".into(), json!(self.expires));
        claims.extend(self.not_before.map(|from| ("nbf".into(), json!(from))));
        claims.extend(self.max_series.map(|most| ("max_series".into(), json!(most))));
        if !self.labels.is_empty() {
            claims.insert("labels".into(), json!(self.labels));
        }
        Self::read(&claims, self.not_before, self.expires).map(|_| claims)
    }
}

/// `aud` is one name or a list of them (RFC 7519, 4.1.3).
fn check_audience(claims: &Map<String, Value>) -> Result<(), TokenError> {
    let named = match claims.get("aud") {
        None | Some(Value::Null) => return Err(TokenError::Missing("aud")),
        Some(Value::String(name)) => name == AUDIENCE,
        Some(Value::Array(names)) => names.iter().any(|name| name == AUDIENCE),
        Some(_) => return Err(TokenError::Claim { name: "aud", expected: "a name or a list of names" }),
    };
    if named { Ok(()) } else { Err(TokenError::Audience) }
}

fn required_seconds(claims: &Map<String, Value>, name: &'static str, round: fn(f64) -> f64) -> Result<u64, TokenError> {
    seconds(claims, name, round)?.ok_or(TokenError::Missing(name))
}

/// A NumericDate, which may carry a fraction (RFC 7519, 2).
fn seconds(claims: &Map<String, Value>, name: &'static str, round: fn(f64) -> f64) -> Result<Option<u64>, TokenError> {
    let Some(value) = present(claims, name) else { return Ok(None) };
    let fraction = || value.as_f64().map(round).filter(|at| (0.0..1e15).contains(at)).map(|at| at as u64);
    let at = value.as_u64().or_else(fraction).filter(|at| *at < MAX_SECONDS);
    at.map(Some).ok_or(TokenError::Claim { name, expected: "Unix seconds" })
}

fn subject(claims: &Map<String, Value>) -> Result<String, TokenError> {
    let expected = TokenError::Claim { name: "sub", expected: "text of 1 to 256 bytes without control characters" };
    let value = present(claims, "sub").ok_or(TokenError::Missing("sub"))?;
    let legal = |text: &&str| (1..=256).contains(&text.len()) && !text.chars().any(char::is_control);
    value.as_str().filter(legal).map(str::to_owned).ok_or(expected)
}

fn tenant(claims: &Map<String, Value>) -> Result<u32, TokenError> {
    let value = present(claims, "tenant").ok_or(TokenError::Missing("tenant"))?;
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or(TokenError::Claim { name: "tenant", expected: "a whole number from 0 to 4294967295" })
}

/// `scope` is words with blanks between (RFC 8693, 4.2) or a list of words; those of other services are left out.
fn scopes(claims: &Map<String, Value>) -> Result<Vec<Scope>, TokenError> {
    let expected = || TokenError::Claim { name: "scope", expected: "words with blanks between, or a list of words" };
    let words: Vec<&str> = match present(claims, "scope").ok_or(TokenError::Missing("scope"))? {
        Value::String(words) => words.split_ascii_whitespace().collect(),
        Value::Array(words) => words.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(expected)?,
        _ => return Err(expected()),
    };
    Ok(Scope::ALL.into_iter().filter(|scope| words.contains(&scope.name())).collect())
}

fn max_series(claims: &Map<String, Value>) -> Result<Option<u64>, TokenError> {
    let Some(value) = present(claims, "max_series") else { return Ok(None) };
    let expected = TokenError::Claim { name: "max_series", expected: "a whole number from 1" };
    value.as_u64().filter(|most| *most > 0).map(Some).ok_or(expected)
}

fn labels(claims: &Map<String, Value>) -> Result<BTreeMap<String, String>, TokenError> {
    let expected = || TokenError::Claim {
        name: "labels",
        expected: "at most 16 legal label names, none of them tenant, with values of 1 to 200 bytes",
    };
    let Some(value) = present(claims, "labels") else { return Ok(BTreeMap::new()) };
    let pairs = value.as_object().filter(|pairs| pairs.len() <= 16).ok_or_else(expected)?;
    let pair = |(name, value): (&String, &Value)| {
        let value = value.as_str().filter(|value| is_legal_label(name, value))?;
        Some((name.clone(), value.to_owned()))
    };
    pairs.iter().map(pair).collect::<Option<_>>().ok_or_else(expected)
}

/// A tenant label is the sink's to set, and names with two underscores are Prometheus' own.
fn is_legal_label(name: &str, value: &str) -> bool {
    let reserved = name == "tenant" || name.starts_with("__");
    let legal_value = (1..=200).contains(&value.len()) && !value.chars().any(char::is_control);
    !reserved && !name.is_empty() && legal_label_name(name) == name && legal_value
}

/// A claim that is null counts as left out.
fn present<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// How far an issuer's clock may be ahead of this one. An end needs no such room: its issuer chose it.
const LEEWAY_S: u64 = 30;

/// Year 9999; keeps sums of seconds and durations far from overflow.
const MAX_SECONDS: u64 = 253_402_300_800;
