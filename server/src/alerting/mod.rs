//! Alerting at work: rules are evaluated where data are complete, what they record goes to the queue, what changes of alerts goes to
//! a log of events, and from there the notifier takes it to people.
//!
//! Two threads (`running.rs`): the evaluator's asks, writes and keeps states; the notifier's reads the log and sends. Each may fail or be
//! killed alone and takes up its work from its own file. With Kafka several processes may do all this, and the one that leads does
//! (`led/`).

mod evaluating;
mod events;
mod ground;
mod heartbeat;
mod led;
mod routes;
mod rules;
mod running;
mod standing;
mod telling;
mod told;

use std::sync::Arc;

use anyhow::{Context, Result};
use weir_sample::Reading;

use crate::api::alerts::Alerts;
use crate::config::Config;
use events::EventLog;
pub(crate) use ground::{Here, Remote};
use heartbeat::Heartbeat;
pub(crate) use led::forwarded;
use running::{Files, Plan, Running};
pub(crate) use running::{OWN_PANICS, PANICKED};
pub(crate) use standing::Standing;
pub(crate) use told::Told;

/// Alerting that runs.
pub(crate) struct Alerting {
    /// How evaluation stands, and what it shows.
    pub standing: Arc<Standing>,
    /// How telling stands, and the way to the notifier.
    pub told: Arc<Told>,
    heartbeat: Option<Arc<Heartbeat>>,
    events: Arc<EventLog>,
    work: Work,
}

/// Who does the work.
enum Work {
    /// This process alone.
    Alone(Running),
    /// Whichever process leads.
    #[cfg(feature = "kafka")]
    Led(led::Led),
}

impl Alerting {
    /// Starts over the data of this process or over those of `alerting.source`. State files that cannot be opened now are tried again,
    /// and [`Alerting::troubles`] says so.
    pub(crate) fn start(config: &Config, here: Option<Here>) -> Result<Self> {
        let (standing, told) = (Arc::new(Standing::new()), Arc::new(Told::new()));
        let heartbeat = config.alerting.heartbeat.clone().map(|url| Arc::new(Heartbeat::new(url)));
        let events = open_events(config, standing.clone()).context("opening the log of alerts' events")?;
        let events = Arc::new(events);
        let plan = Plan {
            config: config.clone(),
            here,
            standing: standing.clone(),
            told: told.clone(),
            events: events.clone(),
            heartbeat: heartbeat.clone(),
        };
        let work = Work::start(plan)?;
        Ok(Self { standing, told, heartbeat, events, work })
    }

    /// What the API of alerts is made of.
    pub(crate) fn api(&self) -> Alerts {
        let (told, events) = (self.told.clone(), self.events.clone());
        Alerts { notifier: Arc::new(move || told.notifier()), take: Arc::new(move |taken| events.append(taken)) }
    }

    /// Why rules are not evaluated or nobody is told, if so.
    pub(crate) fn troubles(&self) -> Vec<String> {
        match &self.work {
            #[cfg(feature = "kafka")]
            Work::Led(led) if !led.is_here() => led.trouble().into_iter().collect(),
            _ => self.standing.trouble().into_iter().chain(self.told.trouble()).collect(),
        }
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let heartbeat = self.heartbeat.as_ref().map(|heartbeat| heartbeat.readings()).unwrap_or_default();
        let here = || [self.standing.readings(), self.told.readings(), heartbeat].concat();
        let of_work = match &self.work {
            Work::Alone(_) => here(),
            #[cfg(feature = "kafka")]
            Work::Led(led) if led.is_here() => [led.readings(), here()].concat(),
            #[cfg(feature = "kafka")]
            Work::Led(led) => led.readings(),
        };
        [of_work, self.events.readings()].concat()
    }

    /// Reads rules and routes again, whether their files look different or not.
    pub(crate) fn reload(&self) {
        match &self.work {
            Work::Alone(running) => running.reload(),
            #[cfg(feature = "kafka")]
            Work::Led(led) => led.reload(),
        }
    }

    /// Ends the work; another process may then lead. Takes a bounded time.
    pub(crate) fn stop(&self) {
        match &self.work {
            Work::Alone(running) => running.stop(),
            #[cfg(feature = "kafka")]
            Work::Led(led) => led.stop(),
        }
    }

    /// Where another process that leads is asked, if it is not this one.
    pub(crate) fn elsewhere(&self) -> Option<led::Elsewhere> {
        match &self.work {
            Work::Alone(_) => None,
            #[cfg(feature = "kafka")]
            Work::Led(led) => Some(led.elsewhere()),
        }
    }
}

impl Work {
    fn start(plan: Plan) -> Result<Self> {
        #[cfg(feature = "kafka")]
        if let Some(kafka) = &plan.config.queue.kafka {
            let cluster = kafka.cluster()?;
            return Ok(Self::Led(led::Led::start(plan, cluster)?));
        }
        let (config, folder) = (&plan.config, plan.config.data.join("alerts"));
        let states = config.alerting.state.as_ref().map(|path| config.folder().join(path));
        let files = Files {
            states: states.unwrap_or_else(|| folder.join("states.redb")).into(),
            notifier: folder.join("notifier.redb").into(),
            source: weir_queue::Source::Folder(events::folder(&folder)),
        };
        Running::start(&plan, files).map(Self::Alone)
    }
}

fn open_events(config: &Config, standing: Arc<Standing>) -> Result<EventLog> {
    #[cfg(feature = "kafka")]
    if let Some(kafka) = &config.queue.kafka {
        return Ok(EventLog::connect(&kafka.cluster()?, standing)?);
    }
    let folder = config.data.join("alerts");
    weir_files::own_folder(&folder)?;
    Ok(EventLog::open(&folder, standing)?)
}
