//! Refusals as gRPC has them. Routes, guards and connections refuse by an HTTP status and a text; a client of gRPC is told both as a status
//! of its own, with the time after which to send again where there is one.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use weir_formats::otlp::grpc::{message_text, status_details};

/// What every client is told that it may pack by.
const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip,identity");

/// Refusals are a sentence or two.
const MOST_TEXT_BYTES: usize = 16 << 10;

/// Whether a request means to be a call; others get their HTTP status as it is.
pub(super) fn is_call(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    content_type.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The answer to what is no call, as gRPC wants it.
pub(super) fn no_call() -> Response {
    let text = "this address takes OTLP over gRPC (application/grpc); OTLP over HTTP is taken at the address of HTTP\n";
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response()
}

/// An answer to a call: one that has a status of gRPC's as it is, a refusal as a status.
pub(super) async fn as_call(mut response: Response) -> Response {
    if !is_call(response.headers()) {
        response = refused(response).await;
    }
    response.headers_mut().insert(HeaderName::from_static("grpc-accept-encoding"), ENCODINGS);
    response
}

async fn refused(response: Response) -> Response {
    let (status, after) = (response.status(), after(response.headers()));
    let code = code(status);
    let said = to_bytes(response.into_body(), MOST_TEXT_BYTES).await.unwrap_or_default();
    let said = serde_json::from_slice::<serde_json::Value>(&said).ok();
    let text = said
        .as_ref()
        .and_then(|said| said["error"].as_str())
        .unwrap_or_else(|| status.canonical_reason().unwrap_or("this is not taken"));
    let headers = [
        (header::CONTENT_TYPE, "application/grpc".to_owned()),
        (HeaderName::from_static("grpc-status"), code.to_string()),
        (HeaderName::from_static("grpc-message"), message_text(text)),
        (HeaderName::from_static("grpc-status-details-bin"), status_details(code, text, after)),
    ];
    (headers, Body::empty()).into_response()
}

/// The seconds of `Retry-After`.
fn after(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// gRPC's code. Exporters send again after 4, 14, and 8 with a time; never after the others.
fn code(status: StatusCode) -> u8 {
    match status {
        StatusCode::BAD_REQUEST => 3,
        StatusCode::REQUEST_TIMEOUT => 4,
        StatusCode::FORBIDDEN => 7,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => 8,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => 12,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::UNAUTHORIZED => 16,
        _ => 13,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::auth::refusal;

    #[tokio::test]
    async fn a_refusal_is_a_status_with_its_text_and_its_time() {
        let mut busy = refusal(StatusCode::SERVICE_UNAVAILABLE, "busy", "50 % too many: send again");
        busy.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        let answer = as_call(busy).await;
        let of = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (answer.status(), of("grpc-status"), of("content-type")),
            (StatusCode::OK, "14".into(), "application/grpc".into())
        );
        assert_eq!(of("grpc-message"), "50 %25 too many: send again");
        assert_eq!(of("grpc-status-details-bin"), status_details(14, "50 % too many: send again", Some(7)));
        assert_eq!(of("grpc-accept-encoding"), "gzip,identity");
        assert!(to_bytes(answer.into_body(), 1).await.unwrap().is_empty());
        // What no route of ours says has a status all the same.
        let answer = as_call(StatusCode::INTERNAL_SERVER_ERROR.into_response()).await;
        assert_eq!((answer.headers()["grpc-status"].as_bytes(), answer.status()), (&b"13"[..], StatusCode::OK));
        let well = ([(header::CONTENT_TYPE, "application/grpc")], "frame").into_response();
        assert_eq!(to_bytes(as_call(well).await.into_body(), 9).await.unwrap(), "frame");
    }

    #[test]
    fn what_is_a_call_says_so() {
        let check = |content_type: &str, expected: bool| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())]);
            assert_eq!(is_call(&headers), expected, "{content_type}");
        };
        check("application/grpc", true);
        check("application/grpc+proto", true);
        check("application/grpc; charset=utf-8", true);
        check("application/grpc-web", false);
        check("application/x-protobuf", false);
        assert!(!is_call(&HeaderMap::new()));
    }
}
