//! `weir keys`: the file of fleet keys, from which every agent's session key derives.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use weir_files::say;
use weir_identity::{FleetKeyFile, OldKeys, SETTLE, retires, signing};
use weir_sample::Timestamp;
use weir_wire::KeyState;

use crate::clock::{duration, in_words, now};

/// What to do with a file of fleet keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a file with a first key, mode 0600
    New(NewArgs),
    /// Add a key that signs from a minute on, and drop keys that no living session needs
    Rotate(RotateArgs),
    /// Show the keys without their secrets
    List(ListArgs),
}

#[derive(Args)]
pub(crate) struct NewArgs {
    #[command(flatten)]
    file: File,
}

#[derive(Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    sessions: Lifetime,
    /// Drop every old key now: all agents must take new sessions. For a key that has leaked
    #[arg(long)]
    revoke: bool,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    sessions: Lifetime,
}

#[derive(Args)]
struct File {
    /// File of fleet keys [default: fleet.keys in the default data folder]
    file: Option<PathBuf>,
}

#[derive(Args)]
struct Lifetime {
    /// The longest that the servers let a session live
    #[arg(long, default_value = "1h", value_parser = duration)]
    session_lifetime: Duration,
}

impl File {
    fn path(self) -> PathBuf {
        self.file.unwrap_or_else(|| crate::config::Config::default().data.join("fleet.keys"))
    }
}

pub(crate) fn main(command: KeysCommand) -> Result<()> {
    let text = run(command, now())?;
    say!("{}", text.trim_end());
    Ok(())
}

fn run(command: KeysCommand, now: Timestamp) -> Result<String> {
    match command {
        KeysCommand::New(args) => {
            let file = FleetKeyFile::create(args.file.path(), now)?;
            Ok(format!("{}: made with key 1\n", file.path().display()))
        }
        KeysCommand::Rotate(args) => rotate(args, now),
        KeysCommand::List(args) => list(args, now),
    }
}

fn rotate(args: RotateArgs, now: Timestamp) -> Result<String> {
    let file = FleetKeyFile::open(args.file.path())?;
    let old = if args.revoke { OldKeys::Revoke } else { OldKeys::Outlive(args.sessions.session_lifetime) };
    let rotated = file.rotate(now, old)?;
    let signs = if args.revoke { "now".to_owned() } else { format!("in {}", in_words(SETTLE)) };
    let mut text = format!("{}: key {} added; it signs {signs}\n", file.path().display(), rotated.added);
    for id in rotated.removed {
        text += &format!("key {id} removed\n");
    }
    Ok(text)
}

fn list(args: ListArgs, now: Timestamp) -> Result<String> {
    let keys = FleetKeyFile::open(args.file.path())?.list()?;
    let signs = signing(&keys, now).map(|line| line.key.id);
    let mut text = format!("{:<6} {:<9} {:<14} use\n", "id", "state", "made");
    for (at, line) in keys.iter().enumerate() {
        let state = if line.state == KeyState::Active { "active" } else { "retiring" };
        let created = Timestamp::from_secs(i64::try_from(line.created).unwrap_or(0));
        let made = format!("{} ago", in_words(now.since(created)));
        let role = match retires(&keys, at, args.sessions.session_lifetime) {
            _ if signs == Some(line.key.id) => "signs new sessions".to_owned(),
            None => "signs soon".to_owned(),
            Some(end) if end <= now => "no longer needed; goes at the next rotation".to_owned(),
            Some(end) => format!("opens running sessions, for {} at most", in_words(end.since(now))),
        };
        text += &format!("{:<6} {state:<9} {made:<14} {role}\n", line.key.id);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: KeysCommand,
    }

    #[test]
    fn a_file_is_made_rotated_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.keys");
        let at = |minutes: u64, words: &[&str]| {
            let words = ["weir"].iter().chain(words).copied().chain([path.to_str().unwrap()]);
            let now = Timestamp::from_secs(1_700_000_000).plus(Duration::from_secs(minutes * 60));
            run(Cli::try_parse_from(words).unwrap().command, now)
        };
        assert!(at(0, &["list"]).unwrap_err().to_string().contains("cannot open"));
        assert!(at(0, &["new"]).unwrap().contains("made with key 1"));
        assert!(at(0, &["new"]).unwrap_err().to_string().contains("cannot create"));
        assert!(at(10, &["rotate"]).unwrap().contains("key 2 added; it signs in 60 s"));
        let listed = at(12, &["list"]).unwrap();
        assert!(
            listed.contains("1      retiring  12 min ago     opens running sessions, for 69 min at most"),
            "{listed}"
        );
        assert!(listed.contains("2      active    2 min ago      signs new sessions"), "{listed}");
        assert!(at(90, &["rotate", "--session-lifetime", "1h"]).unwrap().contains("key 1 removed"));
        let revoked = at(91, &["rotate", "--revoke"]).unwrap();
        assert!(revoked.contains("signs now") && revoked.contains("key 3 removed"), "{revoked}");
        assert!(!at(91, &["list"]).unwrap().contains(&"0".repeat(8)));
    }
}
