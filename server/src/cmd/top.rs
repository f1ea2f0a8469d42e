//! `weir top series`: the metrics with the most series, those that a limit has hit first.

use anyhow::Result;
use serde_json::Value;
use weir_files::say;

use super::ask::At;

#[derive(clap::Subcommand)]
pub(crate) enum TopCommand {
    /// Metrics by their number of series, with the labels that make them
    Series(SeriesArgs),
}

#[derive(clap::Args)]
pub(crate) struct SeriesArgs {
    #[command(flatten)]
    at: At,
    /// Metrics to show
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub(crate) fn main(command: TopCommand) -> Result<()> {
    let TopCommand::Series(args) = command;
    let limit = args.limit.to_string();
    let answer = args.at.server()?.json("/api/v1/cardinality", &[("limit", &limit)])?;
    table(&answer["data"]).iter().for_each(|line| say!("{line}"));
    Ok(())
}

fn table(data: &Value) -> Vec<String> {
    let mut lines = vec![format!(
        "{:>6} {:>10} {:>10} {:>10}  {:<40} {}",
        "TENANT", "SERIES", "FOLDED", "DENIED", "METRIC", "LABELS"
    )];
    for metric in data["metrics"].as_array().into_iter().flatten() {
        let labels = metric["labels"].as_array().into_iter().flatten().take(3);
        let labels =
            labels.map(|used| format!("{}={}", used["label"].as_str().unwrap_or_default(), whole(&used["values"])));
        lines.push(format!(
            "{:>6} {:>10} {:>10} {:>10}  {:<40} {}",
            metric["tenant"].to_string(),
            whole(&metric["series"]),
            metric["folded"].to_string(),
            metric["denied"].to_string(),
            metric["metric"].as_str().unwrap_or_default(),
            labels.collect::<Vec<_>>().join(" "),
        ));
    }
    lines
}

fn whole(number: &Value) -> String {
    format!("{:.0}", number.as_f64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_metric_and_its_worst_label() {
        let data = serde_json::json!({ "metrics": [{
            "tenant": 0, "metric": "wild", "series": 900.0, "folded": 12, "denied": 0,
            "labels": [{ "label": "user", "values": 890.0 }],
        }]});
        let lines = table(&data);
        let words: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(words, ["0", "900", "12", "0", "wild", "user=890"]);
    }
}
