//! One place that names targets, followed by a task of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::{failed, files};
use crate::config::{Group, Source};

/// What a place said last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// None before the first answer.
    pub groups: Option<Arc<Vec<Group>>>,
    /// Why there is nothing newer.
    pub fault: Option<String>,
}

/// A place and its task, which ends with this.
pub(super) struct Running {
    pub source: Source,
    pub said: watch::Receiver<Said>,
    task: AbortHandle,
}

/// Takes what a place says.
pub(super) struct Teller {
    said: watch::Sender<Said>,
    news: Arc<Notify>,
    failures: Arc<AtomicU64>,
}

impl Running {
    pub(super) fn start(source: Source, news: Arc<Notify>, failures: Arc<AtomicU64>) -> Self {
        let (sender, said) = watch::channel(Said::default());
        let (teller, followed) = (Teller { said: sender, news, failures }, source.clone());
        let task = tokio::spawn(async move {
            match followed {
                Source::Files(files) => files::follow(files, teller).await,
            }
        });
        Self { source, said, task: task.abort_handle() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Teller {
    /// The place names these, whatever it said before.
    pub(super) fn found(&self, groups: Vec<Group>) {
        self.tell(Some(groups), None);
    }

    /// It could not be asked; what it said before stays.
    pub(super) fn failed(&self, fault: String) {
        failed(&self.failures);
        self.tell(None, Some(fault));
    }

    /// Some of it could be read, and what is wrong with the rest.
    pub(super) fn found_in_part(&self, groups: Vec<Group>, fault: Option<String>) {
        if fault.is_some() {
            failed(&self.failures);
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
