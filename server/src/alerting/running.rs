//! The two threads of alerting, and what they are started with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::Duration;

use anyhow::{Context, Result};
use weir_alert::evaluate::Settings;
use weir_alert::states::StateFile;

use super::evaluating::{Evaluating, Signals};
use super::events::EventLog;
use super::ground::{Elsewhere, Ground, Here, HereGround, QUERY_OFFSET, WORKERS};
use super::heartbeat::Heartbeat;
use super::routes::RouteFiles;
use super::rules::RuleFiles;
use super::standing::{Standing, lock};
use super::telling::Telling;
use super::told::Told;
use crate::cmd::ask::Server;
use crate::config::Config;

/// What threads are started with, as often as they are.
pub(super) struct Plan {
    pub config: Config,
    pub here: Option<Here>,
    pub standing: Arc<Standing>,
    pub told: Arc<Told>,
    pub events: Arc<EventLog>,
    pub heartbeat: Option<Arc<Heartbeat>>,
}

/// Where the threads keep what they must not forget, and where the notifier reads.
pub(super) struct Files {
    pub states: StateFile,
    pub notifier: StateFile,
    pub source: weir_queue::Source,
}

/// Both threads at work.
pub(super) struct Running {
    evaluator: Worker,
    notifier: Worker,
    told: Arc<Told>,
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

/// Names of the threads. Both see panics of the state files' engine, which are caught.
const EVALUATOR: &str = "weir-alerting";
const NOTIFIER: &str = "weir-notifier";

/// Threads that see to their own panics.
pub(crate) const OWN_PANICS: [&str; 2] = [EVALUATOR, NOTIFIER];

/// Exit code of a process whose thread has panicked.
pub(crate) const PANICKED: i32 = 101;

impl Running {
    /// Starts both threads. State files that cannot be opened now are tried again.
    pub(super) fn start(plan: &Plan, files: Files) -> Result<Self> {
        let Plan { config, here, standing, told, events, heartbeat } = plan;
        let (settings, signals) = (&config.alerting, Arc::<Signals>::default());
        let external_url = settings.external_url.clone().unwrap_or_else(|| config.http_url());
        let (ground, usual) = ground(config, here.clone(), standing.clone());
        let evaluating = Evaluating {
            state: files.states,
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
        let telling = Telling {
            source: files.source,
            settings: weir_notify::Settings::new(files.notifier, &external_url),
            files: RouteFiles::new(config.folder(), settings.clone()),
            told: told.clone(),
            standing: standing.clone(),
            heartbeat: heartbeat.clone(),
            signals: signals.clone(),
        };
        let notifier = Worker::start(NOTIFIER, signals, move || telling.run())?;
        Ok(Self { evaluator, notifier, told: told.clone() })
    }

    pub(super) fn reload(&self) {
        self.evaluator.signals.reload.store(true, Ordering::Release);
        self.evaluator.thread.unpark();
        self.told.reload();
    }

    /// Ends evaluation, so that the queue gets nothing more from rules; then lets the notifier take what is left. Takes a bounded
    /// time: what is cut off is as after a kill, and nothing of it is lost.
    pub(super) fn stop(&self) {
        if !self.evaluator.stop(TURN) {
            tracing::warn!("a turn of rules is cut off: it is taken again after the next start");
        }
        if !self.notifier.stop(LAST_WORDS) {
            tracing::warn!("the notifier is cut off: what it has not told is told after the next start");
        }
    }

    /// Waits until both threads have ended, however long that takes.
    #[cfg(feature = "kafka")]
    pub(super) fn end(&self) {
        while !(self.evaluator.stop(TURN) & self.notifier.stop(LAST_WORDS)) {}
    }
}

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
        lock(&self.ended).recv_timeout(within) != Err(RecvTimeoutError::Timeout)
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
