//! The notifier's thread: events are read from their log and told to the notifier, which tells people; its routes are followed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::sleep;
use weir_alert::event::Event;
use weir_notify::{Handle, Runner, Settings};
use weir_queue::{Checkpoint, Reader, RecordKind, Source};

use super::evaluating::Signals;
use super::heartbeat::Heartbeat;
use super::routes::RouteFiles;
use super::standing::Standing;
use super::told::Told;
use crate::clock;
use crate::config::Routes;

/// Everything that the thread owns.
pub(super) struct Telling {
    /// Where the log of events is.
    pub source: Source,
    pub settings: Settings,
    pub files: RouteFiles,
    pub told: Arc<Told>,
    pub standing: Arc<Standing>,
    pub heartbeat: Option<Arc<Heartbeat>>,
    pub signals: Arc<Signals>,
}

/// Pause between two looks at the log.
const LOOK: Duration = Duration::from_millis(100);
/// Pause after something failed.
const AGAIN: Duration = Duration::from_secs(1);
/// Bytes of events that are told at once.
const AT_ONCE: usize = 256 << 10;
/// Time between two clearings of the log of what is safe elsewhere.
const FORGET: Duration = Duration::from_secs(10);
/// Time between two looks at how channels do.
const ASK: Duration = Duration::from_secs(2);
/// This consumer's name in the log.
const CONSUMER: &str = "notifier";

impl Telling {
    /// Works until it is told to stop and the log is read.
    pub(super) fn run(mut self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.context("starting the notifier")?.block_on(async {
            let Some(routes) = self.first_routes().await else { return };
            let Routes { config, templates, .. } = routes;
            let (runner, handle, health) = Runner::new(self.settings.clone(), config, templates, clock::now);
            self.told.begin(handle.clone(), health);
            // The runner ends when nobody can bring it anything any more.
            let (heartbeat, standing) = (self.heartbeat.clone(), self.standing.clone());
            let (told, signals) = (self.told.clone(), self.signals.clone());
            let beats = async {
                if let Some(heartbeat) = heartbeat {
                    heartbeat.beat(&standing, &told, &signals).await;
                }
            };
            tokio::join!(runner.run(), self.tell(handle), beats);
        });
        Ok(())
    }

    /// Waits until there are routes to go by. Until then events wait in the log: with other routes they would be lost.
    async fn first_routes(&mut self) -> Option<Routes> {
        while !self.is_stopping() {
            let all = self.told.takes_reload();
            if let Some(routes) = self.files.follow(all) {
                self.told.note_faults(&self.files.faults);
                return Some(routes);
            }
            self.told.note_faults(&self.files.faults);
            sleep(AGAIN.min(Duration::from_millis(200))).await;
        }
        None
    }

    async fn tell(&mut self, handle: Handle) {
        while !self.is_stopping() {
            match self.read(&handle).await {
                Ok(()) => break,
                Err(error) => self.told.health.failed(error.as_ref()),
            }
            sleep(AGAIN).await;
        }
        self.told.end();
    }

    /// Reads the log from where the notifier has come, to its end if it is told to stop.
    async fn read(&mut self, handle: &Handle) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let position = handle.ask(|notifier, _| notifier.position()).await??;
        let start = position.map(|bytes| Checkpoint::decode(&bytes)).transpose().unwrap_or_default();
        let mut reader = Reader::open_at(&self.source, CONSUMER, &start.unwrap_or_default())?;
        let (mut forgot, mut asked) = (Instant::now(), None::<Instant>);
        loop {
            let stopping = self.is_stopping();
            self.follow_routes(handle).await?;
            let mut events = Vec::new();
            let polled = reader.poll(AT_ONCE, |record, _| match event(record.kind, record.payload) {
                Some(event) => events.push(event),
                None => self.told.count_unreadable(),
            })?;
            if polled.records > 0 {
                let place = reader.checkpoint();
                handle.tell(events, Some(place.encode())).await?;
                self.told.health.works();
            }
            if forgot.elapsed() >= FORGET {
                forgot = Instant::now();
                reader.forget(&reader.checkpoint())?;
            }
            if asked.is_none_or(|asked| asked.elapsed() >= ASK) {
                asked = Some(Instant::now());
                self.told.note_readings(handle.ask(|notifier, now| notifier.readings(now)).await??);
                self.told.health.works();
            }
            if polled.records == 0 {
                if stopping {
                    return Ok(());
                }
                sleep(LOOK).await;
            }
        }
    }

    async fn follow_routes(&mut self, handle: &Handle) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let all = self.told.takes_reload();
        let routes = self.files.follow(all);
        self.told.note_faults(&self.files.faults);
        if let Some(Routes { config, templates, .. }) = routes {
            handle.configure(config, templates).await?;
            tracing::info!("routes of alerts were read");
        }
        Ok(())
    }

    fn is_stopping(&self) -> bool {
        self.signals.stopping.load(Ordering::Acquire)
    }
}

fn event(kind: RecordKind, payload: &[u8]) -> Option<Event> {
    (kind == RecordKind::Alert).then(|| serde_json::from_slice(payload).ok()).flatten()
}
