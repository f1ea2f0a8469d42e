//! Program `weir`: everything behind the agent, together (`weir up`) or alone, and the tools around them.

#![warn(clippy::print_stdout, clippy::print_stderr, reason = "they panic when nobody reads any more; say! does not")]

mod alerting;
mod api;
mod bench;
mod clock;
mod cmd;
mod config;
mod front;
mod host;
mod log;
mod objects;
mod run;
mod serving;
mod units;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use weir_files::tell;

use cmd::{alert, certs, check, collect, context, demo, emit, keys, manual, query, store, token, top, why};
use config::{Config, UpArgs};
use run::{Bound, Role};

/// Buffers are made by one thread and dropped by another all along the path, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A metrics pipeline: gateway, queue, sink, store, queries and console.
#[derive(Parser)]
#[command(name = "weir", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: log::LogArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Everything in one process, with the embedded queue and store
    Up(UpArgs),
    /// Only a gateway: receives batches and StatsD into the queue
    Gateway(UpArgs),
    /// Only a sink: writes from the queue into the store, answers queries, serves the console
    Sink(UpArgs),
    /// Only a front: sends questions to whichever copy of the store is furthest
    #[command(visible_alias = "query-front")]
    Front(UpArgs),
    /// Ask targets for their metrics, as Prometheus' scrape_configs have them, and bring these to a server
    Collect(collect::CollectArgs),
    /// Check a configuration file and the files that it names, and say what is wrong with them
    Check(check::CheckArgs),
    /// `weir up` and an agent for this host; prints the console's address
    Demo(demo::DemoArgs),
    /// Send StatsD lines, as a short-lived job does
    Emit(emit::EmitArgs),
    /// Ask a server a PromQL question
    Query(query::QueryArgs),
    /// Tell where a metric is, from its sender to the store
    Why(why::WhyArgs),
    /// Servers by name, for the commands that ask one
    #[command(subcommand)]
    Context(context::ContextCommand),
    /// What uses the most
    #[command(subcommand)]
    Top(top::TopCommand),
    /// Loads that measure a server
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Check, count or copy the embedded store
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Only rules and alerts, over any Prometheus API; or rule files checked, tested, replayed
    Alert(Box<alert::AlertArgs>),
    /// Topics of Kafka's: made, and looked at
    #[cfg(feature = "kafka")]
    #[command(subcommand)]
    Kafka(cmd::kafka::KafkaCommand),
    /// Fleet keys: what agents' batches are sealed with
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Tokens: who may send, read or administer
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Certificates for development
    #[command(subcommand)]
    Certs(certs::CertsCommand),
    /// A shell's completions, on standard output
    Completions(manual::CompletionsArgs),
    /// Manual pages, a file for each command
    Man(manual::ManArgs),
}

fn main() -> ExitCode {
    weir_files::keep_private();
    weir_meters::process::mark_start();
    let cli = Cli::parse();
    cli.log.start();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell!("weir: {}", weir_files::sentence(error.as_ref()));
            exit_code(&error)
        }
    }
}

/// What a script tells apart by the code.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    match (error.is::<query::NoSeries>(), error.downcast_ref::<why::NotThere>()) {
        (true, _) => ExitCode::from(query::NoSeries::EXIT_CODE),
        (_, Some(not_there)) => ExitCode::from(not_there.exit_code()),
        _ => ExitCode::FAILURE,
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Up(args) => serve(&args, Role::Everything),
        Command::Gateway(args) => serve(&args, Role::Gateway),
        Command::Sink(args) => serve(&args, Role::Sink),
        Command::Front(args) => serve(&args, Role::Front),
        Command::Collect(args) => collect::main(args),
        Command::Check(args) => check::main(args),
        Command::Demo(args) => demo::main(args),
        Command::Emit(args) => emit::main(args),
        Command::Query(args) => query::main(&args),
        Command::Why(args) => why::main(&args),
        Command::Context(command) => context::main(command),
        Command::Top(command) => top::main(command),
        Command::Bench(command) => bench::main(command),
        Command::Store(command) => store::main(command),
        Command::Alert(args) => match args.command {
            Some(command) => alert::main(command),
            None => serve(&args.up, Role::Alert),
        },
        #[cfg(feature = "kafka")]
        Command::Kafka(command) => cmd::kafka::main(command),
        Command::Keys(command) => keys::main(command),
        Command::Token(command) => token::main(command),
        Command::Certs(command) => certs::main(command),
        Command::Completions(args) => manual::completions(Cli::command(), &args),
        Command::Man(args) => manual::man(Cli::command(), &args),
    }
}

/// Runs a server from its configuration to its end.
fn serve(args: &UpArgs, role: Role) -> Result<()> {
    let config = Config::load(args)?;
    let bound = Bound::bind(config, role)?;
    let server = bound.spawn()?;
    server.wait();
    server.drain()
}
