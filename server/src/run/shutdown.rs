//! The one signal that sources hear: SIGINT or SIGTERM, or a test's own word.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Set once; everybody who waits goes on.
#[derive(Clone, Default)]
pub(crate) struct Shutdown(Arc<(Mutex<bool>, Condvar)>);

impl Shutdown {
    /// A shutdown that SIGINT and SIGTERM set. Must be called inside a tokio runtime.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let shutdown = Self::default();
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let (mut signals, shutdown) = (signal(kind)?, shutdown.clone());
            tokio::spawn(async move {
                signals.recv().await;
                shutdown.set();
            });
        }
        Ok(shutdown)
    }

    fn set(&self) {
        let (set, changed) = &*self.0;
        *set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Blocks this thread until the shutdown is set.
    pub(crate) fn wait(&self) {
        let (set, changed) = &*self.0;
        let guard = set.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(guard, |set| !*set));
    }
}
