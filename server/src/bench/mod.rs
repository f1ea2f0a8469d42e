//! `weir bench`: loads that end by themselves, and what became of them as one JSON object on the last line.

mod fleet;

use anyhow::Result;

#[derive(clap::Subcommand)]
pub(crate) enum BenchCommand {
    /// Simulate agents that push batches of host metrics
    Fleet(fleet::FleetArgs),
}

pub(crate) fn main(command: BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Fleet(args) => fleet::main(&args),
    }
}
