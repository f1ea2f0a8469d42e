//! Program `weir-agent`: this host's metrics and its applications' StatsD, pushed window by window until acknowledged.

#![warn(clippy::print_stdout, clippy::print_stderr, reason = "they panic when nobody reads any more; say! does not")]

mod access_log;
mod aside;
mod clock;
mod config;
mod host;
mod intake;
mod log;
mod lookup;
mod manager;
#[cfg(feature = "manual")]
mod manual;
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

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use weir_files::{say, tell};

/// Pushes this host's metrics and local StatsD to a Weir gateway.
#[derive(Parser)]
#[command(name = "weir-agent", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: log::LogArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Collect and push until told to stop
    Run(config::RunArgs),
    /// Tell whether the configuration and the files that it names are right, and if not, where
    Check(CheckArgs),
    /// Show what the running agent has sent, waits to send and has lost
    Status(report::StatusArgs),
    /// Show the same again and again, with what moves
    Top(config::AskedArgs),
    /// A shell's completions, on standard output
    #[cfg(feature = "manual")]
    #[command(hide = true)]
    Completions(manual::CompletionsArgs),
    /// Manual pages, a file for each command
    #[cfg(feature = "manual")]
    #[command(hide = true)]
    Man(manual::ManArgs),
}

#[derive(clap::Args)]
struct CheckArgs {
    /// Also walk the way to each server once: its name, TLS, an acknowledgement by UDP, the clocks
    #[arg(long)]
    connect: bool,
    #[command(flatten)]
    run: config::RunArgs,
}

fn check(args: &CheckArgs) -> Result<()> {
    let config = config::check(&args.run)?;
    say!("the configuration is right");
    if let Some(note) = config.statsd_datagram.as_ref().and_then(|_| intake::queue_note()) {
        say!("note: {note}");
    }
    if args.connect {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        ensure!(
            runtime.block_on(uplink::probe(&config))?,
            "some steps have failed: the lines above say how to mend each"
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    weir_files::keep_private();
    weir_link::keep_heap_small();
    let cli = Cli::parse();
    cli.log.start();
    let outcome = match cli.command {
        Command::Run(args) => run::main(&args),
        Command::Status(args) => report::show(&args),
        Command::Top(args) => report::watch(&args),
        #[cfg(feature = "manual")]
        Command::Completions(args) => {
            manual::completions(<Cli as clap::CommandFactory>::command(), &args);
            Ok(())
        }
        #[cfg(feature = "manual")]
        Command::Man(args) => manual::man(<Cli as clap::CommandFactory>::command(), &args),
        Command::Check(args) => check(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell!("weir-agent: {}", weir_files::sentence(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
