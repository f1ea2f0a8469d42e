//! What a place that names targets says, and what tells it to the loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{Notify, watch};

use crate::config::Group;

/// What a place said last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// None before the first answer.
    pub groups: Option<Arc<Vec<Group>>>,
    /// Why there is nothing newer.
    pub fault: Option<String>,
}

/// Takes what a place says.
pub(super) struct Teller {
    said: watch::Sender<Said>,
    news: Arc<Notify>,
    failures: Arc<AtomicU64>,
}

impl Teller {
    pub(super) fn new(said: watch::Sender<Said>, news: Arc<Notify>, failures: Arc<AtomicU64>) -> Self {
        Self { said, news, failures }
    }

    /// The place names these, whatever it said before.
    pub(super) fn found(&self, groups: Vec<Group>) {
        self.tell(Some(groups), None);
    }

    /// It could not be asked; what it said before stays.
    pub(super) fn failed(&self, fault: String) {
        self.failures.fetch_add(1, Relaxed);
        self.tell(None, Some(fault));
    }

    /// Some of it could be read, and what is wrong with the rest.
    pub(super) fn found_in_part(&self, groups: Vec<Group>, fault: Option<String>) {
        if fault.is_some() {
            self.failures.fetch_add(1, Relaxed);
        }
        self.tell(Some(groups), fault);
    }

    fn tell(&self, groups: Option<Vec<Group>>, fault: Option<String>) {
        let is_new = self.said.send_if_modified(|said| {
            let are_new = groups.as_ref().is_some_and(|groups| said.groups.as_deref() != Some(groups));
            if are_new {
                said.groups = groups.map(Arc::new);
            }
            are_new | (std::mem::replace(&mut said.fault, fault.clone()) != fault)
        });
        if is_new {
            self.news.notify_one();
        }
    }
}
