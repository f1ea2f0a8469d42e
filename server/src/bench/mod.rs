//! `weir bench`: loads that end by themselves, and what became of them as one JSON object on the last line.

mod alerts;
mod cost;
mod fleet;
mod readers;
mod remote_write;
mod statsd;
mod store;
mod targets;

use anyhow::Result;

use crate::cmd::progress::Progress;

#[derive(clap::Subcommand)]
pub(crate) enum BenchCommand {
    /// Evaluate many rules, flood with alerts, and time breaches to a webhook
    Alerts(alerts::AlertsArgs),
    /// Simulate agents that push batches of host metrics
    Fleet(fleet::FleetArgs),
    /// Send StatsD lines at a given rate
    Statsd(statsd::StatsdArgs),
    /// Write samples by remote write
    RemoteWrite(remote_write::RemoteWriteArgs),
    /// Ask the same question while the server is idle, and while it is written to
    Readers(readers::ReadersArgs),
    /// Fill a store of its own with hours of samples, and read from it
    Store(store::StoreArgs),
    /// Be many targets for whoever scrapes
    Targets(targets::TargetsArgs),
}

pub(crate) fn main(command: BenchCommand) -> Result<()> {
    let _progress = Progress::spinning("measuring");
    match command {
        BenchCommand::Alerts(args) => alerts::main(&args),
        BenchCommand::Fleet(args) => fleet::main(&args),
        BenchCommand::Statsd(args) => statsd::main(&args),
        BenchCommand::RemoteWrite(args) => remote_write::main(&args),
        BenchCommand::Readers(args) => readers::main(&args),
        BenchCommand::Store(args) => store::main(&args),
        BenchCommand::Targets(args) => targets::main(&args),
    }
}
