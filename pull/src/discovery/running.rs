//! One place that names targets, followed by a task of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::said::{Said, Teller};
use super::{consul, dns, etcd, files, http, kubernetes};
use crate::config::Source;

/// A place and its task, which ends with this.
pub(super) struct Running {
    pub source: Source,
    pub said: watch::Receiver<Said>,
    task: AbortHandle,
}

impl Running {
    pub(super) fn start(source: Source, news: Arc<Notify>, failures: Arc<AtomicU64>) -> Self {
        let (sender, said) = watch::channel(Said::default());
        let (teller, followed) = (Teller::new(sender, news, failures), source.clone());
        let task = tokio::spawn(async move {
            match followed {
                Source::Files(files) => files::follow(files, teller).await,
                Source::Http(asked) => http::follow(asked, teller).await,
                Source::Dns(dns) => dns::follow(dns, teller).await,
                Source::Etcd(asked) => etcd::follow(asked, teller).await,
                Source::Consul(asked) => consul::follow(asked, teller).await,
                Source::Kubernetes(asked) => kubernetes::follow(asked, teller).await,
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
