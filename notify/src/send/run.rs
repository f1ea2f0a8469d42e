//! The loop around the core: time passes, events come, requests go out, answers come back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use weir_alert::routing::Config;
use weir_alert::template::Templates;
use weir_sample::Timestamp;

use super::handle::{Command, Handle};
use super::sender::Sender;
use crate::core::{Job, Notifier, Outcome, Settings};
use crate::keep::Error;

/// Whether the notifier works, for readiness.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// Why it does not work now, if so.
    pub fn fault(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// A notifier that is about to run.
pub struct Runner {
    settings: Settings,
    config: Config,
    templates: Templates,
    clock: fn() -> Timestamp,
    commands: mpsc::Receiver<Command>,
    /// Where requests tell what became of them.
    told: mpsc::Sender<(u64, Outcome)>,
    outcomes: mpsc::Receiver<(u64, Outcome)>,
    sender: Sender,
    in_flight: usize,
    health: Health,
}

/// Commands that wait; whoever brings more waits too.
const MOST_COMMANDS: usize = 64;
const MOST_OUTCOMES: usize = 1024;
/// After its file has failed it is opened anew.
const OPEN_AGAIN: Duration = Duration::from_secs(1);
/// On the way out, requests in flight are waited for.
const GRACE: Duration = Duration::from_secs(5);
/// The clock is looked at at least so often: it may have been set.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

impl Runner {
    /// A notifier and the way to it.
    pub fn new(
        settings: Settings,
        config: Config,
        templates: Templates,
        clock: fn() -> Timestamp,
    ) -> (Self, Handle, Health) {
        let (commands, received) = mpsc::channel(MOST_COMMANDS);
        let (told, outcomes) = mpsc::channel(MOST_OUTCOMES);
        let health = Health::default();
        let runner = Self {
            settings,
            config,
            templates,
            clock,
            commands: received,
            told,
            outcomes,
            sender: Sender::default(),
            in_flight: 0,
            health: health.clone(),
        };
        (runner, Handle { commands }, health)
    }

    /// Runs until the last handle is gone; then requests in flight are waited for a little. What was not told is told after the next start.
    pub async fn run(mut self) {
        loop {
            let ended = match Notifier::open(
                self.settings.clone(),
                self.config.clone(),
                self.templates.clone(),
                (self.clock)(),
            ) {
                Ok(mut notifier) => {
                    self.health.set(None);
                    let ended = self.drive(&mut notifier).await;
                    // What was put in force since the start stays so.
                    (self.config, self.templates) = notifier.into_routes();
                    ended
                }
                Err(error) => Err(error),
            };
            let Err(error) = ended else { return };
            tracing::error!(%error, "the notifier's state cannot be used; opening it anew");
            self.health.set(Some(error.to_string()));
            if tokio::time::timeout(OPEN_AGAIN, self.refuse()).await.is_ok() {
                return;
            }
        }
    }

    /// Whoever asks while there is no file is told that nobody answers; routes are kept for when there is one.
    async fn refuse(&mut self) {
        while let Some(command) = self.commands.recv().await {
            if let Command::Routes { routes, done } = command {
                (self.config, self.templates) = *routes;
                _ = done.send(());
            }
        }
    }

    /// Ok when the last handle is gone.
    async fn drive(&mut self, notifier: &mut Notifier) -> Result<(), Error> {
        loop {
            notifier.tick((self.clock)())?;
            for job in notifier.jobs((self.clock)())? {
                self.launch(job);
            }
            let due = notifier.next_due().map_or(LONGEST_SLEEP, |due| due.since((self.clock)()).min(LONGEST_SLEEP));
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(notifier, command)?,
                    None => return self.drain(notifier).await,
                },
                Some(first) = self.outcomes.recv() => {
                    let outcomes = self.gather(first);
                    notifier.finish((self.clock)(), outcomes)?;
                }
                () = tokio::time::sleep(due) => {}
            }
        }
    }

    fn obey(&mut self, notifier: &mut Notifier, command: Command) -> Result<(), Error> {
        match command {
            Command::Events { events, position, done } => {
                notifier.accept((self.clock)(), &events, position.as_deref())?;
                _ = done.send(());
            }
            Command::Routes { routes, done } => {
                // In force even if the file fails now: it is opened anew with them.
                _ = done.send(());
                notifier.configure(routes.0, routes.1, (self.clock)())?;
            }
            Command::Ask(question) => question(notifier, (self.clock)()),
        }
        Ok(())
    }

    /// All outcomes that are there: they take one transaction.
    fn gather(&mut self, first: (u64, Outcome)) -> Vec<(u64, Outcome)> {
        let mut outcomes = vec![first];
        while let Ok(outcome) = self.outcomes.try_recv() {
            outcomes.push(outcome);
        }
        self.in_flight = self.in_flight.saturating_sub(outcomes.len());
        for (id, outcome) in &outcomes {
            match outcome {
                Outcome::Told => {}
                Outcome::Failed { why, .. } => {
                    tracing::warn!(notification = id, why, "a notification failed and is tried again")
                }
                Outcome::Refused(why) => {
                    tracing::error!(notification = id, why, "a notification was refused; it is a dead letter now")
                }
            }
        }
        outcomes
    }

    fn launch(&mut self, job: Job) {
        self.in_flight += 1;
        let (sender, outcomes) = (self.sender.clone(), self.told.clone());
        let sending = tokio::spawn(async move { sender.send(job.request).await });
        tokio::spawn(async move {
            let broken = || Outcome::Failed { after: None, why: "the request broke off".into() };
            let outcome = sending.await.unwrap_or_else(|_| broken());
            _ = outcomes.send((job.id, outcome)).await;
        });
    }

    async fn drain(&mut self, notifier: &mut Notifier) -> Result<(), Error> {
        let until = tokio::time::Instant::now() + GRACE;
        while self.in_flight > 0 {
            let Ok(Some(first)) = tokio::time::timeout_at(until, self.outcomes.recv()).await else { break };
            let outcomes = self.gather(first);
            notifier.finish((self.clock)(), outcomes)?;
        }
        Ok(())
    }
}
