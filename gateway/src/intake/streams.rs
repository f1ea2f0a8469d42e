//! What all TLS connections of a gateway share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::ingest::Ingest;
use crate::{StreamConfig, shared::Shared};

pub(crate) struct Streams {
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: StreamConfig,
    ingest: Mutex<Ingest>,
    stop: watch::Receiver<bool>,
}

impl Streams {
    pub(crate) fn new(shared: Arc<Shared>, config: StreamConfig, ingest: Ingest, stop: watch::Receiver<bool>) -> Self {
        Self { shared, config, ingest: Mutex::new(ingest), stop }
    }

    /// Counts a connection that ends, or a batch, under this reason.
    pub(crate) fn refuse(&self, reason: &str) {
        self.shared.counters.refused.count(reason, 1);
    }

    /// Connections share a thread, so its lock is never waited for.
    pub(crate) fn ingest(&self) -> MutexGuard<'_, Ingest> {
        self.ingest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the gateway stops.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let mut stop = self.stop.clone();
        async move {
            // An error means that whoever could say so is gone, which says it too.
            let _ = stop.wait_for(|stop| *stop).await;
        }
    }
}
