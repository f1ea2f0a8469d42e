//! What is done to every answer: it is packed as its client asks, and pages of named origins may read it.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Smaller answers fit a packet or two as they are.
const PACKED_FROM: u16 = 1_024;

/// A router whose answers go as `Accept-Encoding` and `Origin` of a request ask.
pub(crate) fn answering(router: Router, origins: &[String]) -> Router {
    let plain = SizeAbove::new(PACKED_FROM)
        .and(NotForContentType::new("image/"))
        .and(NotForContentType::new("font/"))
        .and(NotForContentType::new("application/octet-stream"));
    // Fast: an answer waits for it. JSON of samples goes as an eighth all the same.
    let packing = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(plain);
    let router = router.layer(packing);
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| origin.trim_end_matches('/').parse().ok()).collect();
    if origins.is_empty() {
        return router;
    }
    let asked = [header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, header::ORIGIN];
    let shown = [HeaderName::from_static("weir-tier"), HeaderName::from_static("weir-copy"), header::RETRY_AFTER];
    router.layer(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers(asked)
            .expose_headers(shown),
    )
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;
    use crate::api::testing::serve;

    fn ask(method: &str, headers: &[(&str, &str)]) -> ureq::http::Response<ureq::Body> {
        let routes = Router::new().route("/", get(|| async { "sample ".repeat(1_000) }));
        let address = serve(answering(routes, &["https://grafana.example".into()]));
        let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{address}/"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        ureq::agent().run(request.body(()).unwrap()).unwrap()
    }

    #[test]
    fn answers_are_packed_as_they_are_asked_for() {
        let all = [("gzip", Some("gzip")), ("zstd, gzip;q=0.5", Some("zstd")), ("identity", None), ("br", None)];
        for (accept, packed) in all {
            let mut answer = ask("GET", &[("accept-encoding", accept)]);
            assert_eq!(answer.headers().get("content-encoding").map(|text| text.to_str().unwrap()), packed, "{accept}");
            let body = answer.body_mut().read_to_vec().unwrap();
            assert!((body.len() < 1_000) == packed.is_some(), "{accept}: {}", body.len());
        }
    }

    #[test]
    fn pages_of_named_origins_alone_may_read() {
        let allowed = |answer: &ureq::http::Response<ureq::Body>| {
            answer.headers().get("access-control-allow-origin").map(|text| text.to_str().unwrap().to_owned())
        };
        let asked = [("access-control-request-method", "GET"), ("origin", "https://grafana.example")];
        assert_eq!(allowed(&ask("OPTIONS", &asked)).as_deref(), Some("https://grafana.example"));
        assert_eq!(allowed(&ask("GET", &[("origin", "https://evil.example")])), None);
    }
}
