//! Program `weir-agent`: this host's metrics and its applications' StatsD, pushed window by window until acknowledged.

#![warn(clippy::print_stdout, clippy::print_stderr, reason = "they panic when nobody reads any more; say! does not")]

mod access_log;
mod aside;
mod clock;
mod config;
mod host;
mod intake;
mod lookup;
mod manager;
mod origin;
mod proc;
mod relabel;
mod report;
mod run;
mod sampler;
mod scrape;
mod state;
mod uplink;
mod windows;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing::level_filters::LevelFilter;
use weir_files::{say, tell};

/// Pushes this host's metrics and local StatsD to a Weir gateway.
#[derive(Parser)]
#[command(name = "weir-agent", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Collect and push until told to stop
    Run(config::RunArgs),
    /// Tell whether the configuration and the files that it names are right, and if not, where
    Check(config::RunArgs),
    /// Show what the running agent has sent, waits to send and has lost
    Status(config::RunArgs),
    /// Show the same again and again, with what moves
    Top(config::RunArgs),
}

fn main() -> ExitCode {
    weir_files::keep_private();
    weir_link::keep_heap_small();
    let cli = Cli::parse();
    // A level: off, error, warn, info, debug or trace.
    let level = std::env::var("WEIR_LOG").ok().and_then(|text| text.parse().ok()).unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false).init();
    let outcome = match cli.command {
        Command::Run(args) => run::main(&args),
        Command::Status(args) => config::telemetry_address(&args).and_then(report::show),
        Command::Top(args) => config::telemetry_address(&args).and_then(report::watch),
        Command::Check(args) => config::check(&args).map(|()| say!("the configuration is right")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell!("weir-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
