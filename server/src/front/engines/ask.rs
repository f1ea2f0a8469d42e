//! One question to one engine over HTTP.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use weir_sample::Timestamp;

use super::fetched::{Fetched, of_export, of_range};
use crate::config::{EngineKind, EngineSettings};

/// The most that one answer may have, unpacked.
const MOST_BYTES: u64 = 2 << 30;

/// The samples of a selector in `[start, end]`, and what the engine warns of.
pub(super) fn samples(
    agent: &ureq::Agent,
    engine: &EngineSettings,
    selector: &str,
    (start, end): (Timestamp, Timestamp),
) -> Result<(Vec<Fetched>, Vec<String>), String> {
    let seconds =
        |time: Timestamp| format!("{}.{:03}", time.millis().div_euclid(1_000), time.millis().rem_euclid(1_000));
    match engine.kind {
        EngineKind::VictoriaMetrics => {
            let query = [("match[]", selector), ("start", &seconds(start)), ("end", &seconds(end))];
            of_export(get(agent, engine, "/api/v1/export", &query)?).map(|found| (found, Vec::new()))
        }
        EngineKind::Prometheus => {
            // A range is open at its beginning.
            let reach = end.since(start) + Duration::from_millis(1);
            let query = format!("{selector}[{}ms]", reach.as_millis());
            of_range(get(agent, engine, "/api/v1/query", &[("query", &query), ("time", &seconds(end))])?)
        }
    }
}

/// The `data` of an answer about series or labels.
pub(super) fn data(
    agent: &ureq::Agent,
    engine: &EngineSettings,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Value, String> {
    let mut answer: Value = serde_json::from_reader(get(agent, engine, path, query)?)
        .map_err(|error| format!("the answer is not of Prometheus' API: {error}"))?;
    match answer["status"].as_str() {
        Some("success") => Ok(answer["data"].take()),
        _ => Err(answer["error"].as_str().unwrap_or("it says nothing of why").to_owned()),
    }
}

fn get(
    agent: &ureq::Agent,
    engine: &EngineSettings,
    path: &str,
    query: &[(&str, &str)],
) -> Result<impl Read + use<>, String> {
    let mut request = agent.get(format!("{}{path}", engine.url.trim_end_matches('/')));
    for (name, value) in query {
        request = request.query(name, value);
    }
    for (name, value) in &engine.headers {
        request = request.header(name, value);
    }
    if let Some(path) = &engine.token_file {
        let token = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        request = request.header("authorization", format!("Bearer {}", token.trim()));
    }
    let response = request.call().map_err(|error| error.to_string())?;
    let (head, body) = response.into_parts();
    let mut body = body.into_with_config().limit(MOST_BYTES).reader();
    if head.status.is_success() {
        return Ok(body);
    }
    let mut text = String::new();
    // What it has to say, if it can be read.
    let _ = body.by_ref().take(500).read_to_string(&mut text);
    Err(format!("{} {}", head.status.as_u16(), text.trim()))
}
