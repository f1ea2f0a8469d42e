//! The agent's one loop: StatsD in, windows out, acks back.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use weir_sample::{Reading, Window, exposition};

use crate::access_log::AccessLogs;
use crate::clock::{Clock, Moment};
use crate::config::{Config, RunArgs, SOCKET};
use crate::host::Host;
use crate::intake::Intake;
use crate::manager::Manager;
use crate::report::{self, Ask, Page, Status, Telemetry, Top};
use crate::scrape::Scraper;
use crate::state::{self, State};
use crate::uplink::{Heard, Push, token_end};
use crate::windows::{Turn, Windows};

/// How long a stop waits for the last acks.
const LAST_ACKS: Duration = Duration::from_secs(5);

/// How often access logs are read: what a rotation may delete before it is read, and no burst at a window's end.
const LOGS_EVERY: Duration = Duration::from_secs(1);
/// A period for the watchdog's timer when nobody watches.
const IDLE_WATCHDOG: Duration = Duration::from_secs(3_600);

pub(crate) fn main(args: &RunArgs) -> Result<()> {
    let config = Config::load(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(args, config))
}

async fn run(args: &RunArgs, mut config: Config) -> Result<()> {
    std::thread::Builder::new().name("end".into()).stack_size(256 << 10).spawn(end_in_time)?;
    // Before anything can be heard of the agent: a SIGHUP without a handler would end it.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = signal(SignalKind::hangup())?;
    let mut agent = Agent::start(&config).await?;
    let mut questions =
        report::serve(config.telemetry(), agent.state.folder().map(|folder| folder.join(SOCKET)).as_deref()).await?;
    let manager = Manager::new();
    let mut alive = tokio::time::interval(manager.watchdog.unwrap_or(IDLE_WATCHDOG));
    let mut logs_due = tokio::time::interval(LOGS_EVERY);
    manager.say("READY=1");
    loop {
        let close_at = Instant::now() + agent.windows.left(agent.clock.time(Moment::now()));
        let wake = agent.push.next_wake().map_or(close_at, |wake| close_at.min(wake.into()));
        tokio::select! {
            () = agent.intake.receive() => {}
            () = agent.scraper.receive() => {}
            _ = logs_due.tick(), if !agent.access_logs.is_empty() => agent.access_logs.read(),
            () = agent.push.receive() => {}
            Some(ask) = questions.recv() => agent.answer(ask),
            () = tokio::time::sleep_until(wake) => {}
            _ = alive.tick(), if manager.watchdog.is_some() => manager.say("WATCHDOG=1"),
            _ = hangup.recv() => {
                manager.say(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_micros()));
                agent.reload(args, &mut config);
                manager.say("READY=1");
            }
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
        agent.turn();
        agent.push.send_due().await;
    }
    manager.say("STOPPING=1");
    agent.intake.drain().await;
    agent.leaves = true;
    agent.close(agent.windows.open());
    finish(&mut agent.push).await
}

/// What lives as long as the agent runs.
struct Agent {
    state: State,
    clock: Clock,
    windows: Windows,
    host: Host,
    intake: Intake,
    scraper: Scraper,
    access_logs: AccessLogs,
    push: Push,
    telemetry: Telemetry,
    token: Option<PathBuf>,
    /// Its host and servers, for the status page.
    about: [String; 2],
    top: Top,
    /// Whether the window that ends now is the last, which is said in it.
    leaves: bool,
}

impl Agent {
    async fn start(config: &Config) -> Result<Self> {
        let now = Moment::now();
        // Before anything is kept: an agent that cannot start leaves nothing behind.
        let intake = Intake::bind(config)?;
        let state = State::begin(&config.state, now.wall)?;
        let seed = u64::from_be_bytes(state::random()?);
        let push = Push::start(config, &state, seed)?;
        let mut host = Host::new(config.origin(), &config.host_metrics);
        host.collect();
        tracing::info!(agent = %push.agent(), host = config.host(), server = %config.server, "pushing");
        // Its first look is in the first whole window.
        let scraper = Scraper::new(&config.scrape, config.origin());
        let access_logs = AccessLogs::new(&config.access_log, config.origin(), &config.state);
        let about = [config.host().to_owned(), config.server.to_string()];
        let windows = Windows::new(config.interval.0, now.wall);
        Ok(Self {
            state,
            clock: Clock::new(now),
            windows,
            host,
            intake,
            scraper,
            access_logs,
            push,
            telemetry: Telemetry::new(config.origin()),
            token: config.token.clone(),
            about,
            top: Top::default(),
            leaves: false,
        })
    }

    /// Takes what can change while running from the file; a file that is wrong changes nothing.
    fn reload(&mut self, args: &RunArgs, config: &mut Config) {
        let new = match Config::load(args) {
            Ok(new) => new,
            Err(error) => {
                return tracing::error!(error = format!("{error:#}"), "reload refused, the old settings stay");
            }
        };
        let rules = config.aggregator();
        for key in config.adopt(new) {
            tracing::warn!(key, "this setting has changed and takes a restart");
        }
        if rules != config.aggregator() {
            self.intake.reconfigure(config.aggregator());
        }
        self.host.reconfigure(config.origin(), &config.host_metrics);
        self.scraper.reconfigure(&config.scrape, config.origin());
        self.access_logs.reconfigure(&config.access_log, config.origin());
        self.telemetry.set_origin(config.origin());
        tracing::info!("reloaded");
    }

    /// Looks at the clock, and ends the window if its time has come.
    fn turn(&mut self) {
        for Heard { gateway, server, since_boot } in self.push.heard_clocks() {
            self.clock.hear(gateway, server, since_boot);
        }
        let look = self.clock.look(Moment::now(), self.push.gateways());
        self.intake.set_clock(self.clock.ahead_ms());
        let turn = self.windows.turn(look.time);
        // Of an epoch whose clock is ahead the sink moves windows back, and must not do so with what is right already.
        if self.push.was_renamed() || look.set_back || turn == Turn::SetBack {
            self.begin_epoch();
        }
        if let Turn::Ends(window) = turn {
            self.close(window);
        }
        if self.clock.wants_another() {
            self.push.ask_another();
        }
        if self.clock.is_sure() {
            self.push.take_back(look.time, self.clock.set_earlier_by());
        }
    }

    fn begin_epoch(&mut self) {
        match self.state.next_epoch(self.clock.time(Moment::now())) {
            Ok(epoch) => self.push.begin_epoch(epoch),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "the epoch of before goes on"),
        }
    }

    /// Ends the window and hands its points to the push side.
    fn close(&mut self, window: Window) {
        let began = Instant::now();
        let mut points = self.host.collect();
        self.telemetry.collect_time = began.elapsed();
        let (gathered, events) = self.intake.close(window);
        points.extend(gathered);
        points.extend(self.scraper.close());
        points.extend(self.access_logs.close());
        self.scraper.begin(window.end().since(window.start()));
        let readings = self.readings();
        points.extend(self.telemetry.points(&readings));
        self.top = Top::of(&points);
        self.push.close_window(window, points);
        self.push.close_events(window, events, &self.about[0]);
        self.telemetry.close_time = began.elapsed();
    }

    fn readings(&mut self) -> Vec<Reading> {
        let mut readings = self.telemetry.usage().readings();
        readings.extend(self.clock.readings());
        let in_memory = f64::from(u8::from(self.state.folder().is_none()));
        let expires = token_end(self.token.as_deref()) as f64;
        readings.push(Reading::gauge("weir_agent_token_expires_timestamp_seconds", &[], expires, EXPIRES_HELP));
        readings.push(Reading::gauge("weir_agent_state_in_memory", &[], in_memory, IN_MEMORY_HELP));
        if self.leaves {
            readings.push(Reading::gauge("weir_agent_goodbye", &[], 1.0, GOODBYE_HELP));
        }
        let hung: Vec<String> = self.host.hung().into_iter().chain(self.access_logs.hung()).collect();
        readings.extend(hung_readings(&hung));
        readings.extend(self.push.readings());
        readings.extend(self.intake.readings());
        readings.extend(self.scraper.readings());
        readings.extend(self.access_logs.readings());
        readings
    }

    fn status(&mut self) -> Status {
        Status {
            uplink: self.push.standing(),
            statsd: self.intake.tally(),
            scrape: self.scraper.tally(),
            logs: self.access_logs.tally(),
            clock: self.clock.tally(),
            itself: self.telemetry.usage(),
        }
    }

    fn answer(&mut self, ask: Ask) {
        let readings = self.readings();
        let page = match ask.page {
            Page::Metrics => exposition(readings),
            Page::Events => self.intake.events(),
            Page::StatusJson => {
                let [host, servers] = self.about.clone();
                self.status().json(&host, &self.push.agent().to_string(), &servers).to_string() + "\n"
            }
            Page::Status => {
                let ([host, servers], agent) = (self.about.clone(), self.push.agent());
                let about = format!("host {host} agent {agent} server {servers}");
                self.status().page(&about, &readings, &self.top)
            }
        };
        // Whoever asked may have gone.
        let _ = ask.reply.send(page);
    }
}

const GOODBYE_HELP: &str = "The agent was told to end: what follows is not the silence of a host that is gone.";
const EXPIRES_HELP: &str = "When the agent's token ends, in Unix seconds (0: it has none): before that, write one of the same \
    subject into its file; no restart is needed.";
const IN_MEMORY_HELP: &str = "1: the state folder cannot be written, so the agent has a new identity and no spool in this \
    run; mend the disk and restart it.";

/// One for each source that hangs, or that there is none.
fn hung_readings(hung: &[String]) -> Vec<Reading> {
    let reading = |labels: &[_], value| Reading::gauge("weir_agent_hung_reads", labels, value, HUNG_HELP);
    match hung {
        [] => vec![reading(&[], 0.0)],
        hung => hung.iter().map(|source| reading(&[("source", source.as_str())], 1.0)).collect(),
    }
}

const HUNG_HELP: &str = "1 for each source of the host's metrics or access log that does not answer and is left out \
    meanwhile: a mount whose server is away, or a device that hangs.";

/// Sends what is left and waits for its acks, for a while.
async fn finish(push: &mut Push) -> Result<()> {
    let deadline = Instant::now() + LAST_ACKS;
    while push.unacked() > 0 && Instant::now() < deadline {
        push.send_due().await;
        let wake = push.next_wake().map_or(deadline, |wake| deadline.min(wake.into()));
        tokio::select! {
            () = push.receive() => {}
            () = tokio::time::sleep_until(wake) => {}
        }
    }
    if push.unacked() > 0 {
        tracing::warn!(batches = push.unacked(), "stopped before the last batches were acknowledged");
    }
    Ok(())
}

/// A stop ends the process even if the loop hangs, on a disk that is gone or the like.
fn end_in_time() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let heard = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        let (Ok(mut interrupt), Ok(mut terminate)) = heard else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::time::sleep(2 * LAST_ACKS).await;
    });
    tracing::error!("something hangs: stopped without the last acks");
    std::process::exit(1);
}

/// What systemd compares a reload's time with.
fn monotonic_micros() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}
