//! What one evaluation of a group leaves to be written: rows, states, events, history.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_query::LabelSet;

use super::alerting::Active;
use super::row::Row;
use super::settings::Settings;
use crate::event::Status;
use crate::states::{Alert, Commit, Happened, Happening, Phase, Said};

/// One evaluation of a group, to be written in this order: rows, then states with events.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) at: i64,
    pub(crate) rows: Vec<Row>,
    pub(crate) commit: Commit,
    /// Alerts to be kept, by rule and labels, as they are after the evaluation.
    puts: BTreeMap<(u64, LabelSet), Alert>,
    /// The alerts that the events are of; `None` of one that is said again.
    told: Vec<Option<(u64, LabelSet)>>,
}

impl Outcome {
    pub(crate) fn new(group: &str, at: i64) -> Self {
        let commit = Commit { group: group.to_owned(), at_ms: at, ..Commit::default() };
        Self { at, rows: Vec::new(), commit, puts: BTreeMap::new(), told: Vec::new() }
    }

    /// Something that is about the group and no alert.
    pub(crate) fn happened(&mut self, what: Happening, count: u64) {
        let count = Some(count).filter(|count| *count > 0);
        self.commit.history.push(Happened { what, labels: LabelSet::empty(), value: None, count });
    }

    /// Keeps an alert of which something changed that nobody needs to hear of.
    pub(crate) fn put(&mut self, rule: u64, alert: &Alert) {
        self.puts.insert((rule, alert.labels.clone()), alert.clone());
    }

    /// A change of an alert: into the history, the states and, if people must hear of it, the events.
    pub(crate) fn change(&mut self, rule: u64, what: Happening, alert: Alert, url: &Arc<str>) {
        let value = Some(alert.value).filter(|value| value.is_finite());
        self.commit.history.push(Happened { what, labels: alert.labels.clone(), value, count: None });
        let key = (rule, alert.labels.clone());
        match what {
            Happening::Firing => self.tell(Status::Firing, &alert, url, Some(key.clone())),
            Happening::Resolved | Happening::NoData | Happening::RuleGone => {
                self.tell(Status::Resolved, &alert, url, Some(key.clone()));
            }
            _ => {}
        }
        let is_over = [Happening::Dropped, Happening::Resolved, Happening::NoData, Happening::RuleGone].contains(&what);
        if is_over {
            self.puts.remove(&key);
            self.commit.removes.push(key);
        } else {
            self.puts.insert(key, alert);
        }
    }

    /// Says firing alerts again that were said long ago.
    pub(crate) fn say_again(&mut self, active: &mut Active, url: &Arc<str>, settings: &Settings) {
        let at = self.at;
        let is_due = |alert: &&mut Alert| {
            alert.phase == Phase::Firing
                && alert.fired_at != at
                && at.saturating_sub(alert.told_at) >= settings.resend.as_millis() as i64
        };
        for alert in active.values_mut().filter(is_due) {
            self.tell(Status::Firing, alert, url, None);
            alert.told_at = at;
        }
    }

    fn tell(&mut self, status: Status, alert: &Alert, url: &Arc<str>, key: Option<(u64, LabelSet)>) {
        self.told.push(key);
        let (ends_at_ms, seq) = (self.at, alert.seq);
        self.commit.events.push(Said { alert: alert.clone(), status, ends_at_ms, seq, url: url.clone() });
    }

    /// Completes the events, numbers the new ones after `seq`, and returns the last number.
    pub(crate) fn finish(&mut self, mut seq: u64, settings: &Settings, interval_ms: i64) -> u64 {
        self.commit.tenant = settings.tenant;
        self.commit.external_labels.clone_from(&settings.external_labels);
        for (said, key) in self.commit.events.iter_mut().zip(&self.told) {
            if said.status == Status::Firing {
                said.ends_at_ms = settings.ends_at(self.at, interval_ms);
            }
            let Some(key) = key else { continue };
            seq += 1;
            said.seq = seq;
            if let Some(alert) = self.puts.get_mut(key) {
                alert.seq = seq;
            }
        }
        let puts = std::mem::take(&mut self.puts);
        self.commit.puts = puts.into_iter().map(|((rule, _), alert)| (rule, alert)).collect();
        seq
    }

    /// The numbers of new events about alerts that are still there.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (u64, &LabelSet, u64)> {
        let numbered = self.commit.events.iter().zip(&self.told);
        numbered.filter_map(|(said, key)| key.as_ref().map(|(rule, labels)| (*rule, labels, said.seq)))
    }
}
