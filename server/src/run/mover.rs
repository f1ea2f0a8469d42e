//! The thread that moves old blocks to the object store of `[store.cold]`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use weir_store::Store;

use crate::clock::now;

/// The thread that moves blocks to the object store.
pub(crate) struct Mover {
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Time between two looks for blocks that are old enough.
const LOOKING: Duration = Duration::from_secs(60);

impl Mover {
    pub(crate) fn start(store: Arc<Store>) -> Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let thread = std::thread::Builder::new().name("weir-cold".into()).spawn(move || keep_moving(&store, &stop));
        Ok(Self { stopping, thread: Mutex::new(Some(thread.context("starting the thread that moves old blocks")?)) })
    }

    /// Ends it. A block that is under way is moved after the next start; maintenance of the store must be stopped already.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            thread.thread().unpark();
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }
}

fn keep_moving(store: &Store, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        match store.move_cold(now()) {
            Ok(0) | Err(weir_store::Error::Stopped) => {}
            Ok(blocks) => tracing::info!(blocks, "moved to the object store"),
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::warn!(
                    error = format!("{error:#}"),
                    "blocks could not be moved to the object store; trying again"
                );
            }
        }
        std::thread::park_timeout(LOOKING);
    }
}
