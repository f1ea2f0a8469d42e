//! The store and its sink, opened together: at the start, and again after a failure.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use weir_store::{Store, StoreConfig};

use crate::senders::fleet::Counters;
use crate::{Admission, Error, Sink, SinkConfig};

/// Where store and queue are, and how they are opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Folder of the store.
    pub folder: PathBuf,
    /// How the store is opened.
    pub store: StoreConfig,
    /// How the sink is opened.
    pub sink: SinkConfig,
}

/// The store of now: after a failure it is another.
#[derive(Debug, Default)]
pub struct StoreHandle(RwLock<Option<Arc<Store>>>);

impl Opening {
    /// Opens the store as its last checkpoint left it, and a sink that goes on reading the queue from there. What is
    /// counted and which rules are in force outlives both.
    pub(crate) fn open(
        &self,
        counters: &Arc<Counters>,
        admission: &Arc<Admission>,
    ) -> Result<(Arc<Store>, Sink), Error> {
        let (store, saved) = Store::open(&self.folder, self.store.clone())?;
        let store = Arc::new(store);
        let sink = Sink::resume(&self.sink, store.clone(), &saved, counters.clone(), admission.clone())?;
        Ok((store, sink))
    }
}

impl StoreHandle {
    /// The store; `None` while it is being opened again. Nobody should keep it for longer than a question takes: it is
    /// opened again when nobody has it any more.
    pub fn current(&self) -> Option<Arc<Store>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn put(&self, store: Arc<Store>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(store);
    }

    /// Takes the store out of use. What maintenance is at with it ends soon.
    pub(crate) fn close(&self) {
        if let Some(store) = self.0.write().unwrap_or_else(PoisonError::into_inner).take() {
            store.stop_maintenance();
        }
    }
}

impl From<Arc<Store>> for StoreHandle {
    fn from(store: Arc<Store>) -> Self {
        Self(RwLock::new(Some(store)))
    }
}
