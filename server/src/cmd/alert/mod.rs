//! `weir alert`: alone a role, that evaluates rules over another system; with a word, rule files checked, tested and
//! replayed, and what a running server knows of alerts and silences.

mod check;
mod list;
mod matching;
mod replay;
mod routes;
mod silence;
mod test;

use anyhow::Result;
use clap::Subcommand;

use crate::config::UpArgs;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AlertArgs {
    #[command(subcommand)]
    pub command: Option<AlertCommand>,
    #[command(flatten)]
    pub up: UpArgs,
}

#[derive(Subcommand)]
pub(crate) enum AlertCommand {
    /// Check rule files and say what is wrong with them, and where
    Check(check::CheckArgs),
    /// Run unit tests of rules, in promtool's format
    Test(test::TestArgs),
    /// Which alerts rules would have made over stored data, and when
    Replay(replay::ReplayArgs),
    /// Whom alerts with these labels reach, by which routes
    Routes(routes::RoutesArgs),
    /// The alerts that a server knows
    List(list::ListArgs),
    /// Silences of a server: listed, previewed, made and ended
    #[command(subcommand)]
    Silence(silence::SilenceCommand),
}

pub(crate) fn main(command: AlertCommand) -> Result<()> {
    match command {
        AlertCommand::Check(args) => check::main(&args),
        AlertCommand::Test(args) => test::main(&args),
        AlertCommand::Replay(args) => replay::main(&args),
        AlertCommand::Routes(args) => routes::main(&args),
        AlertCommand::List(args) => list::main(&args),
        AlertCommand::Silence(command) => silence::main(&command),
    }
}
