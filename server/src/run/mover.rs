//! The thread that moves old blocks to the object store of `[store.cold]`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use weir_sample::Reading;
use weir_sink::{Health, StoreHandle};

use crate::clock::now;

/// The thread that moves blocks to the object store.
pub(crate) struct Mover {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    store: Arc<StoreHandle>,
    health: Health,
    stopping: AtomicBool,
}

/// Time between two looks for blocks that are old enough.
const LOOKING: Duration = Duration::from_secs(60);

impl Mover {
    pub(crate) fn start(store: Arc<StoreHandle>) -> Result<Self> {
        let shared = Arc::new(Shared { store, health: Health::new("cold"), stopping: AtomicBool::new(false) });
        let for_thread = shared.clone();
        let thread = std::thread::Builder::new().name("weir-cold".into()).spawn(move || for_thread.keep_moving());
        Ok(Self { shared, thread: Mutex::new(Some(thread.context("starting the thread that moves old blocks")?)) })
    }

    /// Why nothing is moved, while it fails.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.shared.health.reason().map(|reason| format!("old blocks stay here: {reason}"))
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        self.shared.health.readings()
    }

    /// Ends it. A block that is under way is moved after the next start; maintenance of the store must be stopped already.
    pub(crate) fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            thread.thread().unpark();
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }
}

impl Shared {
    fn keep_moving(&self) {
        while !self.stopping.load(Ordering::Acquire) {
            match self.store.current().map(|store| store.move_cold(now())) {
                Some(Ok(blocks)) => {
                    self.health.works();
                    if blocks > 0 {
                        tracing::info!(blocks, "moved to the object store");
                    }
                }
                Some(Err(weir_store::Error::Stopped | weir_store::Error::Refusing(_))) | None => {}
                Some(Err(error)) => self.health.failed(&error),
            }
            std::thread::park_timeout(LOOKING);
        }
    }
}
