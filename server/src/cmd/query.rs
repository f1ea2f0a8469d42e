//! `weir query`: one PromQL question to a running server, answered as lines of text or as JSON.

use anyhow::{Context, Result, bail};
use serde_json::Value;

#[derive(clap::Args)]
pub(crate) struct QueryArgs {
    /// PromQL expression
    promql: String,
    /// The server's HTTP address
    #[arg(long, default_value = "http://127.0.0.1:8641")]
    server: String,
    /// Evaluate at this Unix time in seconds instead of now
    #[arg(long)]
    time: Option<f64>,
    /// Token with the scope `read`, where the server asks for one
    #[arg(long)]
    token: Option<String>,
    /// Print the API's answer as it is
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(args: QueryArgs) -> Result<()> {
    let answer = instant(&args.server, &args.promql, args.time, args.token.as_deref())?;
    if args.json {
        println!("{answer}");
        return Ok(());
    }
    match answer["data"]["result"].as_array() {
        Some(results) => results.iter().for_each(print_result),
        None => println!("{}", answer["data"]["result"]),
    }
    Ok(())
}

/// The whole answer of `/api/v1/query`; an error answer is an error here.
pub(crate) fn instant(server: &str, promql: &str, time: Option<f64>, token: Option<&str>) -> Result<Value> {
    let mut request = agent().get(format!("{server}/api/v1/query")).query("query", promql);
    if let Some(time) = time {
        request = request.query("time", time.to_string());
    }
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let text = request.call().and_then(|mut response| response.body_mut().read_to_string());
    let text = text.with_context(|| format!("asking {server}: is `weir up` running there?"))?;
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

fn print_result(result: &Value) {
    let Some(metric) = result["metric"].as_object() else {
        return println!("{result}");
    };
    let labels: Vec<String> =
        metric.iter().filter(|(name, _)| *name != "__name__").map(|(name, value)| format!("{name}={value}")).collect();
    let name = metric.get("__name__").and_then(Value::as_str).unwrap_or_default();
    let points = result["values"].as_array().cloned().unwrap_or_else(|| vec![result["value"].clone()]);
    for point in points {
        println!("{name}{{{}}} {} @{}", labels.join(","), point[1].as_str().unwrap_or_default(), point[0]);
    }
}
