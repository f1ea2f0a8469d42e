//! `weir alert silence`: silences of a running server, listed, previewed, made and ended.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use weir_files::say;
use weir_sample::Timestamp;

use super::matching::matchers;
use crate::clock::{now, rfc3339};
use crate::cmd::ask::{Ask, At};

#[derive(clap::Subcommand)]
pub(crate) enum SilenceCommand {
    /// Silences that hold or are to come
    List(ListArgs),
    /// Make a silence; its id is printed
    Add(AddArgs),
    /// End silences now
    Expire(ExpireArgs),
    /// Say what a silence would mute, and make none
    Preview(NewArgs),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Only silences with these matchers
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    #[command(flatten)]
    at: At,
    /// Also those that are over
    #[arg(long)]
    expired: bool,
    /// Print one JSON array of silences
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct NewArgs {
    /// Matchers, such as team=db 'severity=~page|warn'; a word alone is an alert's name
    #[arg(required = true, value_name = "MATCHER")]
    matchers: Vec<String>,
    #[command(flatten)]
    at: At,
    /// How long it holds [default: 1h]
    #[arg(long, value_parser = weir_alert::duration::duration, conflicts_with = "end")]
    duration: Option<Duration>,
    /// From when on, such as 2026-11-25T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Until when, in the same form
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    new: NewArgs,
    /// Why
    #[arg(long)]
    comment: String,
    /// Who makes it [default: the user that runs this]
    #[arg(long)]
    author: Option<String>,
    /// Make it even if it mutes a large part of all alerts
    #[arg(long)]
    force: bool,
}

#[derive(clap::Args)]
pub(crate) struct ExpireArgs {
    /// Ids of silences
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    at: At,
}

/// How long a silence holds that says nothing of it, as amtool's.
const USUAL: Duration = Duration::from_secs(3_600);

pub(crate) fn main(command: &SilenceCommand) -> Result<()> {
    match command {
        SilenceCommand::List(args) => list(args),
        SilenceCommand::Add(args) => add(args),
        SilenceCommand::Expire(args) => expire(args),
        SilenceCommand::Preview(args) => preview(args),
    }
}

fn list(args: &ListArgs) -> Result<()> {
    let filters: Vec<String> = matchers(&args.matchers)?.iter().map(ToString::to_string).collect();
    let mut parameters: Vec<(&str, &str)> = filters.iter().map(|filter| ("filter", filter.as_str())).collect();
    parameters.push(("expired", if args.expired { "true" } else { "false" }));
    let silences = args.at.server()?.alertmanager("silences", &parameters, Ask::Get)?;
    if args.json {
        say!("{silences}");
        return Ok(());
    }
    silences.as_array().into_iter().flatten().for_each(|silence| say!("{}", line(silence)));
    Ok(())
}

fn add(args: &AddArgs) -> Result<()> {
    let author = args.author.clone().or_else(|| std::env::var("USER").ok()).context("who makes it? Give --author")?;
    let body = body(&args.new, &author, &args.comment, now())?;
    let force = [("force", "true")];
    let parameters = if args.force { &force[..] } else { &[] };
    let made = args.new.at.server()?.alertmanager("silences", parameters, Ask::Post(&body))?;
    say!("{}", made["silenceID"].as_str().context("the server did not name the silence that it made")?);
    Ok(())
}

fn preview(args: &NewArgs) -> Result<()> {
    // Neither is kept, and a silence has to have both.
    let body = body(args, "preview", "preview", now())?;
    let told = args.at.server()?.alertmanager("silences", &[("preview", "true")], Ask::Post(&body))?;
    say!("{}", previewed(&told));
    Ok(())
}

fn expire(args: &ExpireArgs) -> Result<()> {
    let server = args.at.server()?;
    for id in &args.ids {
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            bail!("{id:?} is no id of a silence");
        }
        server.alertmanager(&format!("silence/{id}"), &[], Ask::Delete)?;
    }
    Ok(())
}

/// A silence as the API takes it.
fn body(args: &NewArgs, author: &str, comment: &str, now: Timestamp) -> Result<Value> {
    let start = args.start.as_deref().map(instant).transpose()?.unwrap_or(now);
    let end = match &args.end {
        Some(end) => instant(end)?,
        None => start.plus(args.duration.unwrap_or(USUAL)),
    };
    if end <= start {
        bail!("the silence would end before it begins");
    }
    Ok(json!({
        "matchers": matchers(&args.matchers)?,
        "startsAt": rfc3339(start),
        "endsAt": rfc3339(end),
        "createdBy": author,
        "comment": comment,
    }))
}

/// How much it mutes, of whom, and what its author may not have meant.
fn previewed(told: &Value) -> String {
    let mut text = told["text"].as_str().unwrap_or_default().to_owned();
    for (team, count) in told["teams"].as_object().into_iter().flatten() {
        let team = if team.is_empty() { "without a team" } else { team };
        text += &format!("\n  {count} {team}");
    }
    for warning in told["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text += &format!("\nwarning: {warning}");
    }
    if let Some(why) = told["refused"].as_str() {
        text += &format!("\nwithout --force it is refused: {why}");
    }
    text
}

fn line(silence: &Value) -> String {
    let text = |name: &str| silence[name].as_str().unwrap_or_default();
    let read = serde_json::from_value::<Vec<weir_alert::routing::Matcher>>(silence["matchers"].clone());
    let matchers: Vec<String> = read.unwrap_or_default().iter().map(ToString::to_string).collect();
    let state = silence["status"]["state"].as_str().unwrap_or_default();
    let (matchers, end) = (matchers.join(","), text("endsAt"));
    format!("{} {state:<7} until {end} {matchers} by {}: {}", text("id"), text("createdBy"), text("comment"))
}

fn instant(text: &str) -> Result<Timestamp> {
    crate::api::query::timestamp(text).with_context(|| format!("{text:?} is no time: write 2026-11-25T18:00:00Z"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: SilenceCommand,
    }

    fn asked(args: &[&str]) -> Result<Value> {
        let args = ["silence", "preview"].iter().chain(args);
        let SilenceCommand::Preview(new) = Cli::try_parse_from(args)?.command else { bail!("another command") };
        body(&new, "ann", "why", Timestamp::from_secs(1_000))
    }

    #[test]
    fn a_silence_begins_now_and_lasts_for_an_hour_unless_it_says_otherwise() {
        let check = |args: &[&str], start: &str, end: &str| {
            let body = asked(args).unwrap();
            assert_eq!((&body["startsAt"], &body["endsAt"]), (&start.into(), &end.into()));
        };
        let begin = "1970-01-01T00:16:40.000Z";
        check(&["a=b"], begin, "1970-01-01T01:16:40.000Z");
        check(&["a=b", "--duration", "1h30m"], begin, "1970-01-01T01:46:40.000Z");
        check(&["a=b", "--end", "1970-01-02T00:00:00Z"], begin, "1970-01-02T00:00:00.000Z");
        check(&["a=b", "--start", "2000", "--duration", "10s"], "1970-01-01T00:33:20.000Z", "1970-01-01T00:33:30.000Z");
        let body = asked(&["A", "team=~x|y"]).unwrap();
        assert_eq!(body["matchers"][0], json!({"name": "alertname", "value": "A", "isRegex": false, "isEqual": true}));
        assert_eq!((&body["matchers"][1]["isRegex"], &body["createdBy"]), (&true.into(), &"ann".into()));
        for bad in
            [&["a=b", "--end", "999"][..], &["a=b", "--end", "x"], &["a=b", "--duration", "1h", "--end", "2000"], &[]]
        {
            assert!(asked(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_preview_says_all_that_the_server_says() {
        let told = json!({
            "text": "mutes 3 alerts of 2 teams", "teams": { "": 1, "db": 2 }, "warnings": ["wide"], "refused": "too much",
        });
        let expected = "mutes 3 alerts of 2 teams\n  1 without a team\n  2 db\nwarning: wide\nwithout --force it is refused: too much";
        assert_eq!(previewed(&told), expected);
    }
}
