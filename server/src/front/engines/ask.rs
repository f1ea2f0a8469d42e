//! One question to one engine over HTTP.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use weir_formats::remote_write::{ReadMatcher, ReadQuery, ReadRequest, ReadResponse};
use weir_query::{MatchOp, Matcher};
use weir_sample::Timestamp;

use super::fetched::{Fetched, of_export, of_range, of_read};
use super::merge::merged;
use super::selector;
use crate::config::{EngineKind, EngineSettings};

/// The most that one answer may have, unpacked.
const MOST_BYTES: u64 = 2 << 30;

/// Samples of an engine.
pub(super) struct Samples {
    pub series: Vec<Fetched>,
    /// Why native histograms are not among them, though there are some.
    pub lacks: Option<String>,
}

/// The samples in `[start, end]`. Native histograms come by remote read, which is asked only where there are some.
pub(super) fn samples(
    agent: &ureq::Agent,
    engine: &EngineSettings,
    matchers: &[Matcher],
    (start, end): (Timestamp, Timestamp),
) -> Result<Samples, String> {
    let selector = selector::text(matchers);
    let seconds =
        |time: Timestamp| format!("{}.{:03}", time.millis().div_euclid(1_000), time.millis().rem_euclid(1_000));
    match engine.kind {
        EngineKind::VictoriaMetrics => {
            // Some versions leave the last sample out of a range that ends at midnight exactly.
            let past = Timestamp(end.millis().saturating_add(1));
            let query = [("match[]", selector.as_str()), ("start", &seconds(start)), ("end", &seconds(past))];
            let mut series = of_export(get(agent, engine, "/api/v1/export", &query)?)?;
            series.retain_mut(|one| one.cut_after(end));
            Ok(Samples { series, lacks: None })
        }
        EngineKind::Prometheus => {
            // A range is open at its beginning.
            let reach = end.since(start) + Duration::from_millis(1);
            let query = format!("{selector}[{}ms]", reach.as_millis());
            let range = of_range(get(agent, engine, "/api/v1/query", &[("query", &query), ("time", &seconds(end))])?)?;
            if !range.has_histograms {
                return Ok(Samples { series: range.series, lacks: None });
            }
            match histograms(agent, engine, matchers, (start, end)) {
                Ok(histograms) => Ok(Samples { series: merged(vec![range.series, histograms]), lacks: None }),
                Err(why) => {
                    let lacks = Some(format!("native histograms are left out, remote read does not answer: {why}"));
                    Ok(Samples { series: range.series, lacks })
                }
            }
        }
    }
}

/// Native histograms by remote read.
fn histograms(
    agent: &ureq::Agent,
    engine: &EngineSettings,
    matchers: &[Matcher],
    (start, end): (Timestamp, Timestamp),
) -> Result<Vec<Fetched>, String> {
    let matcher = |matcher: &Matcher| ReadMatcher {
        kind: match matcher.op() {
            MatchOp::Equal => 0,
            MatchOp::NotEqual => 1,
            MatchOp::Regex => 2,
            MatchOp::NotRegex => 3,
        },
        name: matcher.label().to_owned(),
        value: matcher.value().to_owned(),
    };
    let matchers = matchers.iter().map(matcher).collect();
    let query = ReadQuery { start_ms: start.millis(), end_ms: end.millis(), matchers };
    let request = authorized(agent.post(format!("{}/api/v1/read", engine.url.trim_end_matches('/'))), engine)?
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-read-version", "0.1.0");
    let response = request.send(ReadRequest { queries: vec![query] }.packed().as_slice());
    let mut body = Vec::new();
    answered(response)?.read_to_end(&mut body).map_err(|error| format!("the answer broke off: {error}"))?;
    of_read(ReadResponse::read(&body).map_err(|error| error.to_string())?.results)
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
    answered(authorized(request, engine)?.call())
}

/// The request with what the engine wants to see.
fn authorized<B>(
    mut request: ureq::RequestBuilder<B>,
    engine: &EngineSettings,
) -> Result<ureq::RequestBuilder<B>, String> {
    for (name, value) in &engine.headers {
        request = request.header(name, value);
    }
    if let Some(path) = &engine.token_file {
        let token = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        request = request.header("authorization", format!("Bearer {}", token.trim()));
    }
    Ok(request)
}

/// The body of an answer that is one.
fn answered(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<impl Read, String> {
    let (head, body) = response.map_err(|error| error.to_string())?.into_parts();
    let mut body = body.into_with_config().limit(MOST_BYTES).reader();
    if head.status.is_success() {
        return Ok(body);
    }
    let mut text = String::new();
    // What it has to say, if it can be read.
    let _ = body.by_ref().take(500).read_to_string(&mut text);
    Err(format!("{} {}", head.status.as_u16(), text.trim()))
}
