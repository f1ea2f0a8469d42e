//! What groups, rules and alerts were after a turn, for whoever shows them: it may be kept and read while the next turn runs.

use std::sync::Arc;

use super::health::Health;
use crate::rules::{Group, Rule};
use crate::states::Alert;

/// All groups in force as they stood, in the order of their files.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub(super) groups: Vec<Arc<GroupView>>,
}

/// One group as it stood.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// The group.
    pub group: Arc<Group>,
    /// Its last evaluation in event time, in milliseconds.
    pub evaluated_to: Option<i64>,
    /// Elements that its limit has left out since the start.
    pub cut: u64,
    pub(super) rules: Vec<Stood>,
}

/// How a rule stood.
#[derive(Clone, Debug)]
pub(super) struct Stood {
    pub(super) health: Health,
    pub(super) alerts: Vec<Alert>,
}

/// One rule as it stood.
#[derive(Clone, Copy, Debug)]
pub struct RuleView<'g> {
    /// The rule.
    pub rule: &'g Rule,
    /// How its last evaluation went.
    pub health: &'g Health,
    /// Alerts that are pending or firing, by labels.
    pub alerts: &'g [Alert],
}

impl Shown {
    /// The groups.
    pub fn groups(&self) -> impl Iterator<Item = &GroupView> {
        self.groups.iter().map(|group| &**group)
    }

    /// The rules of all groups, in order.
    pub fn rules(&self) -> impl Iterator<Item = RuleView<'_>> {
        self.groups().flat_map(GroupView::rules)
    }

    /// The event time up to which all groups are evaluated, in milliseconds.
    pub fn evaluated_to(&self) -> Option<i64> {
        self.groups().filter_map(|group| group.evaluated_to).min()
    }
}

impl GroupView {
    /// The rules in order.
    pub fn rules(&self) -> impl Iterator<Item = RuleView<'_>> {
        let rules = self.group.rules.iter().zip(&self.rules);
        rules.map(|(rule, stood)| RuleView { rule, health: &stood.health, alerts: &stood.alerts })
    }
}
