//! One of several processes leads, and what it has to remember is in a topic: whoever leads after it goes on from there.
//!
//! All candidates read the one partition of `PREFIX.alerts.state`. The leader says once a second that it is alive; when nothing
//! was heard for five looks at brokers that answer, a candidate claims, and the last claim in the partition's order
//! decides: no clock, and no other coordinator. The leader's files are held in memory (`image.rs`), and a sync of one is
//! done when its pages came back through the partition with no other claim before them (`term.rs`). What an earlier
//! leader writes after that, not knowing, counts for nobody, and the leader writes those pages again, since the topic
//! forgets all but the last of each (docs/decisions/0023).

mod follow;
mod image;
mod term;
mod word;

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

pub use term::Term;

use super::cluster::ClusterConfig;
use crate::Error;
use follow::Follow;

/// A candidate: it follows whoever leads, and leads when nobody does.
#[derive(Debug)]
pub struct Candidate {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    cluster: ClusterConfig,
    /// Where people and programs reach this process.
    address: String,
    state: Mutex<State>,
    changed: Condvar,
    stopping: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    term: Option<Arc<Term>>,
    leader: Option<Leading>,
    /// Why it is not known who leads.
    trouble: Option<String>,
    terms: u64,
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leading {
    /// Host, process, and a number of its own.
    pub by: String,
    /// Where it is reached.
    pub address: String,
    /// Whether it is this process.
    pub is_here: bool,
}

impl Candidate {
    /// Begins to follow. Brokers need not be there yet.
    ///
    /// # Errors
    /// [`Error::Kafka`] if a thread cannot be started.
    pub fn start(cluster: &ClusterConfig, address: &str) -> Result<Self, Error> {
        let address = address.replace(char::is_whitespace, "");
        let (state, changed, stopping) = Default::default();
        let shared = Arc::new(Shared { cluster: cluster.clone(), address, state, changed, stopping });
        let for_thread = shared.clone();
        let thread =
            std::thread::Builder::new().name("queue-leader".into()).spawn(move || for_thread.follow_for_ever());
        let thread = thread.map_err(|error| Error::Kafka(format!("a thread cannot be started: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Waits for as long as `patience` until this process leads.
    pub fn wait_to_lead(&self, patience: Duration) -> Option<Arc<Term>> {
        let state = self.shared.state();
        let waited = self.shared.changed.wait_timeout_while(state, patience, |state| state.term.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.term.clone().filter(|term| term.over().is_none())
    }

    /// Who leads, if somebody does.
    pub fn leader(&self) -> Option<Leading> {
        self.shared.state().leader.clone()
    }

    /// Why it is not known who leads, if so.
    pub fn trouble(&self) -> Option<String> {
        self.shared.state().trouble.clone()
    }

    /// How often this process has begun to lead.
    pub fn terms(&self) -> u64 {
        self.shared.state().terms
    }

    /// Leads no longer, and says so: another may at once.
    pub fn resign(&self) {
        self.shared.stopping.store(true, Relaxed);
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.resign();
        if let Some(thread) = self.thread.take() {
            // A panic was reported by its own thread.
            let _ = thread.join();
        }
    }
}

/// Pause after brokers could not be reached, or this process was deposed.
const AGAIN: Duration = Duration::from_secs(1);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Follows from the topic's beginning, again and again: after a term nothing in memory is sure to be in the topic.
    fn follow_for_ever(&self) {
        while !self.is_stopping() {
            let outcome = Follow::begin(self).and_then(|mut follow| follow.run());
            let reason = outcome.err().map(|error| error.to_string());
            self.change(|state| {
                if let Some(term) = state.term.take() {
                    let reason = reason.clone().unwrap_or_else(|| "this process has resigned".into());
                    tracing::warn!(reason, "alerting is led here no longer");
                    term.end(&reason);
                }
                (state.leader, state.trouble) = (None, reason);
            });
            if !self.is_stopping() {
                std::thread::sleep(AGAIN);
            }
        }
    }
}
