//! Rules on names and labels, applied in order to a series as it was sent.

use std::ops::ControlFlow;

use weir_sample::{Kind, Selector, Series};

/// One rule: for these series, do this.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its place in the configuration, counted from 1, by which people are told of it.
    pub number: usize,
    /// Only for this tenant; `None` for all.
    pub tenant: Option<u32>,
    /// The series, as earlier rules left them.
    pub series: Selector,
    /// What is done.
    pub action: Action,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// No later rule applies.
    Allow,
    /// The series is not stored; it is counted.
    Deny,
    /// The metric gets another name.
    Rename(String),
    /// Labels are taken away. Series that become the same are added up, or of gauges the last one stands.
    DropLabels(Vec<String>),
    /// A label is set, whatever its value was.
    SetLabel(String, String),
    /// The values are also added to a series without these labels, under another name. Not for gauges, which do not add
    /// up.
    Rollup {
        /// Labels taken away.
        drop_labels: Vec<String>,
        /// The other name; empty for `rollup:` before the metric's.
        name: String,
    },
}

/// What the rules have made of a series.
pub(crate) struct Outcome {
    pub series: Series,
    pub denied: bool,
    /// Two series of one agent, or of two, may have become the same.
    merged: bool,
    pub rollups: Vec<Series>,
}

pub(crate) fn apply(rules: &[Rule], tenant: u32, sent: &Series, kind: Kind) -> Outcome {
    let mut outcome = Outcome::of(sent);
    for rule in rules.iter().filter(|rule| rule.tenant.is_none_or(|only| only == tenant)) {
        if !rule.series.matches(&outcome.series) {
            continue;
        }
        if outcome.meet(&rule.action, kind).is_break() {
            break;
        }
    }
    outcome
}

impl Outcome {
    /// Before any rule.
    pub(super) fn of(sent: &Series) -> Self {
        Self { series: sent.clone(), denied: false, merged: false, rollups: Vec::new() }
    }

    /// Sets a label, whatever its value was.
    pub(crate) fn enforce(&mut self, label: &str, value: &str) {
        // An agent has one host, so that giving it another name leaves its series apart.
        let merges = label != HOST && self.series.label(label).is_some_and(|before| before != value);
        self.merged |= merges;
        self.series = self.series.with_label(label, value);
    }

    /// Whether series other than this agent's column may write it.
    pub(crate) fn is_shared(&self) -> bool {
        self.merged || self.series.label(HOST).is_none()
    }

    /// Does what a rule says that fits; after one that allows or denies no other is asked.
    pub(super) fn meet(&mut self, action: &Action, kind: Kind) -> ControlFlow<()> {
        match action {
            Action::Allow => return ControlFlow::Break(()),
            Action::Deny => {
                self.denied = true;
                return ControlFlow::Break(());
            }
            Action::Rename(name) => {
                self.merged = true;
                self.series = self.series.with_name(name);
            }
            Action::DropLabels(labels) => {
                let without = without(&self.series, labels);
                self.merged |= without != self.series;
                self.series = without;
            }
            Action::SetLabel(label, value) => self.enforce(label, value),
            Action::Rollup { drop_labels, name } if kind != Kind::Gauge => {
                let name = if name.is_empty() { &format!("rollup:{}", self.series.name()) } else { name };
                self.rollups.push(without(&self.series, drop_labels).with_name(name));
            }
            Action::Rollup { .. } => {}
        }
        ControlFlow::Continue(())
    }
}

fn without(series: &Series, labels: &[String]) -> Series {
    let kept = series.labels().filter(|(label, _)| !labels.iter().any(|gone| gone == label));
    Series::new(series.name(), kept)
}

/// The label that makes a series its agent's own.
const HOST: &str = "host";

#[cfg(test)]
mod tests {
    use weir_sample::Pattern;

    use super::*;

    fn rule(name: &str, action: Action) -> Rule {
        Rule { number: 1, tenant: None, series: Selector { name: Pattern::new(name), labels: Vec::new() }, action }
    }

    fn sent() -> Series {
        Series::new("http_requests_total", [("host", "a"), ("pod", "p1"), ("env", "dev")])
    }

    #[test]
    fn rules_apply_in_order_until_one_allows_or_denies() {
        let check = |rules: &[Rule], expected: Option<&str>| {
            let outcome = apply(rules, 7, &sent(), Kind::Counter);
            let found = (!outcome.denied).then(|| outcome.series.to_string());
            assert_eq!(found.as_deref(), expected, "{rules:?}");
        };
        let drop_pod = || rule("http_*", Action::DropLabels(vec!["pod".into()]));
        let rename = || rule("http_requests_total", Action::Rename("web_requests_total".into()));
        let as_sent = r#"http_requests_total{env="dev",host="a",pod="p1"}"#;
        check(&[], Some(as_sent));
        check(&[rule("*", Action::Deny)], None);
        check(&[rule("http_*", Action::Allow), rule("*", Action::Deny)], Some(as_sent));
        check(&[rule("other", Action::Deny)], Some(as_sent));
        check(&[drop_pod(), rename()], Some(r#"web_requests_total{env="dev",host="a"}"#));
        check(&[rename(), drop_pod()], Some(r#"web_requests_total{env="dev",host="a",pod="p1"}"#));
        check(&[rule("*", Action::SetLabel("env".into(), "prod".into()))], Some(&as_sent.replace("dev", "prod")));
        check(&[Rule { tenant: Some(7), ..rule("*", Action::Deny) }], None);
        check(&[Rule { tenant: Some(8), ..rule("*", Action::Deny) }], Some(as_sent));
    }

    #[test]
    fn what_may_have_become_the_same_is_shared() {
        let check = |action: Action, shared: bool| {
            assert_eq!(
                apply(&[rule("*", action.clone())], 0, &sent(), Kind::Counter).is_shared(),
                shared,
                "{action:?}"
            );
        };
        check(Action::Allow, false);
        check(Action::Rename("x".into()), true);
        check(Action::DropLabels(vec!["pod".into()]), true);
        check(Action::DropLabels(vec!["zone".into()]), false);
        check(Action::SetLabel("zone".into(), "a".into()), false);
        check(Action::SetLabel("env".into(), "dev".into()), false);
        check(Action::SetLabel("env".into(), "prod".into()), true);
        check(Action::SetLabel("host".into(), "b".into()), false);
    }

    #[test]
    fn a_rollup_is_made_beside_the_series() {
        let rollup = |name: &str| {
            rule("http_*", Action::Rollup { drop_labels: vec!["host".into(), "pod".into()], name: name.into() })
        };
        let outcome = apply(&[rollup(""), rollup("fleet_requests")], 0, &sent(), Kind::Counter);
        assert_eq!((outcome.series.clone(), outcome.is_shared()), (sent(), false));
        let rollups: Vec<String> = outcome.rollups.iter().map(ToString::to_string).collect();
        assert_eq!(rollups, [r#"rollup:http_requests_total{env="dev"}"#, r#"fleet_requests{env="dev"}"#]);
        assert!(apply(&[rollup("")], 0, &sent(), Kind::Gauge).rollups.is_empty());
    }
}
