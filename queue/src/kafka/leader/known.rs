//! What a candidate knows of who leads, for whoever asks it.

use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use super::term::Term;
use crate::kafka::cluster::ClusterConfig;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cluster: ClusterConfig,
    /// Where people and programs reach this process.
    pub(super) address: String,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
    pub(super) stopping: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) term: Option<Arc<Term>>,
    pub(super) leader: Option<Leading>,
    /// Why it is not known who leads.
    pub(super) trouble: Option<String>,
    pub(super) terms: u64,
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

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }
}
