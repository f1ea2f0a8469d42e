//! `weir why`: where a metric is, told station by station.

use anyhow::Result;
use serde_json::Value;
use weir_files::say;

use super::ask::At;
use super::query::{fault, times};

#[derive(clap::Args)]
pub(crate) struct WhyArgs {
    /// The metric: a selector such as 'jobs_done{host="web-1"}', or a name as its sender spells it
    selector: String,
    /// When it is missing: RFC 3339, Unix seconds, now-5m or -1h [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    time: Option<String>,
    /// The server's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// The metric is not where a query finds it. A script may want to know that from a fault.
#[derive(Debug, thiserror::Error)]
#[error("{told}")]
pub(crate) struct NotThere {
    told: String,
    is_stale: bool,
}

impl NotThere {
    /// 5 for what is stored and has ended, 4 for what cannot be found at all.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.is_stale { 5 } else { 4 }
    }
}

pub(crate) fn main(args: &WhyArgs) -> Result<()> {
    let time = args.time.as_deref().map(|text| times::read(text, crate::clock::now())).transpose()?;
    let time = time.map(|time| time.as_secs_f64().to_string());
    let mut parameters = vec![("match[]", args.selector.as_str())];
    parameters.extend(time.as_deref().map(|time| ("time", time)));
    let answer = args.at.server()?.json("/api/v1/why", &parameters);
    let answer = answer.map_err(|error| fault::shown(&args.selector, error))?;
    if args.json {
        say!("{answer}");
    } else {
        lines(&answer["data"]).iter().for_each(|line| say!("{line}"));
    }
    outcome(&answer["data"])
}

/// The stations in the order of the way, and what may have been meant.
fn lines(data: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let steps = data["steps"].as_array().into_iter().flatten();
    let step = |step: &Value| {
        format!("{:<10} {:<8} {}", text(&step["station"]), text(&step["state"]), text(&step["sentence"]))
    };
    let mut lines: Vec<String> = steps.map(step).collect();
    let meant: Vec<String> = data["suggestions"].as_array().into_iter().flatten().map(text).collect();
    if !meant.is_empty() {
        lines.push(format!("did you mean: {}", meant.join("  ")));
    }
    if data["verdict"] == "stored" {
        lines.push(text(&data["sentence"]));
    }
    lines
}

fn outcome(data: &Value) -> Result<()> {
    let told = data["sentence"].as_str().unwrap_or_default().to_owned();
    match data["verdict"].as_str() {
        Some("stored") => Ok(()),
        verdict => Err(NotThere { told, is_stale: verdict == Some("stale") }.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data(verdict: &str) -> Value {
        json!({
            "verdict": verdict, "sentence": "x is so",
            "steps": [{ "station": "rules", "state": "missing", "sentence": "rule 1 denies it" }],
            "suggestions": ["y", "z"],
        })
    }

    #[test]
    fn stations_stand_in_columns_and_the_verdict_comes_last() {
        assert_eq!(lines(&data("denied")), ["rules      missing  rule 1 denies it", "did you mean: y  z"]);
        assert_eq!(lines(&data("stored")).last().map(String::as_str), Some("x is so"));
    }

    #[test]
    fn a_script_tells_by_the_exit_code_what_is_there() {
        let code =
            |verdict| outcome(&data(verdict)).err().map(|error| error.downcast::<NotThere>().unwrap().exit_code());
        assert_eq!(
            [code("stored"), code("stale"), code("denied"), code("never_seen")],
            [None, Some(5), Some(4), Some(4)]
        );
    }
}
