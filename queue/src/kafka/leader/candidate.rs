//! The thread of a candidate, which follows and leads.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::Duration,
};

use super::{
    follow::Follow,
    known::{Leading, Shared},
    term::Term,
};
use crate::{Error, kafka::cluster::ClusterConfig};

/// A candidate: it follows whoever leads, and leads when nobody does.
#[derive(Debug)]
pub struct Candidate {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
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
            std::thread::Builder::new().name("queue-leader".into()).spawn(move || follow_for_ever(&for_thread));
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

/// Follows from the topic's beginning, again and again: after a term nothing in memory is sure to be in the topic.
fn follow_for_ever(shared: &Shared) {
    while !shared.is_stopping() {
        let outcome = Follow::begin(shared).and_then(|mut follow| follow.run());
        let reason = outcome.err().map(|error| error.to_string());
        shared.change(|state| {
            if let Some(term) = state.term.take() {
                let reason = reason.clone().unwrap_or_else(|| "this process has resigned".into());
                tracing::warn!(reason, "alerting is led here no longer");
                term.end(&reason);
            }
            (state.leader, state.trouble) = (None, reason);
        });
        if !shared.is_stopping() {
            std::thread::sleep(AGAIN);
        }
    }
}
