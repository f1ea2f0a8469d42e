//! What rules and limits of `[admission]` make of the metric.

use weir_sink::{Action, Met, Rule};

use super::asked::TENANT;
use super::report::{State, Step, Verdict};
use super::walk::Walk;

/// The account in which the sink keeps metrics beyond so many.
const OVERFLOW: &str = "__overflow__";

/// Follows it through the rules. The third result is the selector under which it is stored, where a rule changes it.
pub(super) fn follow(walk: &Walk<'_>) -> (Step, Option<Verdict>, Option<String>) {
    let (asked, sent) = (&walk.asked, walk.asked.sent());
    let trace = walk.ground.admission.trace(asked.tenant, &sent, &asked.absent);
    if trace.met.is_empty() {
        return (Step::new("rules", State::Passed, "no rule of [admission] speaks of it"), None, None);
    }
    let told: Vec<_> = trace.met.iter().map(told).collect();
    let told = told.join("; ");
    if trace.denied {
        return (Step::new("rules", State::Missing, told), Some(Verdict::Denied), None);
    }
    let leaves = match asked.known.label(TENANT) {
        Some(tenant) => trace.leaves.with_label(TENANT, tenant),
        None => trace.leaves,
    };
    if leaves == asked.known {
        let changes = trace.met.iter().any(|met| !matches!(met.rule.action, Action::Allow));
        return (Step::new("rules", if changes { State::Noted } else { State::Passed }, told), None, None);
    }
    let verdict = if leaves.name() == asked.name { Verdict::Relabelled } else { Verdict::Renamed };
    // A rule that only adds a label leaves it where it is looked for.
    let is_missed = !asked.matchers.iter().all(|matcher| matcher.matches(&leaves));
    let verdict = Some(verdict).filter(|_| is_missed);
    let state = if is_missed { State::Missing } else { State::Noted };
    (Step::new("rules", state, format!("{told}: it is stored as {leaves}")), verdict, Some(leaves.to_string()))
}

fn told(met: &Met) -> String {
    let Rule { number, series, action, .. } = &met.rule;
    let does = match action {
        Action::Allow => "ends the rules for it".to_owned(),
        Action::Deny => "denies it".to_owned(),
        Action::Rename(name) => format!("renames it to {name}"),
        Action::DropLabels(labels) => format!("takes away its labels {}", labels.join(", ")),
        Action::SetLabel(label, value) => format!("sets its label {label} to {value:?}"),
        Action::Rollup { drop_labels, name } => {
            let name = if name.is_empty() { format!("rollup:{}", series.name) } else { name.clone() };
            format!("also adds it up as {name} without {}", drop_labels.join(", "))
        }
    };
    let may = if met.surely { "" } else { ", for series with such labels" };
    format!("rule {number} of [admission] ({series}) {does}{may}")
}

/// Whether it is over a limit, and whether the sink has met the name at all.
pub(super) fn limits(walk: &Walk<'_>) -> (Step, Option<Verdict>) {
    let (asked, admission) = (&walk.asked, &walk.ground.admission);
    let shown = |tenant: u32| walk.asker.tenant().is_none_or(|only| only == tenant);
    let used: Vec<_> = admission.metric(&asked.name).into_iter().filter(|used| shown(used.tenant)).collect();
    let own = used.iter().find(|used| used.tenant == asked.tenant);
    let Some(own) = own else {
        if !admission.metric(OVERFLOW).is_empty() {
            let sentence =
                "there are more metrics than the sink keeps accounts of: it cannot tell whether it has met this one";
            return (Step::new("limits", State::Unknown, sentence), None);
        }
        let elsewhere: Vec<_> = used.iter().map(|used| used.tenant.to_string()).collect();
        let elsewhere =
            if elsewhere.is_empty() { String::new() } else { format!(", but tenant {} has", elsewhere.join(", ")) };
        let sentence = format!(
            "tenant {} has sent no metric of this name in the last hours, or since the server started{elsewhere}",
            asked.tenant
        );
        return (Step::new("limits", State::Noted, sentence), None);
    };
    let seen = format!("tenant {} has sent about {:.0} series of it lately", asked.tenant, own.series);
    if own.folded + own.left_out == 0 {
        return (Step::new("limits", State::Passed, format!("{seen}, none of them over a limit")), None);
    }
    let [agent, tenant] = admission.limits().map(|limit| match limit {
        0 => "none".to_owned(),
        limit => limit.to_string(),
    });
    let over = format!("over a limit of series (max_agent_series {agent}, max_tenant_series {tenant})");
    let look = "`weir top series` shows the label that explodes";
    if own.folded == 0 {
        let sentence = format!("{seen}; samples of {} series were left out, {over}: {look}", own.left_out);
        return (Step::new("limits", State::Missing, sentence), Some(Verdict::OverLimit));
    }
    let name = &asked.name;
    let sentence = format!("{seen}; {} were {over} and count in {name}{{__overflow__=\"true\"}}: {look}", own.folded);
    (Step::new("limits", State::Missing, sentence), Some(Verdict::Folded))
}
