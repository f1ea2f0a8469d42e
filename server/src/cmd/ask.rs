//! Questions to a running server over its HTTP API.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The whole answer of `/api/v1/query`; an error answer is an error here.
pub(crate) fn instant(server: &str, promql: &str, time: Option<f64>, token: Option<&str>) -> Result<Value> {
    let time = time.map(|time| time.to_string());
    let time = time.as_deref().map(|time| ("time", time));
    let parameters: Vec<_> = std::iter::once(("query", promql)).chain(time).collect();
    json(server, "/api/v1/query", &parameters, token)
}

/// The whole answer of a route that answers in JSON; an error answer is an error here.
pub(crate) fn json(server: &str, path: &str, parameters: &[(&str, &str)], token: Option<&str>) -> Result<Value> {
    let mut request = agent().get(format!("{server}{path}")).query_pairs(parameters.iter().copied());
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let text = request.call().and_then(|mut response| response.body_mut().read_to_string());
    let text = text.with_context(|| format!("asking {server}: is a server running there?"))?;
    let answer: Value = serde_json::from_str(&text).with_context(|| format!("{server} did not answer in JSON"))?;
    if answer["status"] != "success" {
        bail!("{}: {}", answer["errorType"].as_str().unwrap_or("error"), answer["error"].as_str().unwrap_or(&text));
    }
    Ok(answer)
}

/// An HTTP client that hands error answers over as answers.
pub(crate) fn agent() -> ureq::Agent {
    let timeout = Some(std::time::Duration::from_secs(120));
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(timeout).build().into()
}
