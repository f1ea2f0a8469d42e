//! A group's time has come: what of it is to be told, and to whom.

use std::collections::BTreeSet;

use weir_alert::event::{Event, Pairs};
use weir_sample::Timestamp;

use super::decide::{Decision, Now, decide};
use crate::core::accept::log_name;
use crate::core::groups::Group;
use crate::core::lanes::Name;
use crate::core::notifier::Notifier;
use crate::held::{Held, Key};
use crate::keep::{Error, Intent, IntentHead, LogEntry, Reason, Write};
use crate::quiet::is_muted;

/// One transaction takes no more groups and bytes than this.
const MOST_GROUPS: usize = 2_000;
const MOST_BYTES: usize = 8 << 20;

/// What one transaction changes; memory follows after it is safe.
#[derive(Default)]
struct Changes {
    intents: Vec<(u64, Name, String)>,
    log: Vec<(String, LogEntry)>,
    gone_logs: Vec<String>,
    gone_alerts: Vec<Key>,
    bytes: usize,
}

/// A group's alerts as of now, by what is to become of them.
struct Sorted<'n> {
    firing: Vec<(u64, &'n Held)>,
    resolved: Vec<(u64, &'n Held)>,
    /// Resolved, whether told or kept quiet.
    over: Vec<u64>,
}

impl Notifier {
    /// Flushes some of the groups that are due; false if none was.
    pub(in crate::core) fn flush_some(&mut self, now: Timestamp) -> Result<bool, Error> {
        if self.groups.due(now).is_none() {
            return Ok(false);
        }
        let write = self.store.write()?;
        let (mut changes, mut flushed) = (Changes::default(), 0);
        while let Some(id) = self.groups.due(now).filter(|_| flushed < MOST_GROUPS && changes.bytes < MOST_BYTES) {
            flushed += 1;
            self.flush(id, now, &write, &mut changes)?;
        }
        write.set_meta("next_id", &self.next_id.to_le_bytes())?;
        write.forget_alerts(&changes.gone_alerts)?;
        changes.gone_logs.iter().try_for_each(|name| write.forget_log(name))?;
        changes.log.iter().try_for_each(|(name, entry)| write.put_log(name, entry))?;
        write.commit()?;
        self.log.extend(changes.log);
        changes.gone_logs.iter().for_each(|name| drop(self.log.remove(name)));
        for (id, lane, log_name) in changes.intents {
            self.lanes.add(id, lane, log_name, now, now);
        }
        Ok(true)
    }

    fn flush(&mut self, id: u64, now: Timestamp, write: &Write, changes: &mut Changes) -> Result<(), Error> {
        let Some(route) = self.groups.all.get(&id).and_then(|group| self.config.routes.get(group.route)) else {
            self.groups.remove(id);
            return Ok(());
        };
        let (interval, muted) = (route.group_interval, is_muted(&self.config, route, now));
        self.forget_over(id, now, changes, |this, group, number| this.all_know(group, number));
        let mut settled = true;
        if !muted {
            settled = self.tell(id, now, write, changes)?;
        }
        self.groups.flush_at(id, now.plus(interval));
        // What is over and needs to be told to nobody any more is forgotten.
        if settled {
            self.forget_over(id, now, changes, |_, _, _| true);
        }
        Ok(())
    }

    /// Whether each channel of a group has been told that this alert is over.
    fn all_know(&self, group: &Group, number: u64) -> bool {
        let receiver = self.config.routes.get(group.route).and_then(|route| self.config.receivers.get(&route.receiver));
        let mut channels = receiver.into_iter().flat_map(|one| one.channels.iter().map(move |channel| (one, channel)));
        channels.all(|(receiver, channel)| {
            let name = log_name(&(receiver.name.clone(), channel.name.clone()), &group.key);
            let told = self.log.get(&name).is_some_and(|entry| entry.resolved.binary_search(&number).is_ok());
            told && !self.lanes.is_claimed(&name)
        })
    }

    /// Makes what is to be told of a group; true if nobody is to be told anything, now or by what waits.
    fn tell(&mut self, id: u64, now: Timestamp, write: &Write, changes: &mut Changes) -> Result<bool, Error> {
        let (Some(group), mut next_id) = (self.groups.all.get(&id), self.next_id) else { return Ok(true) };
        let sorted = self.sort(group, now, true);
        if sorted.firing.is_empty() && sorted.resolved.is_empty() {
            return Ok(true);
        }
        let numbers = |alerts: &[(u64, &Held)]| alerts.iter().map(|(number, _)| *number).collect::<Vec<u64>>();
        let (firing, resolved) = (numbers(&sorted.firing), numbers(&sorted.resolved));
        let route = self.config.routes.get(group.route);
        let receiver = route.and_then(|route| Some((route, self.config.receivers.get(&route.receiver)?)));
        let Some((route, receiver)) = receiver else { return Ok(true) };
        let mut settled = true;
        for channel in &receiver.channels {
            let lane = (receiver.name.clone(), channel.name.clone());
            let name = log_name(&lane, &group.key);
            if self.lanes.is_claimed(&name) {
                settled = false;
                continue;
            }
            let sends_resolved = channel.send_resolved;
            let told = Now { firing: &firing, resolved: &resolved, sends_resolved, now, repeat: route.repeat_interval };
            match decide(self.log.get(&name), told) {
                Decision::Nothing => {}
                Decision::Note => {
                    let entry = LogEntry { sent_ms: now.millis(), firing: firing.clone(), resolved: resolved.clone() };
                    changes.log.push((name, entry));
                }
                Decision::Tell(reason) => {
                    settled = false;
                    let intent = self.intent(next_id, &lane, group, &sorted, (sends_resolved, reason, now))?;
                    write.put_intent(next_id, &intent)?;
                    changes.bytes += intent.lines.len();
                    changes.intents.push((next_id, lane, name));
                    next_id += 1;
                }
            }
        }
        self.next_id = next_id;
        Ok(settled)
    }

    fn sort(&self, group: &Group, now: Timestamp, quietly: bool) -> Sorted<'_> {
        let mut sorted = Sorted { firing: Vec::new(), resolved: Vec::new(), over: Vec::new() };
        let mut members: Vec<u64> = group.members.iter().copied().collect();
        members.sort_unstable();
        for number in members {
            let key = (group.tenant, number);
            let Some(entry) = self.book.entries.get(&key) else {
                sorted.over.push(number);
                continue;
            };
            let fires = self.book.fires(&entry.held, now);
            if !fires {
                sorted.over.push(number);
            }
            if quietly && self.is_quiet(key, &entry.held, now) {
                continue;
            }
            if fires { &mut sorted.firing } else { &mut sorted.resolved }.push((number, &entry.held));
        }
        sorted
    }

    fn intent(
        &self,
        id: u64,
        lane: &Name,
        group: &Group,
        sorted: &Sorted<'_>,
        how: (bool, Reason, Timestamp),
    ) -> Result<Intent, Error> {
        let (sends_resolved, reason, now) = how;
        let firing = sorted.firing.iter().map(|(_, held)| held.event(true));
        let resolved = sorted.resolved.iter().filter(|_| sends_resolved).map(|(_, held)| held.event(false));
        let (mut lines, mut alerts, mut common, mut mixed) = (Vec::new(), 0, None, BTreeSet::new());
        for event in firing.chain(resolved) {
            narrow(&mut common, &event);
            note_names(&mut mixed, &event);
            serde_json::to_writer(&mut lines, &event)?;
            lines.push(b'\n');
            alerts += 1;
        }
        let (common_labels, common_annotations) = common.unwrap_or_default();
        mixed.retain(|name| !common_labels.contains_key(name));
        let head = IntentHead {
            key: format!("{}-{id}", self.store_id),
            tenant: group.tenant,
            receiver: lane.0.clone(),
            channel: lane.1.clone(),
            group_key: group.key.clone(),
            group_labels: group.labels.clone(),
            common_labels,
            mixed,
            common_annotations,
            reason,
            created_ms: now.millis(),
            firing: sorted.firing.iter().map(|(number, _)| *number).collect(),
            resolved: sorted.resolved.iter().map(|(number, _)| *number).collect(),
            alerts,
            is_firing: !sorted.firing.is_empty(),
        };
        Ok(Intent { head, lines })
    }

    /// Forgets those alerts of a group that are over and of which `may_go` says so, and the group with the last.
    fn forget_over(
        &mut self,
        id: u64,
        now: Timestamp,
        changes: &mut Changes,
        may_go: impl Fn(&Self, &Group, u64) -> bool,
    ) {
        let Some(group) = self.groups.all.get(&id) else { return };
        let mut over = self.sort(group, now, false).over;
        over.retain(|number| may_go(self, group, *number));
        let tenant = group.tenant;
        for number in over {
            let key = (tenant, number);
            if let Some(group) = self.groups.all.get_mut(&id) {
                group.members.remove(&number);
            }
            let Some(entry) = self.book.entries.get_mut(&key) else { continue };
            entry.groups.retain(|other| *other != id);
            if entry.groups.is_empty() {
                self.inhibitor.note(key, &entry.held.labels, false);
                self.book.entries.remove(&key);
                changes.gone_alerts.push(key);
            }
        }
        if let Some(group) = self.groups.all.get(&id).filter(|group| group.members.is_empty()) {
            let receiver =
                self.config.routes.get(group.route).and_then(|route| self.config.receivers.get(&route.receiver));
            for (receiver, channel) in
                receiver.into_iter().flat_map(|one| one.channels.iter().map(move |channel| (one, channel)))
            {
                let name = log_name(&(receiver.name.clone(), channel.name.clone()), &group.key);
                // A note of this very flush would outlive its group.
                changes.log.retain(|(noted, _)| *noted != name);
                changes.gone_logs.push(name);
            }
            self.groups.remove(id);
        }
    }
}

/// Keeps of what all alerts so far have in common what this one has too.
fn narrow(common: &mut Option<(Pairs, Pairs)>, event: &Event) {
    match common {
        None => *common = Some((event.labels.clone(), event.annotations.clone())),
        Some((labels, annotations)) => {
            labels.retain(|name, value| event.labels.get(name) == Some(value));
            annotations.retain(|name, value| event.annotations.get(name) == Some(value));
        }
    }
}

/// Adds the names of an alert's labels; most are there already.
fn note_names(names: &mut BTreeSet<String>, event: &Event) {
    for name in event.labels.keys() {
        if !names.contains(name) {
            names.insert(name.clone());
        }
    }
}
