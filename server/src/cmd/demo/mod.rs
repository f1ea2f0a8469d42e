//! `weir demo`: a server and an agent for this host, to look at; with `--check`, to prove.

/// Prints a line. Who does not read it any more must not end the demo, which would leave its processes behind.
macro_rules! show {
    ($($text:tt)*) => { _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($text)*))) };
}

mod alerting;
mod check;
mod process;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::config::{Config, Listen, Switched, UpArgs};
use crate::run::{Bound, Role};
use process::Process;

#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// Prove the path in a temporary folder: emit, query, kill, restart, verify; then exit
    #[arg(long)]
    check: bool,
    /// Folder of keys, queue and store
    #[arg(long)]
    data: Option<PathBuf>,
    /// Address of the console
    #[arg(long)]
    http: Option<SocketAddr>,
}

pub(crate) fn main(args: DemoArgs) -> Result<()> {
    if args.check {
        return check::run();
    }
    let listen = Listen::default();
    let http = args.http.unwrap_or(listen.http);
    let statsd = listen.statsd.0.context("the default configuration listens for StatsD")?;
    let up = UpArgs { data: args.data, http: Some(http), statsd: Some(Switched(None)), ..UpArgs::default() };
    let mut config = Config::load(&up)?;
    config.alerting = alerting::set_up(&config.data)?;
    let state = config.data.join("demo-agent");
    let keys = config.fleet_keys();
    let batch = config.listen.batch;
    let server = Bound::bind(config, Role::Everything)?.spawn()?;
    let agent = Process::agent(batch, &keys, &state, statsd, "10s");
    let outcome = agent.and_then(|agent| {
        show!(
            "\n  Weir is running.\n\n  Console   http://{http}/\n  StatsD    {statsd} (try: weir emit 'jobs.done:1|c')\n  Alerts    http://{http}/api/v1/alerts, and here (try: weir emit 'jobs.waiting:150|g')\n  Stop      Ctrl-C\n"
        );
        server.wait();
        agent.stop()
    });
    server.drain()?;
    outcome
}
