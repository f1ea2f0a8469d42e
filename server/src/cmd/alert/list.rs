//! `weir alert list`: the alerts that a running server knows, with what keeps them quiet.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use weir_alert::event::Pairs;
use weir_alert::routing::Matcher;
use weir_alert::routing::matcher::all_match;
use weir_files::say;

use super::matching::{matchers, written};
use crate::cmd::ask::{Ask, At};

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Matchers, such as team=db 'severity=~page|warn'; a word alone is an alert's name
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    #[command(flatten)]
    at: At,
    /// Only those in these states; repeat or separate by commas [default: all but pending]
    #[arg(long, value_delimiter = ',')]
    state: Vec<State>,
    /// Print one JSON array of alerts
    #[arg(long)]
    json: bool,
}

/// Where an alert stands. One may be silenced and inhibited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum State {
    /// It has not lasted for `for` yet
    Pending,
    /// It fires, and nothing keeps it quiet
    Active,
    Silenced,
    Inhibited,
    /// It fires, and data to tell whether it still holds are missing
    Late,
}

pub(crate) fn main(args: &ListArgs) -> Result<()> {
    let matchers = matchers(&args.matchers)?;
    let server = args.at.server()?;
    let filters: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    let parameters: Vec<(&str, &str)> = filters.iter().map(|filter| ("filter", filter.as_str())).collect();
    let told = server.alertmanager("alerts", &parameters, Ask::Get)?;
    let mut alerts = told.as_array().cloned().context("the server answered with no list of alerts")?;
    if args.state.contains(&State::Pending) {
        let known = server.json("/api/v1/alerts", &[])?;
        alerts.extend(pending(&known["data"]["alerts"], &matchers));
    }
    alerts.retain(|alert| is_wanted(alert, &args.state));
    if args.json {
        say!("{}", Value::from(alerts));
    } else {
        alerts.iter().for_each(|alert| say!("{}", line(alert)));
    }
    Ok(())
}

/// Alerts of `/api/v1/alerts` that are pending, in the shape of the others.
fn pending(alerts: &Value, matchers: &[Matcher]) -> Vec<Value> {
    let found = alerts.as_array().into_iter().flatten().filter(|alert| {
        let labels: Pairs = serde_json::from_value(alert["labels"].clone()).unwrap_or_default();
        alert["state"] == "pending" && all_match(matchers, &labels)
    });
    let shaped = |alert: &Value| {
        json!({
            "labels": alert["labels"], "annotations": alert["annotations"], "startsAt": alert["activeAt"],
            "receivers": [], "late": alert["late"], "status": { "state": "pending", "silencedBy": [], "inhibitedBy": [] },
        })
    };
    found.map(shaped).collect()
}

/// The states of an alert, as the API tells them.
fn states(alert: &Value) -> Vec<State> {
    let status = &alert["status"];
    let is_some = |name: &str| status[name].as_array().is_some_and(|list| !list.is_empty());
    let known = [
        (State::Pending, status["state"] == "pending"),
        (State::Active, status["state"] == "active"),
        (State::Silenced, is_some("silencedBy")),
        (State::Inhibited, is_some("inhibitedBy")),
        (State::Late, alert["late"] == true),
    ];
    known.into_iter().filter(|(_, holds)| *holds).map(|(state, _)| state).collect()
}

fn is_wanted(alert: &Value, wanted: &[State]) -> bool {
    wanted.is_empty() || states(alert).iter().any(|state| wanted.contains(state))
}

/// State, start, labels and whom it reaches.
fn line(alert: &Value) -> String {
    let states: Vec<String> = states(alert).iter().map(|state| format!("{state:?}").to_lowercase()).collect();
    let labels = alert["labels"].as_object().into_iter().flatten();
    let labels = written(labels.map(|(name, value)| (name, value.as_str().unwrap_or_default())));
    let receivers = alert["receivers"].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str());
    let receivers: Vec<&str> = receivers.collect();
    let summary = alert["annotations"]["summary"].as_str().map(|text| format!("  {text}")).unwrap_or_default();
    let since = alert["startsAt"].as_str().unwrap_or_default();
    format!("{:<10} {since} {labels} -> {}{summary}", states.join(","), receivers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(state: &str, silenced: bool, late: bool) -> Value {
        let silenced = if silenced { json!(["id"]) } else { json!([]) };
        json!({
            "labels": { "alertname": "A", "team": "db" }, "annotations": { "summary": "full" },
            "startsAt": "2026-01-01T00:00:00.000Z", "receivers": [{ "name": "ops" }, { "name": "db" }], "late": late,
            "status": { "state": state, "silencedBy": silenced, "inhibitedBy": [] },
        })
    }

    #[test]
    fn states_choose_alerts() {
        let check = |alert: &Value, wanted: &[State], expected: bool| {
            assert_eq!(is_wanted(alert, wanted), expected, "{alert} {wanted:?}");
        };
        let (active, silenced) = (alert("active", false, true), alert("suppressed", true, false));
        check(&active, &[], true);
        check(&active, &[State::Active], true);
        check(&active, &[State::Late], true);
        check(&active, &[State::Silenced, State::Inhibited], false);
        check(&silenced, &[State::Silenced], true);
        check(&silenced, &[State::Active, State::Late, State::Pending], false);
        let expected = r#"active,late 2026-01-01T00:00:00.000Z {alertname="A", team="db"} -> ops,db  full"#;
        assert_eq!(line(&active), expected);
    }

    #[test]
    fn pending_ones_match_too() {
        let known = json!([
            { "labels": { "alertname": "A" }, "annotations": {}, "state": "pending", "activeAt": "t" },
            { "labels": { "alertname": "B" }, "annotations": {}, "state": "pending", "activeAt": "t" },
            { "labels": { "alertname": "A" }, "annotations": {}, "state": "firing", "activeAt": "t" },
        ]);
        let found = pending(&known, &matchers(&["A".to_owned()]).unwrap());
        assert_eq!((found.len(), states(&found[0])), (1, vec![State::Pending]));
    }
}
