//! What the rules in force would do with a series, told rule by rule to whoever looks for it.

use weir_sample::{Kind, Selector, Series};

use super::rule::{Action, Outcome, Rule};

/// A rule that a series meets on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Met {
    /// The rule.
    pub rule: Rule,
    /// Whether it fits whatever other labels the series has. Else that depends on labels that are not known.
    pub surely: bool,
}

/// The way of a series through the rules, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The rules that fit or may fit, in their order.
    pub met: Vec<Met>,
    /// The series as the rules that surely fit leave it.
    pub leaves: Series,
    /// Whether a rule denies it for sure.
    pub denied: bool,
}

/// Follows a series of which `known` has the name and the labels that are known, and `absent` those that it surely lacks.
pub(super) fn trace(rules: &[Rule], tenant: u32, known: &Series, absent: &[String]) -> Trace {
    let (mut absent, mut met, mut outcome) = (absent.to_vec(), Vec::new(), Outcome::of(known));
    for rule in rules.iter().filter(|rule| rule.tenant.is_none_or(|only| only == tenant)) {
        let Some(surely) = fits(&rule.series, &outcome.series, &absent) else { continue };
        met.push(Met { rule: rule.clone(), surely });
        if !surely {
            continue;
        }
        match &rule.action {
            Action::DropLabels(labels) => absent.extend(labels.iter().cloned()),
            Action::SetLabel(label, _) => absent.retain(|gone| gone != label),
            _ => {}
        }
        // Gauges are not rolled up; which kind it is, nobody says here, and a rollup changes nothing of the series itself.
        if outcome.meet(&rule.action, Kind::Gauge).is_break() {
            break;
        }
    }
    Trace { met, leaves: outcome.series, denied: outcome.denied }
}

/// Whether patterns fit: surely, perhaps, or (`None`) not.
fn fits(patterns: &Selector, known: &Series, absent: &[String]) -> Option<bool> {
    if !patterns.name.matches(known.name()) {
        return None;
    }
    let mut surely = true;
    for (label, pattern) in &patterns.labels {
        let is_absent = absent.iter().any(|gone| gone == label);
        match known.label(label).or(is_absent.then_some("")) {
            Some(value) if !pattern.matches(value) => return None,
            Some(_) => {}
            None => surely &= pattern.is_any(),
        }
    }
    Some(surely)
}

#[cfg(test)]
mod tests {
    use weir_sample::Pattern;

    use super::*;

    fn rule(number: usize, name: &str, labels: &[(&str, &str)], action: Action) -> Rule {
        let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), Pattern::new(value))).collect();
        Rule { number, tenant: None, series: Selector { name: Pattern::new(name), labels }, action }
    }

    /// The rules that a series meets, those that only may fit with a question mark, and what it becomes.
    fn way(rules: &[Rule], known: &Series, absent: &[&str]) -> String {
        let absent: Vec<_> = absent.iter().map(|label| (*label).to_owned()).collect();
        let Trace { met, leaves, denied } = trace(rules, 7, known, &absent);
        let met = met.iter().map(|met| format!("{}{} ", met.rule.number, if met.surely { "" } else { "?" }));
        format!("{}{}", met.collect::<String>(), if denied { "denied".to_owned() } else { leaves.to_string() })
    }

    #[test]
    fn a_series_is_followed_through_the_rules_that_fit() {
        let rules = [
            rule(1, "debug_*", &[("env", "dev*")], Action::Deny),
            rule(2, "old", &[], Action::Rename("new".into())),
            rule(3, "new", &[], Action::DropLabels(vec!["pod".into()])),
            rule(4, "new", &[("pod", "")], Action::SetLabel("team".into(), "a".into())),
            rule(5, "new", &[("team", "a")], Action::Allow),
            rule(6, "*", &[("any", "*")], Action::Deny),
        ];
        let check = |known: Series, absent: &[&str], expected: &str| {
            assert_eq!(way(&rules, &known, absent), expected, "{known} without {absent:?}");
        };
        check(Series::new("debug_x", [("env", "dev1")]), &[], "1 denied");
        check(Series::named("debug_x"), &[], "1? 6 denied");
        check(Series::named("debug_x"), &["env"], "6 denied");
        check(Series::new("debug_x", [("env", "prod")]), &[], "6 denied");
        check(Series::new("old", [("pod", "1")]), &[], "2 3 4 5 new{team=\"a\"}");
        check(Series::named("other"), &[], "6 denied");
    }

    #[test]
    fn rules_of_other_tenants_are_not_met() {
        let deny = rule(1, "*", &[], Action::Deny);
        let of_eight = Rule { tenant: Some(8), ..deny.clone() };
        assert_eq!(way(&[of_eight], &Series::named("x"), &[]), "x");
        assert_eq!(way(&[Rule { tenant: Some(7), ..deny }], &Series::named("x"), &[]), "1 denied");
    }
}
