//! `weir alert replay`: rules over a stretch of the past, read from a server or from a store's folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use weir_alert::evaluate::{Local, Names, Overlay, Settings};
use weir_alert::event::{Event, Status};
use weir_alert::rules::{Group, RuleSet, Weight};
use weir_alert::tools::{Before, Replayed, replay};
use weir_files::{say, tell};
use weir_query::{Engine, Limits};
use weir_sample::Timestamp;

use crate::alerting::Remote;
use crate::clock::rfc3339;
use crate::cmd::ask::At;
use crate::cmd::store::open_stopped;

#[derive(clap::Args)]
pub(crate) struct ReplayArgs {
    /// First instant: seconds since 1970, or such as 2026-11-25T18:00:00Z
    #[arg(long)]
    from: String,
    /// Last instant, in the same form
    #[arg(long)]
    to: String,
    /// Rule files, or patterns such as 'rules/*.yml'
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    rules: Vec<String>,
    /// Read this folder of a stopped server, in place of asking one
    #[arg(long)]
    data: Option<PathBuf>,
    /// That server's configuration, which says where cold blocks are
    #[arg(long, requires = "data")]
    config: Option<PathBuf>,
    #[command(flatten)]
    at: At,
    /// Print one JSON object per event
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(args: &ReplayArgs) -> Result<()> {
    let (from, to) = (instant(&args.from)?, instant(&args.to)?);
    if to < from {
        bail!("--to is before --from");
    }
    let groups = groups(&args.rules)?;
    let replayed = match &args.data {
        Some(folder) => of_folder(folder, args.config.as_deref(), &groups, from, to)?,
        None => {
            let remote = Remote { server: args.at.server()? };
            replay(&groups, &Settings::default(), from, to, &remote)?
        }
    };
    for event in &replayed.events {
        say!("{}", if args.json { serde_json::to_string(event)? } else { line(event) });
    }
    replayed.failures.iter().for_each(|failure| tell!("weir: rule {failure}"));
    tell!("{} evaluations of groups, {} events", replayed.evaluations, replayed.events.len());
    if replayed.failures.is_empty() {
        return Ok(());
    }
    bail!("some rules failed: what they would have told is not known");
}

fn groups(patterns: &[String]) -> Result<Vec<Group>> {
    let mut set = RuleSet::default();
    set.load(Path::new(""), patterns, Duration::from_secs(60));
    let errors = set.faults().filter(|fault| fault.weight == Weight::Error);
    let errors: Vec<String> = errors.map(ToString::to_string).collect();
    if !errors.is_empty() {
        bail!("{}", errors.join("\n"));
    }
    Ok(set.groups().cloned().collect())
}

fn of_folder(
    folder: &Path,
    config: Option<&Path>,
    groups: &[Group],
    from: Timestamp,
    to: Timestamp,
) -> Result<Replayed> {
    let store = open_stopped(folder.to_owned(), config.map(Path::to_owned))?;
    let before = Before::new(&store, groups, from);
    let overlay = Overlay::default();
    overlay.read_names(Names { any: true, ..Names::default() });
    let local = Local::new(Engine::new(Limits::default()), &before, &overlay);
    Ok(replay(groups, &Settings::default(), from, to, &local)?)
}

fn line(event: &Event) -> String {
    let status = if event.status == Status::Firing { "firing" } else { "resolved" };
    let labels: Vec<String> = event.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let value = event.value.map(|value| format!(" {value}")).unwrap_or_default();
    let time = rfc3339(Timestamp(event.evaluated_at_ms));
    format!("{time} {status} {{{}}}{value}", labels.join(", "))
}

fn instant(text: &str) -> Result<Timestamp> {
    let mend = || format!("{text:?} is no instant: write seconds since 1970, or 2026-11-25T18:00:00Z");
    crate::api::query::timestamp(text).with_context(mend)
}
