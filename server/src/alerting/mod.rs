//! Alerting at work: rules are evaluated where data are complete, what they record goes to the queue, what changes of alerts goes to
//! a log of events, and from there the notifier takes it to people.
//!
//! Two threads: the evaluator's asks, writes and keeps states; the notifier's reads the log and sends. Each may fail or be killed alone and
//! takes up its work from its own file.

mod elsewhere;
mod evaluating;
mod events;
mod ground;
mod handed;
mod heartbeat;
mod here;
mod patient;
mod records;
mod remote;
mod routes;
mod rules;
mod standing;
mod telling;
mod told;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::Duration;

use anyhow::{Context, Result};
use weir_alert::evaluate::Settings;
use weir_sample::Reading;

use crate::api::alerts::Alerts;
use crate::cmd::ask::Server;
use crate::config::Config;
use elsewhere::{Elsewhere, QUERY_OFFSET, WORKERS};
use evaluating::{Evaluating, Signals};
use events::EventLog;
use ground::Ground;
use heartbeat::Heartbeat;
pub(crate) use here::Here;
use here::HereGround;
pub(crate) use remote::Remote;
use routes::RouteFiles;
use rules::RuleFiles;
pub(crate) use standing::Standing;
use telling::Telling;
pub(crate) use told::Told;

/// Alerting that runs.
pub(crate) struct Alerting {
    /// How evaluation stands, and what it shows.
    pub standing: Arc<Standing>,
    /// How telling stands, and the way to the notifier.
    pub told: Arc<Told>,
    heartbeat: Option<Arc<Heartbeat>>,
    events: Arc<EventLog>,
    evaluator: Worker,
    notifier: Worker,
}

/// A thread with its signals.
struct Worker {
    signals: Arc<Signals>,
    thread: Thread,
    ended: Mutex<Receiver<()>>,
}

/// Time that a turn under way gets when the server stops. What it had to write is written after the next start.
const TURN: Duration = Duration::from_secs(5);
/// Time that the notifier gets to read what is left and to send what is under way.
const LAST_WORDS: Duration = Duration::from_secs(8);

impl Alerting {
    /// Starts both threads, over the data of this process or over those of `alerting.source`. State files that cannot be opened now are tried again, and [`Alerting::troubles`] says so.
    pub(crate) fn start(config: &Config, here: Option<Here>) -> Result<Self> {
        let (settings, folder) = (&config.alerting, config.data.join("alerts"));
        weir_files::own_folder(&folder)?;
        let (standing, told) = (Arc::new(Standing::new()), Arc::new(Told::new()));
        let events = EventLog::open(&folder, standing.clone()).context("opening the log of alerts' events")?;
        let (events, signals) = (Arc::new(events), Arc::<Signals>::default());
        let external_url = external_url(config);
        let (ground, usual) = ground(config, here, standing.clone());
        let evaluating = Evaluating {
            state: state_file(config, folder.join("states.redb")),
            settings: Settings { catch_up: settings.catch_up, external_url: external_url.clone(), ..usual },
            files: RuleFiles::new(config.folder(), settings.rules.clone(), settings.interval),
            ground,
            events: events.clone(),
            standing: standing.clone(),
            signals: signals.clone(),
        };
        let evaluator = Worker::start(EVALUATOR, signals, move || {
            evaluating.run();
            Ok(())
        })?;
        let signals = Arc::<Signals>::default();
        let heartbeat = settings.heartbeat.clone().map(|url| Arc::new(Heartbeat::new(url)));
        let telling = Telling {
            log: events::folder(&folder),
            settings: weir_notify::Settings::new(folder.join("notifier.redb"), &external_url),
            files: RouteFiles::new(config.folder(), settings.clone()),
            told: told.clone(),
            standing: standing.clone(),
            heartbeat: heartbeat.clone(),
            signals: signals.clone(),
        };
        let notifier = Worker::start(NOTIFIER, signals, move || telling.run())?;
        Ok(Self { standing, told, heartbeat, events, evaluator, notifier })
    }

    /// What the API of alerts is made of.
    pub(crate) fn api(&self) -> Alerts {
        let (told, events) = (self.told.clone(), self.events.clone());
        Alerts { notifier: Arc::new(move || told.notifier()), take: Arc::new(move |taken| events.append(taken)) }
    }

    /// Why rules are not evaluated or nobody is told, if so.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = String> {
        self.standing.trouble().into_iter().chain(self.told.trouble())
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let heartbeat = self.heartbeat.as_ref().map(|heartbeat| heartbeat.readings()).unwrap_or_default();
        [self.standing.readings(), self.events.readings(), self.told.readings(), heartbeat].concat()
    }

    /// Reads rules and routes again, whether their files look different or not.
    pub(crate) fn reload(&self) {
        self.evaluator.signals.reload.store(true, Ordering::Release);
        self.evaluator.thread.unpark();
        self.told.reload();
    }

    /// Ends evaluation, so that the queue gets nothing more from rules; then lets the notifier take what is left. Takes a bounded
    /// time: what is cut off is as after a kill, and nothing of it is lost.
    pub(crate) fn stop(&self) {
        if !self.evaluator.stop(TURN) {
            tracing::warn!("a turn of rules is cut off: it is taken again after the next start");
        }
        if !self.notifier.stop(LAST_WORDS) {
            tracing::warn!("the notifier is cut off: what it has not told is told after the next start");
        }
    }
}

/// Names of the threads. Both see panics of the state files' engine, which are caught.
const EVALUATOR: &str = "weir-alerting";
const NOTIFIER: &str = "weir-notifier";

/// Threads that see to their own panics.
pub(crate) const OWN_PANICS: [&str; 2] = [EVALUATOR, NOTIFIER];

/// Exit code of a process whose thread has panicked.
pub(crate) const PANICKED: i32 = 101;

impl Worker {
    fn start(
        name: &'static str,
        signals: Arc<Signals>,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let (running, ended) = channel();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let _running = running;
            match catch_unwind(AssertUnwindSafe(work)) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => {
                    tracing::error!(error = format!("{error:#}"), "alerting cannot run: the process ends")
                }
                Err(_) => tracing::error!("a thread that the server needs has panicked: the process ends"),
            }
            std::process::exit(PANICKED);
        });
        let thread = thread.context("starting a thread of alerting")?.thread().clone();
        Ok(Self { signals, thread, ended: Mutex::new(ended) })
    }

    /// Tells it to stop; true if it has ended within a time.
    fn stop(&self, within: Duration) -> bool {
        self.signals.stopping.store(true, Ordering::Release);
        self.thread.unpark();
        let ended = standing::lock(&self.ended).recv_timeout(within);
        ended != Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    }
}

/// What rules are evaluated over, and the settings that this asks for.
fn ground(config: &Config, here: Option<Here>, standing: Arc<Standing>) -> (Box<dyn Ground>, Settings) {
    let settings = &config.alerting;
    if let Some(here) = here {
        return (Box::new(HereGround::new(here, standing)), Settings::default());
    }
    let token = settings.token.as_ref().map(|path| config.folder().join(path));
    let server = |address: &String| Server::with_token_file(address, token.clone());
    let (source, write) = (settings.source.as_ref().map(server), settings.write.as_ref().map(server));
    let elsewhere = Elsewhere::new(source.unwrap_or_else(|| server(&String::new())), write, standing);
    let usual = Settings { query_offset: QUERY_OFFSET, workers: WORKERS, ..Settings::default() };
    (Box::new(elsewhere), usual)
}

fn state_file(config: &Config, usual: PathBuf) -> PathBuf {
    config.alerting.state.as_ref().map_or(usual, |path| config.folder().join(path))
}

fn external_url(config: &Config) -> String {
    let scheme = if config.tls.as_ref().is_some_and(|tls| tls.http) { "https" } else { "http" };
    config.alerting.external_url.clone().unwrap_or_else(|| format!("{scheme}://{}", config.listen.http))
}
