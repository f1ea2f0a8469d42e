//! The thread that keeps the store in order beside its writer, as a server's threads do: what a writer waits for shows.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use weir_sample::Timestamp;
use weir_store::{Error, Store};

use super::spent::Spent;

/// Told the time, it does what is due by then.
pub(super) struct Keeper {
    times: SyncSender<Timestamp>,
    thread: JoinHandle<Result<Kept, Error>>,
}

/// What keeping took.
#[derive(Default)]
pub(super) struct Kept {
    pub maintain: Spent,
    pub checkpoints: Spent,
}

/// What the checkpoints keep for the sink.
pub(super) const STATE: &[u8] = b"bench";

const CHECKPOINT_EVERY_MS: i64 = 600_000;

impl Keeper {
    pub(super) fn start(store: &Arc<Store>) -> Self {
        let (times, told) = sync_channel(0);
        let store = Arc::clone(store);
        Self { times, thread: std::thread::spawn(move || keep(&store, &told)) }
    }

    /// Passes unheard while the keeper is at work: time runs fast here, and a server's clock does not wait either.
    pub(super) fn tell(&self, now: Timestamp) {
        let _ = self.times.try_send(now);
    }

    /// Lets the keeper do what is due by the end.
    pub(super) fn finish(self, end: Timestamp) -> Result<Kept, Error> {
        // It has ended already if it met an error, which the join tells.
        let _ = self.times.send(end);
        drop(self.times);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn keep(store: &Store, told: &Receiver<Timestamp>) -> Result<Kept, Error> {
    let (mut kept, mut written) = (Kept::default(), None);
    for now in told {
        kept.maintain.on(|| store.maintain(now))?;
        if now.millis() - *written.get_or_insert(now.millis()) >= CHECKPOINT_EVERY_MS {
            kept.checkpoints.on(|| store.checkpoint(STATE))?;
            written = Some(now.millis());
        }
    }
    Ok(kept)
}
