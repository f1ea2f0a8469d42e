//! One target's task: a look for each window of its grid, until it is told to end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::{Semaphore, watch};
use weir_sample::Timestamp;

use crate::board::{Board, Entry};
use crate::clock::{now, until};
use crate::look::Looker;
use crate::outbox::Outbox;
use crate::sockets::Sockets;
use crate::target::Target;
use weir_fetch::{Client, Room};

/// What a target's task goes by.
#[derive(Clone)]
pub(crate) struct Order {
    /// The target as the configuration has it now.
    pub target: Arc<Target>,
    pub client: Arc<Client>,
    pub end: End,
}

/// Whether and how a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Never,
    /// Others ask it from now on; no window from this time on is for this task.
    At(Timestamp),
    /// It is no target any more, and its series end.
    Gone,
}

/// What all tasks share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub outbox: Outbox,
    pub board: Arc<Board>,
    pub room: Room,
    pub sockets: Sockets,
    /// Looks that are late, at once: all are after a start, and targets are not to hear that as one blow.
    pub late: Arc<Semaphore>,
}

pub(crate) const MOST_LATE: usize = 32;
/// A later look waits for its turn among those that are late.
const LATE_MS: i64 = 100;

/// Begins with the window that is now: whoever asked before may not have come to it.
pub(crate) async fn follow(entry: Arc<Entry>, mut orders: watch::Receiver<Order>, shared: Shared) {
    let _running = shared.board.runs();
    let Order { target, client, .. } = orders.borrow_and_update().clone();
    let id = target.id;
    let mut looker = Looker::new(target, client, shared.room.clone());
    let mut due = looker.target.current(now());
    loop {
        let order = orders.borrow_and_update().clone();
        looker.renew(order.target, order.client);
        match order.end {
            End::Gone => {
                tokio::time::sleep(until(due)).await;
                // Whoever still has the target is to be first.
                tokio::time::sleep(looker.target.interval / 2).await;
                return shared.outbox.push(id, looker.gone(due));
            }
            End::At(time) if due >= time => return,
            _ => {}
        }
        tokio::select! {
            () = tokio::time::sleep(until(due)) => {}
            changed = orders.changed() => match changed {
                Ok(()) => continue,
                // The collector is no more.
                Err(_) => return,
            },
        }
        let late = now().millis() - due.millis();
        let _turn = if late >= LATE_MS { shared.late.acquire().await.ok() } else { None };
        let _socket = if looker.has_connection() { None } else { shared.sockets.pass().await };
        due = due.max(looker.target.current(now()));
        look(&mut looker, due, &entry, &shared).await;
        looker.keep_connection(&shared.sockets);
        due = looker.target.after(due, now());
    }
}

async fn look(looker: &mut Looker, due: Timestamp, entry: &Entry, shared: &Shared) {
    let begun = now();
    let looked = looker.look(due).await;
    let counts = &shared.board.counts;
    counts.looks.fetch_add(1, Relaxed);
    counts.samples.fetch_add(looked.samples as u64, Relaxed);
    counts.lateness(begun.millis().saturating_sub(due.millis()).max(0) as u64);
    if let Some(trouble) = &looked.failure {
        counts.failed(trouble.reason);
    }
    entry.looked(begun, now(), looked.failure.map(|trouble| trouble.text));
    shared.outbox.push(looker.target.id, looked.payload);
}
