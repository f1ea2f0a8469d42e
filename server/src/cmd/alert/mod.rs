//! `weir alert`: rule files checked, tested and replayed.

mod check;
mod remote;
mod replay;
mod test;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum AlertCommand {
    /// Check rule files and say what is wrong with them, and where
    Check(check::CheckArgs),
    /// Run unit tests of rules, in promtool's format
    Test(test::TestArgs),
    /// Which alerts rules would have made over stored data, and when
    Replay(replay::ReplayArgs),
}

pub(crate) fn main(command: AlertCommand) -> Result<()> {
    match command {
        AlertCommand::Check(args) => check::main(&args),
        AlertCommand::Test(args) => test::main(&args),
        AlertCommand::Replay(args) => replay::main(&args),
    }
}
