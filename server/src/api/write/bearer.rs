//! Tokens as senders of other systems show them: InfluxDB's scheme `Token`, a password of `Basic`, the parameter `p`. Each is the
//! same token as a bearer's, and nothing is taken that would not be taken as that.

use axum::extract::{Query, Request};
use axum::http::{HeaderValue, header};
use serde::Deserialize;
use weir_formats::base64;

#[derive(Deserialize)]
struct Password {
    p: Option<String>,
}

/// The request with its token where a bearer's stands.
pub(crate) async fn as_bearer(mut request: Request) -> Request {
    let token = match request.headers().get(header::AUTHORIZATION) {
        Some(value) => value.to_str().ok().and_then(of_scheme),
        None => Query::<Password>::try_from_uri(request.uri()).ok().and_then(|Query(password)| password.p),
    };
    if let Some(Ok(value)) = token.map(|token| HeaderValue::from_str(&format!("Bearer {token}"))) {
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    request
}

fn of_scheme(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("token") {
        return Some(rest.trim().to_owned());
    }
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    let pair = String::from_utf8(base64::decode(rest.trim()).filter(|_| is_basic)?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_other_schemes() {
        let check = |value: &str, expected: Option<&str>| assert_eq!(of_scheme(value).as_deref(), expected);
        check("Token a.b.c", Some("a.b.c"));
        check("Basic dTphLmIuYw==", Some("a.b.c"));
        check("Basic dTphOmI=", Some("a:b"));
        check("Basic dQ==", None);
        check("Basic %", None);
        check("Bearer a.b.c", None);
    }
}
