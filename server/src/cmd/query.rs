//! `weir query`: one PromQL question to a running server, answered as lines of text or as JSON.

use anyhow::Result;
use serde_json::Value;

use super::ask;

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
    let answer = ask::instant(&args.server, &args.promql, args.time, args.token.as_deref())?;
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
