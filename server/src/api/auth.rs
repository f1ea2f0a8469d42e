//! Bearer tokens on the HTTP API: which routes ask for which scope, and what a refusal looks like.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use weir_identity::{Claims, Scope, TokenError, TokenKeys};

use crate::clock::now;

/// Who asks, as far as the server knows. Routes behind [`guard`] take it as an argument.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Authentication is off.
    Anyone,
    /// The bearer of a valid token for the route's scope.
    Bearer(Arc<Claims>),
}

impl Caller {
    /// The tenant whose data the caller may see; `None` for all.
    pub(crate) fn tenant(&self) -> Option<u32> {
        match self {
            Self::Anyone => None,
            Self::Bearer(claims) => Some(claims.tenant),
        }
    }

    /// Whether the caller sees what is said of any tenant: an operator, or anybody where authentication is off.
    pub(crate) fn sees_all(&self) -> bool {
        match self {
            Self::Anyone => true,
            Self::Bearer(claims) => claims.scopes.contains(&Scope::Admin),
        }
    }

    /// Whether the caller may see an alert, given the value of each of its labels: one of its tenant, and with the labels that its
    /// token enforces. Tenant 0 has no label.
    pub(crate) fn sees<'l>(&self, value: impl Fn(&str) -> &'l str) -> bool {
        match self {
            Self::Bearer(claims) if !self.sees_all() => {
                let tenant = if claims.tenant == 0 { String::new() } else { claims.tenant.to_string() };
                value("tenant") == tenant && claims.labels.iter().all(|(name, wanted)| value(name) == wanted)
            }
            _ => true,
        }
    }
}

/// Puts a router's routes behind a scope. Without token keys authentication is off and everybody passes.
pub(crate) fn guard<S>(routes: Router<S>, tokens: Option<Arc<TokenKeys>>, scope: Scope) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    routes.route_layer(middleware::from_fn_with_state(Guard { tokens, scope }, check))
}

#[derive(Clone)]
struct Guard {
    tokens: Option<Arc<TokenKeys>>,
    scope: Scope,
}

async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let caller = match &guard.tokens {
        None => Caller::Anyone,
        Some(tokens) => match admit(tokens, guard.scope, request.headers()) {
            Ok(claims) => Caller::Bearer(Arc::new(claims)),
            Err(refused) => return refused.into_response(),
        },
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Whose figures a request may see where no scope is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Authentication is off, or an operator asks.
    All,
    Tenant(u32),
    /// No tenant's.
    Nobodys,
}

impl Sight {
    /// Whether what is said of this tenant may be shown.
    pub(crate) fn shows(self, tenant: &str) -> bool {
        match self {
            Self::All => true,
            Self::Tenant(own) => tenant == own.to_string(),
            Self::Nobodys => false,
        }
    }
}

/// A token with the scope `admin` sees all, one with `read` its tenant, and whoever shows no good one nothing of a tenant.
pub(crate) fn sight(tokens: Option<&TokenKeys>, headers: &HeaderMap) -> Sight {
    let Some(tokens) = tokens else { return Sight::All };
    let Some(claims) = bearer(headers).and_then(|token| tokens.verify(token, now()).ok()) else {
        return Sight::Nobodys;
    };
    if claims.scopes.contains(&Scope::Admin) {
        Sight::All
    } else if claims.scopes.contains(&Scope::Read) {
        Sight::Tenant(claims.tenant)
    } else {
        Sight::Nobodys
    }
}

fn admit(tokens: &TokenKeys, scope: Scope, headers: &HeaderMap) -> Result<Claims, Refused> {
    let token = bearer(headers).ok_or(Refused::NoToken)?;
    tokens.admit(token, scope, now()).map_err(Refused::Token)
}

/// The token of `Authorization: Bearer TOKEN`; the scheme in any case (RFC 9110, 11.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Why a request is not let in.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It carries no bearer token.
    NoToken,
    /// Its token is not good enough.
    Token(TokenError),
}

impl IntoResponse for Refused {
    /// RFC 6750: 401 asks for a (better) token, 403 says that this one is for something else.
    fn into_response(self) -> Response {
        let (status, challenge, reason, text) = match self {
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "Bearer realm=\"weir\"",
                "no_token",
                "a token is needed: Authorization: Bearer TOKEN".to_owned(),
            ),
            Self::Token(error @ TokenError::Scope(_)) => (
                StatusCode::FORBIDDEN,
                "Bearer realm=\"weir\", error=\"insufficient_scope\"",
                error.reason(),
                error.to_string(),
            ),
            Self::Token(error) => (
                StatusCode::UNAUTHORIZED,
                "Bearer realm=\"weir\", error=\"invalid_token\"",
                error.reason(),
                error.to_string(),
            ),
        };
        let mut response = refusal(status, reason, &text);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        response
    }
}

/// An error in the shape of Prometheus' API, with the word that telemetry counts it under.
pub(crate) fn refusal(status: StatusCode, reason: &str, text: &str) -> Response {
    let kind = match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::BAD_REQUEST => "bad_data",
        StatusCode::NOT_FOUND => "not_found",
        _ => "unavailable",
    };
    let body = json!({ "status": "error", "errorType": kind, "error": text, "reason": reason });
    (status, axum::Json(body)).into_response()
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    /// Fails only for a route that was mounted without [`guard`]; nothing may then pass for authenticated.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| {
            let text = "this route asks who calls and is not guarded";
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "unguarded", text)
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use weir_identity::{SigningKey, issue};

    use super::*;
    use crate::api::testing::{Issuer, ask, serve};

    fn api(tokens: Option<Arc<TokenKeys>>) -> Router {
        let who = |caller: Caller| async move { format!("{:?}", caller.tenant()) };
        let read = guard(Router::new().route("/query", get(who)), tokens.clone(), Scope::Read);
        let admin = guard(Router::new().route("/drain", get(who)), tokens, Scope::Admin);
        read.merge(admin).route("/open", get(|| async { "open" })).route("/unguarded", get(who))
    }

    fn token(key: &SigningKey, scope: Scope) -> String {
        let claims = Claims {
            subject: "grafana".into(),
            tenant: 3,
            scopes: vec![scope],
            not_before: None,
            expires: u64::try_from(now().millis() / 1_000).unwrap() + 60,
            max_series: None,
            labels: Default::default(),
        };
        format!("Bearer {}", issue(&claims, key).unwrap())
    }

    #[test]
    fn each_route_asks_for_its_scope() {
        let issuer = Issuer::new();
        let server = serve(api(Some(issuer.tokens())));
        let check = |path: &str, authorization: Option<&str>, status: u16, text: &str| {
            let (seen, body) = ask(&server, "GET", path, authorization, "");
            assert!(seen == status && body.contains(text), "{path}: {seen} {body}");
        };
        let (read, admin) = (token(&issuer.key, Scope::Read), token(&issuer.key, Scope::Admin));
        check("/query", Some(&read), 200, "Some(3)");
        check("/query", Some(&read.replace("Bearer", "bearer")), 200, "Some(3)");
        check("/drain", Some(&admin), 200, "Some(3)");
        check("/query", Some(&admin), 403, "\"reason\":\"scope\"");
        check("/drain", Some(&read), 403, "\"errorType\":\"forbidden\"");
        check("/query", None, 401, "\"reason\":\"no_token\"");
        check("/query", Some(&read.replace("Bearer", "Basic")), 401, "\"reason\":\"no_token\"");
        check("/query", Some("Bearer a.b.c"), 401, "\"reason\":\"malformed\"");
        check("/open", None, 200, "open");
        check("/nothing", None, 404, "");
        check("/unguarded", Some(&read), 500, "not guarded");
    }

    #[test]
    fn figures_of_a_tenant_are_for_its_readers_and_operators() {
        let issuer = Issuer::new();
        let tokens = issuer.tokens();
        let check = |authorization: &str, expected: Sight| {
            let headers = [(header::AUTHORIZATION, authorization.parse().unwrap())].into_iter().collect();
            assert_eq!(sight(Some(&tokens), &headers), expected);
            assert_eq!(sight(None, &headers), Sight::All);
        };
        check(&token(&issuer.key, Scope::Read), Sight::Tenant(3));
        check(&token(&issuer.key, Scope::Admin), Sight::All);
        check(&token(&issuer.key, Scope::Ingest), Sight::Nobodys);
        check("Bearer a.b.c", Sight::Nobodys);
        check("", Sight::Nobodys);
        let shown = |sight: Sight| ["3", "30"].map(|tenant| sight.shows(tenant));
        assert_eq!([Sight::All, Sight::Tenant(3), Sight::Nobodys].map(shown), [[true; 2], [true, false], [false; 2]]);
    }

    #[test]
    fn without_token_keys_everybody_passes() {
        let server = serve(api(None));
        assert_eq!(ask(&server, "GET", "/query", None, ""), (200, "None".into()));
        assert_eq!(ask(&server, "GET", "/query", Some("Bearer x"), "").0, 200);
    }
}
