//! The backends of a sink: other engines that get what it stores.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use weir_backend::{Backend, Feed};
use weir_sample::{Reading, Timestamp};
use weir_sink::{Beside, Service};
use weir_store::Store;

use crate::config::{BackendSettings, backends};

/// All of a sink: made before it, for they hear of each write to its store.
pub(super) struct Backends(Vec<Backend>);

impl Backends {
    /// Reads how far each is.
    pub(super) fn open(settings: &[BackendSettings], data: &Path) -> Result<Arc<Self>> {
        let all = backends(settings).map_err(anyhow::Error::msg)?.into_iter().map(|config| {
            let (name, folder) = (config.name.clone(), data.join("backends").join(&config.name));
            Backend::open(config, folder).map_err(|error| anyhow!("starting the backend {name:?}: {error}"))
        });
        Ok(Arc::new(Self(all.collect::<Result<_>>()?)))
    }

    /// Begins to send what the sink stores.
    pub(super) fn start(&self, service: &Arc<Service>) -> Result<()> {
        let (store, of_sink) = (service.store(), service.clone());
        let feed: Arc<Feed> = Arc::new(move || {
            let complete = of_sink.complete_to();
            Some((store.current()?, complete)).filter(|_| complete != Timestamp::default())
        });
        self.0.iter().try_for_each(|backend| backend.start(feed.clone())).map_err(anyhow::Error::msg)
    }

    pub(super) fn troubles(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(Backend::trouble)
    }

    pub(super) fn readings(&self) -> Vec<Reading> {
        self.0.iter().flat_map(Backend::readings).collect()
    }

    pub(super) fn stop(&self) {
        self.0.iter().for_each(Backend::stop);
    }
}

impl Beside for Backends {
    fn opened(&self, store: &Store) {
        self.0.iter().for_each(|backend| backend.opened(store));
    }

    fn closed(&self) {
        self.0.iter().for_each(Backend::closed);
    }

    fn before_checkpoint(&self) -> Result<(), String> {
        let save = |backend: &Backend| {
            backend.save_late().map_err(|error| format!("a backend's progress cannot be written: {error}"))
        };
        self.0.iter().try_for_each(save)
    }
}
