//! Doubts about rules that can be used: two that are one, and one that can never have a result.

use std::collections::BTreeMap;

use super::fault::Faults;
use super::meaning::{never, never_in_parts};
use super::rule::{Group, Rule};

pub(crate) fn doubts(groups: &[Group], faults: &mut Faults) {
    let mut known: BTreeMap<(u64, &str), &Rule> = BTreeMap::new();
    let mut recorded: BTreeMap<u64, &Rule> = BTreeMap::new();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        let kind = if rule.alerting().is_some() { "alert" } else { "record" };
        let written_before = match rule.alerting() {
            Some(_) => known.insert((rule.signature(), rule.expression.text()), rule),
            // Two that record the same series overwrite each other, whatever they evaluate.
            None => recorded.insert(rule.signature(), rule),
        };
        if let Some(first) = written_before {
            let problem =
                format!("{kind} {:?} with these labels is there twice, first in line {}", rule.name, first.place.line);
            faults.warn(rule.place, problem, "take one away, or tell them apart by a label");
        }
        let mend = "mend the comparison, or take the rule away";
        if let Some(why) = never(rule.expression.tree()) {
            faults.warn(rule.place, format!("{kind} {:?} can never have a result: {why}", rule.name), mend);
        } else if let Some(why) = never_in_parts(rule.expression.tree()) {
            faults.warn(rule.place, format!("a part of {kind} {:?} can never have a result: {why}", rule.name), mend);
        }
    }
}
