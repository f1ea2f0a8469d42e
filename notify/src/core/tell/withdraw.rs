//! What keeps alerts quiet is asked again before each try, as each retry of Alertmanager's does: a silence that is made while a channel
//! is down holds for what waits there too.

use weir_sample::Timestamp;

use super::finish::sent;
use crate::core::notifier::Notifier;
use crate::held::{Held, Key};
use crate::keep::{Error, IntentHead};
use crate::quiet::is_muted;

/// Stands in the history.
const WHY: &str = "withdrawn: a silence, another alert or the hours of its route keep it quiet now";

impl Notifier {
    /// Whether another alert or a silence keeps this one quiet.
    pub(super) fn is_quiet(&self, key: Key, held: &Held, now: Timestamp) -> bool {
        let inhibited = || self.inhibitor.by(key, &held.labels).any(|source| self.book.key_fires((key.0, source), now));
        self.silences.hold(key.0, &held.labels, now) || inhibited()
    }

    /// Whether an alert of a notification is kept quiet that was not when it was made.
    pub(super) fn is_quiet_now(&self, head: &IntentHead, now: Timestamp) -> bool {
        let route = self.group_of(head).and_then(|group| self.config.routes.get(self.groups.all.get(&group)?.route));
        if route.is_some_and(|route| is_muted(&self.config, route, now)) {
            return true;
        }
        // The resolved ones stand in the head even where its channel does not hear of them.
        let told = head.firing.iter().chain(&head.resolved).take(head.alerts);
        let mut entries = told.filter_map(|number| {
            let key = (head.tenant, *number);
            Some((key, self.book.entries.get(&key)?))
        });
        entries.any(|(key, entry)| self.is_quiet(key, &entry.held, now))
    }

    /// Forgets notifications that are not to be told any more, and makes what is left of them anew.
    pub(super) fn withdraw(&mut self, now: Timestamp, ids: Vec<u64>) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let write = self.store.write()?;
        let mut groups = Vec::new();
        for id in &ids {
            write.forget_intent(*id)?;
            let (Some(waiting), Some(head)) = (self.lanes.waiting.get(id), self.store.intent_head(*id)?) else {
                continue;
            };
            write.put_history(*id, &sent(&head, waiting, now, WHY))?;
            groups.extend(self.group_of(&head));
        }
        write.commit()?;
        ids.into_iter().for_each(|id| self.lanes.withdrawn(id));
        groups.into_iter().for_each(|group| self.groups.flush_at(group, now));
        Ok(())
    }

    /// The group that a notification tells of; it may be gone.
    pub(super) fn group_of(&self, head: &IntentHead) -> Option<u64> {
        let routes = self.config.routes.iter().enumerate().filter(|(_, route)| route.receiver == head.receiver);
        self.groups.find(routes.map(|(number, _)| number), &head.group_key)
    }
}
