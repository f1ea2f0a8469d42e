//! `weir alert routes`: whom an alert reaches, by the routes of a file or of a running server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use weir_alert::event::Pairs;
use weir_alert::routing::matcher::{Operator, read_one};
use weir_alert::routing::{Config, GroupBy, Route};
use weir_files::say;

use crate::cmd::ask::{Ask, At};
use crate::config::AlertingSettings;

#[derive(clap::Args)]
pub(crate) struct RoutesArgs {
    /// The alert's labels, such as 'severity=page team=db'
    #[arg(value_name = "LABELS")]
    labels: Vec<String>,
    /// Read this configuration in Alertmanager's format, in place of asking a server
    #[arg(long, value_name = "FILE", conflicts_with = "At")]
    config: Option<PathBuf>,
    #[command(flatten)]
    at: At,
    /// Fail unless the receivers are these, in this order, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "RECEIVERS")]
    verify: Option<Vec<String>>,
    /// Print one JSON array of routes
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(args: &RoutesArgs) -> Result<()> {
    let labels = labels(&args.labels.join(" "))?;
    let config = match &args.config {
        Some(path) => of_file(path)?,
        None => of_server(&args.at)?,
    };
    let routes = config.routes_of(&labels);
    if args.json {
        say!("{}", routes.iter().map(|route| shown(route)).collect::<Value>());
    } else {
        routes.iter().for_each(|route| say!("{}", described(route)));
    }
    let reached: Vec<&str> = routes.iter().map(|route| route.receiver.as_str()).collect();
    match &args.verify {
        Some(expected) if *expected != reached => {
            bail!("expected receivers {}, found {}", expected.join(","), reached.join(","))
        }
        _ => Ok(()),
    }
}

fn of_file(path: &Path) -> Result<Config> {
    let settings = AlertingSettings { config: Some(path.to_owned()), ..AlertingSettings::default() };
    let read = settings.routes(Path::new("")).context("no file is named")?;
    Ok(read.map_err(|faults| anyhow!("{}", faults.join("\n")))?.config)
}

fn of_server(at: &At) -> Result<Config> {
    let status = at.server()?.alertmanager("status", &[], Ask::Get)?;
    let original = status["config"]["original"].as_str().context("the server tells no routes")?;
    let fault = |faults: Vec<_>| faults.first().map_or_else(String::new, ToString::to_string);
    Config::read("routes of the server", original).map_err(|faults| anyhow!("{}", fault(faults)))
}

/// `a=b c="d e"` as labels.
fn labels(text: &str) -> Result<Pairs> {
    let mut labels = Pairs::new();
    for word in words(text) {
        let one = read_one(&word).map_err(|why| anyhow!("bad label: {why}"))?;
        if one.operator() != Operator::Equal {
            bail!("{word}: an alert's label is written name=value");
        }
        if let Some(before) = labels.insert(one.name().to_owned(), one.value().to_owned()) {
            bail!("{word}: label {} is there already, with {before:?}", one.name());
        }
    }
    Ok(labels)
}

/// What white space outside of quotes separates.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        match words.last_mut() {
            Some(word) if quoted || !c.is_whitespace() => word.push(c),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn grouped(route: &Route) -> Vec<&str> {
    match &route.group_by {
        GroupBy::All => vec!["..."],
        GroupBy::Labels(names) => names.iter().map(String::as_str).collect(),
    }
}

fn shown(route: &Route) -> Value {
    json!({
        "receiver": route.receiver,
        "route": route.key,
        "groupBy": grouped(route),
        "groupWait": span(route.group_wait),
        "groupInterval": span(route.group_interval),
        "repeatInterval": span(route.repeat_interval),
        "muteTimeIntervals": route.mute,
        "activeTimeIntervals": route.active,
    })
}

fn described(route: &Route) -> String {
    let by = match grouped(route).as_slice() {
        [] => "nothing: all alerts of the route are one group".to_owned(),
        ["..."] => "all labels: each alert is a group".to_owned(),
        names => names.join(", "),
    };
    let times = [route.group_wait, route.group_interval, route.repeat_interval].map(span);
    let mut text = format!(
        "{}\n  route             {}\n  grouped by        {by}\n  group_wait        {}\n  group_interval    {}\n  repeat_interval   {}",
        route.receiver, route.key, times[0], times[1], times[2]
    );
    for (name, times) in [("muted at", &route.mute), ("told only at", &route.active)] {
        if !times.is_empty() {
            text += &format!("\n  {name:<17} {}", times.join(", "));
        }
    }
    text
}

/// As Prometheus writes it: `1h30m`.
fn span(time: Duration) -> String {
    let (mut rest, mut text) = (time.as_millis(), String::new());
    for (unit, ms) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= ms {
            text += &format!("{}{unit}", rest / ms);
            rest %= ms;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "
route:
  receiver: ops
  routes:
    - {receiver: db, matchers: [team=db], group_by: [alertname, host], repeat_interval: 90m, continue: true}
    - {receiver: pager, matchers: ['severity=~\"page|fire\"'], group_by: ['...'], mute_time_intervals: [nights]}
receivers: [{name: ops}, {name: db}, {name: pager}]
time_intervals: [{name: nights, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]}]
";

    #[test]
    fn an_alert_reaches_the_receivers_of_its_routes() {
        let config = Config::read("am.yml", TREE).unwrap();
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<_> =
                config.routes_of(&labels(text).unwrap()).iter().map(|one| one.receiver.clone()).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("", &["ops"]);
        check("team=web", &["ops"]);
        check("team=db", &["db"]);
        check("severity=page  team=db", &["db", "pager"]);
        check(r#"severity="fire" summary="a b""#, &["pager"]);
        let routes = config.routes_of(&labels("severity=page team=db").unwrap());
        let told = described(routes[0]);
        assert!(told.contains("alertname, host") && told.contains("repeat_interval   1h30m"), "{told}");
        let told = described(routes[1]);
        assert!(told.contains("each alert is a group") && told.contains("muted at          nights"), "{told}");
        assert_eq!(shown(routes[0])["groupWait"], "30s");
    }

    #[test]
    fn labels_are_read_and_conditions_refused() {
        assert_eq!(
            labels(r#"a=b c="d \" e" "#).unwrap().into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d \" e".to_owned())]
        );
        for bad in ["a", "a!=b", "a=~b", "a=b a=c"] {
            assert!(labels(bad).is_err(), "{bad}");
        }
        assert_eq!(
            [0, 5, 90_000, 90_000_000].map(|ms| span(Duration::from_millis(ms))),
            ["0s", "5ms", "1m30s", "1d1h"]
        );
    }

    #[test]
    fn what_a_server_tells_of_its_routes_reads_as_the_same_routes() {
        let config = Config::read("am.yml", &TREE.replace(", mute_time_intervals: [nights]", "")).unwrap();
        let receivers: Vec<_> = config.receivers.keys().map(|name| json!({ "name": name })).collect();
        let told = json!({ "route": config.routes.shown(), "receivers": receivers }).to_string();
        assert_eq!(Config::read("server", &told).unwrap().routes, config.routes);
    }
}
