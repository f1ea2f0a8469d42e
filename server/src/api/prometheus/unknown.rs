//! What a request gets whose path or method is not served here: a sentence, and where it is one of a known protocol, what to use.

use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Beginnings of paths that other systems have, and what serves their senders here.
const KNOWN: [(&str, &str); 17] = [
    ("/v1/metrics", "OTLP is taken by a gateway or `weir up`: this process has no queue to put it into"),
    ("/v1/traces", "Weir takes metrics alone: send traces elsewhere"),
    ("/v1/logs", "Weir takes metrics alone: send logs elsewhere"),
    ("/loki/", "Weir takes metrics alone: send logs elsewhere"),
    ("/api/v1/push", "remote write is POST /api/v1/write"),
    ("/api/v1/receive", "remote write is POST /api/v1/write"),
    ("/api/v1/write", "remote write is taken by a gateway or `weir up`, by POST"),
    ("/api/v2/write", "InfluxDB's lines are taken by a gateway or `weir up`, by POST"),
    ("/write", "InfluxDB's lines are taken by a gateway or `weir up`, by POST"),
    ("/metrics/job", "pushes are taken by a gateway or `weir up`, by POST or PUT"),
    ("/api/v1/import", "import through remote write, POST /api/v1/write, or `weir store import`"),
    ("/api/put", "OpenTSDB's protocol is not spoken: use Graphite's, InfluxDB's lines or remote write"),
    ("/api/v2/series", "Datadog's intake is not spoken: point DogStatsD at an agent or gateway"),
    (
        "/select/",
        "Prometheus' API is at /api/v1 without a tenant in the path: a token says whose samples are asked for",
    ),
    ("/insert/", "writes are at /api/v1/write and /write without a tenant in the path: a token says whose they are"),
    ("/prometheus/", "Prometheus' API is at /api/v1"),
    ("/graph", "the console is at /"),
];

/// 404 with a sentence.
pub(crate) async fn nothing_there(uri: Uri) -> Response {
    refusal(StatusCode::NOT_FOUND, "not_found", &sentence(uri.path()))
}

/// 405 with a sentence.
pub(crate) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let hint = known(path).map(|hint| format!(": {hint}")).unwrap_or_default();
    refusal(StatusCode::METHOD_NOT_ALLOWED, "bad_data", &format!("{path} does not take {method}{hint}"))
}

fn sentence(path: &str) -> String {
    match known(path) {
        Some(hint) => format!("there is nothing at {path} here: {hint}"),
        None => format!("there is nothing at {path}: the API is described in docs/api.yaml"),
    }
}

fn known(path: &str) -> Option<&'static str> {
    let begins = |start: &str| {
        path.strip_prefix(start).is_some_and(|rest| start.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
    };
    KNOWN.iter().find(|(start, _)| begins(start)).map(|(_, hint)| *hint)
}

fn refusal(status: StatusCode, kind: &str, text: &str) -> Response {
    (status, axum::Json(json!({ "status": "error", "errorType": kind, "error": text }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_of_other_systems_are_told_what_to_use() {
        for (path, told) in [
            ("/v1/metrics", "OTLP is taken by a gateway"),
            ("/metrics/job/backup/instance/a", "pushes are taken"),
            ("/select/0/prometheus/api/v1/query", "a token says whose"),
            ("/loki/api/v1/push", "metrics alone"),
            ("/writer", "docs/api.yaml"),
            ("/api/v1/nothing", "there is nothing at /api/v1/nothing"),
        ] {
            assert!(sentence(path).contains(told), "{path}: {}", sentence(path));
        }
    }
}
