//! Program `weir-agent`: this host's metrics and its applications' StatsD, pushed window by window until acknowledged.

mod access_log;
mod admin;
mod config;
mod gateways;
mod host;
mod intake;
mod manager;
mod origin;
mod proc;
mod push;
mod relabel;
mod resolver;
mod run;
mod sampler;
mod scrape;
mod session;
mod spool;
mod state;
mod status;
mod stream;
mod telemetry;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

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
    /// Tell whether the configuration is right, and if not, where
    Check(config::RunArgs),
    /// Show what the running agent has sent, waits to send and has lost
    Status(config::RunArgs),
    /// Show the same again and again, with what moves
    Top(config::RunArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("WEIR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let outcome = match cli.command {
        Command::Run(args) => run::main(&args),
        Command::Status(args) => config::telemetry_address(&args).and_then(status::show),
        Command::Top(args) => config::telemetry_address(&args).and_then(status::watch),
        Command::Check(args) => config::Config::load(&args).map(|_| println!("the configuration is right")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
