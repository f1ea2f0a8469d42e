//! What groups, rules and alerts are now, for whoever shows them.

use crate::evaluate::evaluator::Evaluator;
use crate::evaluate::health::Health;
use crate::rules::{Group, Rule};
use crate::states::Alert;

/// One group as it stands.
#[derive(Clone, Copy, Debug)]
pub struct GroupView<'e> {
    /// The group.
    pub group: &'e Group,
    /// Its last evaluation in event time, in milliseconds.
    pub evaluated_to: Option<i64>,
    /// Elements that its limit has left out since the start.
    pub cut: u64,
    rules: &'e [crate::evaluate::group::RuleRun],
}

/// One rule as it stands.
#[derive(Clone, Copy, Debug)]
pub struct RuleView<'e> {
    /// The rule.
    pub rule: &'e Rule,
    /// How its last evaluation went.
    pub health: &'e Health,
    active: &'e crate::evaluate::alerting::Active,
}

impl Evaluator {
    /// All groups in force, in the order of their files.
    pub fn groups(&self) -> impl Iterator<Item = GroupView<'_>> {
        self.groups.iter().filter(|run| !run.is_gone).map(|run| GroupView {
            group: &run.group,
            evaluated_to: run.evaluated_to,
            cut: run.cut,
            rules: &run.rules,
        })
    }
}

impl<'e> GroupView<'e> {
    /// The rules in order.
    pub fn rules(self) -> impl Iterator<Item = RuleView<'e>> {
        let rules = self.group.rules.iter().zip(self.rules);
        rules.map(|(rule, run)| RuleView { rule, health: &run.health, active: &run.active })
    }
}

impl<'e> RuleView<'e> {
    /// Alerts that are pending or firing, by labels.
    pub fn alerts(self) -> impl Iterator<Item = &'e Alert> {
        self.active.values()
    }
}
