//! The others are watched in whatever way they are found.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::watch;

use super::fleet::{Fleet, Membership};
use super::view::View;
use super::{probe, redis};

/// Looks at the others, for ever, and tells whenever there is a difference.
pub(crate) async fn watch_members(fleet: Fleet, leaving: Arc<AtomicBool>, view: watch::Sender<Option<View>>) {
    match fleet.membership.clone() {
        Membership::Redis(leases) => redis::watch_leases(fleet.name(), leases, leaving, view).await,
        _ => probe::watch_peers(fleet, view).await,
    }
}

/// A view that is there from the beginning, and what changes it as long as the future runs.
pub(crate) fn channel(fleet: &Fleet) -> (watch::Sender<Option<View>>, watch::Receiver<Option<View>>) {
    let alone = fleet.membership == Membership::Alone;
    let me = fleet.name();
    watch::channel(alone.then(|| View::alone(me)))
}
