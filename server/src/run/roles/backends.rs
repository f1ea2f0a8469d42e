//! The backends of a sink: other engines that get what it stores.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use weir_backend::{Backend, Feed};
use weir_sample::{Reading, Timestamp};
use weir_sink::Service;

use crate::config::{BackendSettings, backends};

/// All that run.
pub(super) struct Backends(Arc<Vec<Backend>>);

impl Backends {
    /// Starts them over a sink's store, and has it wait for them before a checkpoint.
    pub(super) fn start(settings: &[BackendSettings], data: &Path, service: &Arc<Service>) -> Result<Self> {
        let mut all = Vec::new();
        for config in backends(settings).map_err(anyhow::Error::msg)? {
            let (store, of_sink) = (service.store(), service.clone());
            let feed: Arc<Feed> = Arc::new(move || {
                let complete = of_sink.complete_to();
                Some((store.current()?, complete)).filter(|_| complete != Timestamp::default())
            });
            let (name, folder) = (config.name.clone(), data.join("backends").join(&config.name));
            let backend = Backend::start(config, folder, feed);
            all.push(backend.map_err(|error| anyhow!("starting the backend {name:?}: {error}"))?);
        }
        let all = Arc::new(all);
        if !all.is_empty() {
            let before = all.clone();
            service.before_checkpoints(Box::new(move || {
                before.iter().try_for_each(|backend| {
                    backend.save_late().map_err(|error| format!("a backend's progress cannot be written: {error}"))
                })
            }));
        }
        Ok(Self(all))
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
