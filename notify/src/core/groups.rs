//! Alerts that are told together, and when.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use std::time::Duration;

use weir_alert::event::Pairs;
use weir_alert::routing::{GroupBy, Labels, Route};
use weir_sample::Timestamp;

use crate::held::Packed;

#[derive(Debug)]
pub(super) struct Group {
    pub(super) route: usize,
    pub(super) tenant: u32,
    pub(super) labels: Pairs,
    /// As in Alertmanager's webhooks.
    pub(super) key: String,
    /// Fingerprints.
    pub(super) members: HashSet<u64>,
    pub(super) next_flush: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) all: HashMap<u64, Group>,
    by_name: HashMap<(usize, String), u64>,
    due: BTreeSet<(Timestamp, u64)>,
    next: u64,
}

impl Groups {
    /// Puts an alert into its group of a route; a new group is told at `first_flush`.
    pub(super) fn join(
        &mut self,
        number: usize,
        route: &Route,
        tenant: u32,
        alert: (u64, &Packed),
        first_flush: Timestamp,
    ) -> u64 {
        let labels = group_labels(route, alert.1);
        let key = group_key(&route.key, tenant, &labels);
        let name = (number, key);
        let id = match self.by_name.get(&name) {
            Some(id) => *id,
            None => {
                self.next += 1;
                let key = name.1.clone();
                let group =
                    Group { route: number, tenant, labels, key, members: HashSet::new(), next_flush: first_flush };
                self.all.insert(self.next, group);
                self.due.insert((first_flush, self.next));
                self.by_name.insert(name, self.next);
                self.next
            }
        };
        if let Some(group) = self.all.get_mut(&id) {
            group.members.insert(alert.0);
        }
        id
    }

    /// The group of this key of one of these routes.
    pub(super) fn find(&self, routes: impl Iterator<Item = usize>, key: &str) -> Option<u64> {
        routes.filter_map(|route| self.by_name.get(&(route, key.to_owned()))).next().copied()
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next group whose time has come.
    pub(super) fn due(&self, now: Timestamp) -> Option<u64> {
        self.due.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// The clock was set back by so much: what waited for a time waits for as long as it would have.
    pub(super) fn set_back(&mut self, by: Duration) {
        self.due = std::mem::take(&mut self.due).into_iter().map(|(at, id)| (at.minus(by), id)).collect();
        self.all.values_mut().for_each(|group| group.next_flush = group.next_flush.minus(by));
    }

    pub(super) fn flush_at(&mut self, id: u64, at: Timestamp) {
        if let Some(group) = self.all.get_mut(&id) {
            self.due.remove(&(group.next_flush, id));
            group.next_flush = at;
            self.due.insert((at, id));
        }
    }

    pub(super) fn remove(&mut self, id: u64) {
        if let Some(group) = self.all.remove(&id) {
            self.due.remove(&(group.next_flush, id));
            self.by_name.remove(&(group.route, group.key));
        }
    }
}

fn group_labels(route: &Route, labels: &Packed) -> Pairs {
    match &route.group_by {
        GroupBy::All => labels.pairs(),
        GroupBy::Labels(names) => {
            let values = names.iter().map(|name| (name.clone(), labels.label(name).to_owned()));
            values.filter(|(_, value)| !value.is_empty()).collect()
        }
    }
}

fn group_key(route: &str, tenant: u32, labels: &Pairs) -> String {
    let mut key = String::new();
    if tenant != 0 {
        _ = write!(key, "tenant/{tenant}/");
    }
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    _ = write!(key, "{route}:{{{}}}", labels.join(", "));
    key
}
