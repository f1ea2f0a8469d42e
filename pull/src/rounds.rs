//! The loop: who is a target now, each with a task that asks it on its grid.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::oneshot;
use weir_wire::AgentId;

use crate::clock::{now, until};
use crate::config::Config;
use crate::discovery::Discovery;
use crate::http::{Client, Room};
use crate::look::Looker;
use crate::outbox::Outbox;
use crate::uplink::Uplink;

const DISCOVER_EVERY: Duration = Duration::from_secs(2);
const TELL_EVERY: Duration = Duration::from_secs(60);
/// What all large answers may take together.
const ROOM_BYTES: usize = 256 << 20;

#[derive(Default)]
struct Counts {
    looks: AtomicU64,
    failed: AtomicU64,
}

/// All that one target's task has.
struct Task {
    looker: Looker,
    outbox: Outbox,
    counts: Arc<Counts>,
    /// Says that it is no target any more.
    gone: oneshot::Receiver<()>,
}

/// Asks all targets, until the future is dropped.
///
/// # Errors
/// A job's TLS settings cannot be used, in words.
pub async fn collect(config: Config, uplink: Uplink) -> Result<(), String> {
    let mut clients = HashMap::new();
    for job in &config.jobs {
        let client = Client::new(&job.client).map_err(|fault| format!("job {:?}: {fault}", job.name))?;
        clients.insert(job.name.clone(), Arc::new(client));
    }
    let (outbox, counts, room) = (Outbox::default(), Arc::<Counts>::default(), Room::of(ROOM_BYTES));
    let _sending = tokio::spawn(uplink.send(outbox.clone()));
    let mut discovery = Discovery::new(config.jobs.into_iter().map(Arc::new).collect());
    let mut running: HashMap<AgentId, oneshot::Sender<()>> = HashMap::new();
    let mut told = tokio::time::Instant::now();
    loop {
        let (targets, faults) = discovery.look();
        for fault in faults {
            tracing::warn!(fault, "not all targets are scraped as the file has it");
        }
        for (_, gone) in running.extract_if(|id, _| !targets.contains_key(id)) {
            // A task that is over has nothing to end.
            let _ = gone.send(());
        }
        for (id, target) in targets {
            running.entry(id).or_insert_with(|| {
                let (sender, gone) = oneshot::channel();
                let client = clients[&target.job.name].clone();
                let looker = Looker::new(target, client, room.clone());
                tokio::spawn(follow(Task { looker, outbox: outbox.clone(), counts: counts.clone(), gone }));
                sender
            });
        }
        if told.elapsed() >= TELL_EVERY {
            told = tokio::time::Instant::now();
            let (looks, failed) = (counts.looks.swap(0, Relaxed), counts.failed.swap(0, Relaxed));
            let dropped = outbox.dropped();
            tracing::info!(targets = running.len(), looks, failed, dropped, "looks of the last minute");
        }
        tokio::time::sleep(DISCOVER_EVERY).await;
    }
}

async fn follow(task: Task) {
    let Task { mut looker, outbox, counts, mut gone } = task;
    let id = looker.target.id;
    loop {
        let due = looker.target.next(now());
        tokio::select! {
            () = tokio::time::sleep(until(due)) => {}
            ended = &mut gone => {
                // Dropped without a word, the collector stops, and another goes on.
                if ended.is_ok() {
                    tokio::time::sleep(until(due)).await;
                    outbox.push(id, looker.gone(due));
                }
                return;
            }
        }
        let looked = looker.look(due).await;
        counts.looks.fetch_add(1, Relaxed);
        counts.failed.fetch_add(u64::from(looked.failure.is_some()), Relaxed);
        outbox.push(id, looked.payload);
    }
}
