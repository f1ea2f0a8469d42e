//! A new set of rules comes into force: what they have in common with the old keeps its alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::ask::Names;
use super::evaluator::Evaluator;
use super::group::{GroupRun, Orphan, RuleRun};
use super::schedule::Schedule;
use crate::rules::Group;
use crate::states::{Alert, SavedGroup, StateError};

impl Evaluator {
    /// Puts these groups into force. A rule of the same group, name and labels keeps its alerts, whatever else of it changed, and
    /// so does one that moved to another group or file. What is left over ends with the next evaluation of its group, unless its
    /// file is among the `unusable`: what such a file says is not known, so its alerts stay as they are.
    ///
    /// # Errors
    /// [`StateError::Failed`]; the groups are in force all the same, and a moved rule's alerts may be said again.
    pub fn load<'g>(
        &mut self,
        groups: impl IntoIterator<Item = &'g Group>,
        unusable: &BTreeSet<String>,
    ) -> Result<(), StateError> {
        let old = std::mem::take(&mut self.groups);
        let mut old: BTreeMap<String, GroupRun> = old.into_iter().map(|run| (run.key.clone(), run)).collect();
        for group in groups {
            let mut run = GroupRun::new(group.clone(), &self.settings);
            if let Some(before) = old.remove(&run.key) {
                run.take_over(before);
            } else if let Some(saved) = self.saved.remove(&run.key) {
                run.restore(saved);
            }
            self.groups.push(run);
        }
        self.groups.extend(old.into_values().map(GroupRun::end));
        let is_held = |key: &str| unusable.contains(key.rsplit_once(';').map_or(key, |(file, _)| file));
        let saved = std::mem::take(&mut self.saved).into_iter().partition(|(key, _)| is_held(key));
        let ended: BTreeMap<String, SavedGroup>;
        (self.saved, ended) = saved;
        self.groups.extend(ended.into_iter().map(|(key, saved)| gone(&key, saved, &self.settings)));
        self.link_groups();
        self.adopt()
    }

    /// The metric names that rules read, for whoever lays rows over the store.
    pub fn names_read(&self) -> Names {
        let mut names = Names::default();
        for run in &self.groups {
            names.any |= run.reads.any;
            names.some.extend(run.reads.some.iter().cloned());
        }
        names
    }

    /// Finds out which groups read what which others write.
    pub(super) fn link_groups(&mut self) {
        let mut writers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, run) in self.groups.iter().enumerate() {
            run.writes().into_iter().for_each(|name| writers.entry(name.to_owned()).or_default().push(number));
        }
        for (number, run) in self.groups.iter_mut().enumerate() {
            let fed_by: Vec<usize> = if run.reads.any {
                writers.values().flatten().copied().collect()
            } else {
                run.reads.some.iter().filter_map(|name| writers.get(name)).flatten().copied().collect()
            };
            run.fed_by = fed_by.into_iter().filter(|other| *other != number).collect();
            run.fed_by.sort_unstable();
            run.fed_by.dedup();
        }
    }

    /// Gives alerts that lost their rule to a rule of the same name and labels that has none.
    fn adopt(&mut self) -> Result<(), StateError> {
        let mut homeless: BTreeMap<u64, usize> = BTreeMap::new();
        for (number, run) in self.groups.iter().enumerate().filter(|(_, run)| run.unsaved.is_none()) {
            homeless.extend(
                run.orphans.iter().filter(|orphan| !orphan.active.is_empty()).map(|orphan| (orphan.id, number)),
            );
        }
        for number in 0..self.groups.len() {
            for rule in 0..self.groups[number].rules.len() {
                let run = &self.groups[number].rules[rule];
                if run.health.evaluated_at.is_some() || !run.active.is_empty() {
                    continue;
                }
                let Some(from) = homeless.remove(&run.id).filter(|from| *from != number) else { continue };
                let id = run.id;
                let Some(at) = self.groups[from].orphans.iter().position(|orphan| orphan.id == id) else { continue };
                let orphan = self.groups[from].orphans.remove(at);
                let labels: Vec<_> = orphan.active.keys().collect();
                let (source, goal) = (&self.groups[from].key, &self.groups[number].key);
                let moved = self.store.move_alerts((source, id), (goal, id), &labels);
                let run = &mut self.groups[number].rules[rule];
                (run.active, run.written) = (orphan.active, orphan.written);
                // Under another group people are told at once that it still fires.
                run.active.values_mut().for_each(|alert| alert.told_at = i64::MIN);
                moved?;
            }
        }
        Ok(())
    }
}

impl GroupRun {
    fn take_over(&mut self, before: GroupRun) {
        (self.evaluated_to, self.seq, self.cut) = (before.evaluated_to, before.seq, before.cut);
        self.unsaved = before.unsaved;
        self.orphans = before.orphans;
        let mut rules: BTreeMap<u64, RuleRun> = before.rules.into_iter().map(|rule| (rule.id, rule)).collect();
        for run in &mut self.rules {
            if let Some(before) = rules.remove(&run.id) {
                (run.active, run.written, run.health) = (before.active, before.written, before.health);
            } else if let Some(at) = self.orphans.iter().position(|orphan| orphan.id == run.id) {
                // It was taken away and is back before anything came of that.
                let orphan = self.orphans.remove(at);
                (run.active, run.written) = (orphan.active, orphan.written);
            }
        }
        self.orphans.extend(rules.into_values().map(orphan));
    }

    fn restore(&mut self, saved: SavedGroup) {
        (self.evaluated_to, self.seq) = (Some(saved.record.evaluated_to), saved.record.seq);
        let mut alerts = saved.alerts;
        for run in &mut self.rules {
            run.active = by_labels(alerts.remove(&run.id).unwrap_or_default());
        }
        self.orphans = alerts.into_iter().map(left).collect();
    }

    /// The group without rules: what they had ends with its next evaluation.
    fn end(mut self) -> Self {
        self.orphans.extend(std::mem::take(&mut self.rules).into_iter().map(orphan));
        Arc::make_mut(&mut self.group).rules.clear();
        self.reads = Names::default();
        self.is_gone = true;
        self
    }
}

fn gone(key: &str, saved: SavedGroup, settings: &super::settings::Settings) -> GroupRun {
    let (file, name) = key.rsplit_once(';').unwrap_or((key, ""));
    let group = Group {
        file: file.to_owned(),
        name: name.to_owned(),
        interval: Duration::from_millis(saved.record.interval_ms.max(1) as u64),
        query_offset: None,
        limit: 0,
        rules: Vec::new(),
    };
    let mut run = GroupRun::new(group, settings);
    run.key = key.to_owned();
    run.schedule = Schedule::aligned(saved.record.interval_ms);
    run.restore(saved);
    run.end()
}

fn orphan(rule: RuleRun) -> Orphan {
    Orphan { id: rule.id, active: rule.active, written: rule.written }
}

fn left((id, alerts): (u64, Vec<Alert>)) -> Orphan {
    Orphan { id, active: by_labels(alerts), written: Default::default() }
}

fn by_labels(alerts: Vec<Alert>) -> super::alerting::Active {
    alerts.into_iter().map(|alert| (alert.labels.clone(), alert)).collect()
}
