//! Events come in.

use std::collections::HashMap;

use weir_alert::event::{Event, Status};
use weir_alert::routing::Config;
use weir_sample::Timestamp;

use super::book::Entry;
use super::groups::Groups;
use super::lanes::Name;
use super::notifier::Notifier;
use crate::held::{Held, Key, is_rule_group};
use crate::keep::Error;

impl Notifier {
    /// Takes events in for good, and with them the position in their source up to which they reach.
    ///
    /// # Errors
    /// The file; nothing of it was taken then.
    pub fn accept(&mut self, now: Timestamp, events: &[Event], position: Option<&[u8]>) -> Result<(), Error> {
        let mut newest: HashMap<Key, &Event> = HashMap::new();
        for event in events {
            self.book.note_progress(event, now);
            let key = (event.tenant, event.fingerprint());
            let held = self.book.entries.get(&key).map(|entry| &entry.held);
            let outdated = held.is_some_and(|held| held.is_newer_than(event, now));
            let unknown = held.is_none() && event.status == Status::Resolved && !newest.contains_key(&key);
            if !outdated && !unknown {
                newest.insert(key, event);
            }
        }
        let changed = newest.iter().filter(|(key, event)| {
            let held = self.book.entries.get(key).map(|entry| &entry.held);
            held.is_none_or(|held| held.differs(event) || !is_rule_group(&event.source))
        });
        let write = self.store.write()?;
        write.put_alerts(changed.map(|(key, event)| (*key, *event)))?;
        if let Some(position) = position {
            write.set_meta("position", position)?;
        }
        write.commit()?;
        for (key, event) in newest {
            self.hold(key, event, now);
        }
        Ok(())
    }

    /// The position that came with the last events that were taken in.
    ///
    /// # Errors
    /// The file.
    pub fn position(&self) -> Result<Option<Vec<u8>>, Error> {
        self.store.meta("position")
    }

    fn hold(&mut self, key: Key, event: &Event, now: Timestamp) {
        let held = Held::of(event);
        self.inhibitor.note(key, &held.labels, self.book.fires(&held, now));
        let groups = join(&mut self.groups, &self.config, key, &held, now);
        self.book.entries.insert(key, Entry { held, groups });
    }
}

/// Puts an alert into its groups. A group whose alert has waited elsewhere already (a stall, a restart) does not wait again.
pub(super) fn join(groups: &mut Groups, config: &Config, key: Key, held: &Held, now: Timestamp) -> Vec<u64> {
    let routes = config.routes.of(&held.labels);
    let joined = routes.into_iter().filter_map(|number| {
        let route = config.routes.get(number)?;
        // Counted from its evaluation.
        let first_flush =
            Timestamp(held.evaluated_at_ms).plus(route.group_wait).min(now.plus(route.group_wait)).max(now);
        Some(groups.join(number, route, key.0, (key.1, &held.labels), first_flush))
    });
    joined.collect()
}

/// By what the log knows that a channel was told of a group.
pub(super) fn log_name(lane: &Name, group_key: &str) -> String {
    format!("{}/{}|{group_key}", lane.0, lane.1)
}
