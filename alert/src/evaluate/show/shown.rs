//! Groups as they stand, kept for whoever shows them.

use std::sync::Arc;

use crate::evaluate::evaluator::Evaluator;
use crate::evaluate::group::{GroupRun, RuleRun};
use crate::evaluate::view::{GroupView, Shown, Stood};

impl Evaluator {
    /// All groups in force. Those that were not evaluated since the last call cost nothing.
    pub fn shown(&self) -> Shown {
        Shown { groups: self.groups.iter().filter(|run| !run.is_gone).map(GroupRun::shown).collect() }
    }
}

impl GroupRun {
    fn shown(&self) -> Arc<GroupView> {
        let stood =
            |run: &RuleRun| Stood { health: run.health.clone(), alerts: run.active.values().cloned().collect() };
        let view = self.shown.get_or_init(|| {
            Arc::new(GroupView {
                group: self.group.clone(),
                evaluated_to: self.evaluated_to,
                cut: self.cut,
                rules: self.rules.iter().map(stood).collect(),
            })
        });
        view.clone()
    }
}
