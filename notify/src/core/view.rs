//! What there is, for whoever shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use weir_alert::event::{Event, Pairs};
use weir_alert::routing::Matcher;
use weir_alert::routing::matcher::all_match;
use weir_sample::Timestamp;

use super::lanes::ChannelStatus;
use super::notifier::Notifier;
use crate::keep::{Error, Sent};

/// An alert, and what keeps it quiet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertView {
    /// The alert, with its status as of now.
    pub alert: Event,
    /// Who is told of it.
    pub receivers: Vec<String>,
    /// Fingerprints of alerts that keep it quiet.
    pub inhibited_by: Vec<String>,
    /// Silences that do.
    pub silenced_by: Vec<String>,
}

/// A group and its alerts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupView {
    /// By which it is grouped.
    pub labels: Pairs,
    /// Who is told.
    pub receiver: String,
    /// Its alerts.
    pub alerts: Vec<AlertView>,
}

impl Notifier {
    /// The alerts of a tenant that match and are known now, resolved ones until they are told.
    pub fn alerts(&self, tenant: u32, matchers: &[Matcher], now: Timestamp) -> Vec<AlertView> {
        let keys = self.book.entries.keys().filter(|key| key.0 == tenant);
        let mut views: Vec<AlertView> = keys.filter_map(|key| self.alert_view(*key, matchers, now)).collect();
        views.sort_by(|a, b| a.alert.labels.cmp(&b.alert.labels));
        views
    }

    /// The groups of a tenant, with those of their alerts that match; groups without one are left out.
    pub fn groups(&self, tenant: u32, matchers: &[Matcher], now: Timestamp) -> Vec<GroupView> {
        let groups = self.groups.all.values().filter(|group| group.tenant == tenant);
        let mut views: Vec<GroupView> = groups
            .map(|group| {
                let receiver = self.config.routes.get(group.route).map(|route| route.receiver.clone());
                let alerts =
                    group.members.iter().filter_map(|number| self.alert_view((tenant, *number), matchers, now));
                let mut alerts: Vec<AlertView> = alerts.collect();
                alerts.sort_by(|a, b| a.alert.labels.cmp(&b.alert.labels));
                GroupView { labels: group.labels.clone(), receiver: receiver.unwrap_or_default(), alerts }
            })
            .collect();
        views.retain(|view| !view.alerts.is_empty());
        views.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        views
    }

    /// How each channel does, by receiver and channel.
    pub fn channels(&self) -> BTreeMap<(String, String), ChannelStatus> {
        self.lanes.status()
    }

    /// Notifications that were told or refused from `from` on and before `to`, the newest first.
    ///
    /// # Errors
    /// The file.
    pub fn history(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<Sent>, Error> {
        self.store.history(from.millis(), to.millis(), limit)
    }

    /// Names of all receivers.
    pub fn receivers(&self) -> Vec<String> {
        self.config.receivers.keys().cloned().collect()
    }

    /// Routes and the names of receivers in the form of their file, without what only channels need to know.
    pub fn routes_shown(&self) -> String {
        let receivers: Vec<_> = self.config.receivers.keys().map(|name| serde_json::json!({ "name": name })).collect();
        serde_json::json!({ "route": self.config.routes.shown(), "receivers": receivers }).to_string()
    }

    /// How long an alert that others sent without an end is taken to last.
    pub fn resolve_timeout(&self) -> Duration {
        self.config.resolve_timeout
    }

    fn alert_view(&self, key: (u32, u64), matchers: &[Matcher], now: Timestamp) -> Option<AlertView> {
        let entry = self.book.entries.get(&key).filter(|entry| all_match(matchers, &entry.held.labels))?;
        let held = &entry.held;
        let groups = entry.groups.iter().filter_map(|id| self.config.routes.get(self.groups.all.get(id)?.route));
        let sources = self.inhibitor.by(key, &held.labels).filter(|source| self.book.key_fires((key.0, *source), now));
        Some(AlertView {
            alert: held.event(self.book.fires(held, now)),
            receivers: groups.map(|route| route.receiver.clone()).collect(),
            inhibited_by: sources.map(|source| format!("{source:016x}")).collect(),
            silenced_by: self.silences.of(key.0, &held.labels, now).map(|silence| silence.id.clone()).collect(),
        })
    }
}
