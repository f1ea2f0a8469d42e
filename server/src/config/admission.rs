//! The section `[admission]` of `weir.toml`: what is let in, under which name, and how much of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use weir_gateway::{Class, ShedConfig};
use weir_queue::Lane;
use weir_sample::{Pattern, Selector, legal_label_name, legal_metric_name};
use weir_sink::{Action, AdmissionConfig, Rule};

/// Limits and rules, for the two places that keep them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Section")]
pub(crate) struct AdmissionSettings {
    pub shed: ShedConfig,
    pub sink: AdmissionConfig,
}

/// The section as it is written. It is read again when the file changes and on SIGHUP.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    /// Series of one agent; new ones beyond it fold into `name{__overflow__="true"}`. Default: 0, no limit.
    max_agent_series: usize,
    /// Series of one tenant, over all its agents. Default: 0, no limit.
    max_tenant_series: usize,
    /// Samples a second of one agent at one gateway, averaged over a minute; beyond it its batches wait in its spool.
    /// Default: 0, no limit.
    agent_samples_per_second: f64,
    /// As above, of one tenant.
    tenant_samples_per_second: f64,
    /// Rules on names and labels, in the order in which they apply.
    rules: Vec<RuleSection>,
}

/// One rule: which series, and one thing to do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RuleSection {
    /// Pattern of the metric name, `*` for any characters. Default: `*`.
    metric: Option<String>,
    /// Patterns of label values; a label that is not there is empty.
    labels: BTreeMap<String, String>,
    /// Only this tenant. Default: all.
    tenant: Option<u32>,
    /// No later rule applies to the series.
    allow: Option<bool>,
    /// The series is not stored.
    deny: Option<bool>,
    /// Another name for the metric.
    rename: Option<String>,
    /// Labels to take away; series that become the same are added up.
    drop_labels: Option<Vec<String>>,
    /// Labels to set, whatever the agent says.
    set_labels: Option<BTreeMap<String, String>>,
    /// `critical`, `normal` or `bulk`: what is turned away first when the queue backs up. Looks at series as they are
    /// sent; the first rule that fits a series is its class.
    class: Option<String>,
    /// A further series without some labels.
    rollup: Option<RollupSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RollupSection {
    /// Labels to take away, such as `host`.
    drop_labels: Vec<String>,
    /// Its name. Default: `rollup:` before the metric's.
    #[serde(default)]
    name: String,
}

impl TryFrom<Section> for AdmissionSettings {
    type Error = String;

    fn try_from(section: Section) -> Result<Self, String> {
        let mut settings = Self::default();
        for (name, rate) in [
            ("agent_samples_per_second", section.agent_samples_per_second),
            ("tenant_samples_per_second", section.tenant_samples_per_second),
        ] {
            if !rate.is_finite() || rate < 0.0 {
                return Err(format!("admission.{name}: {rate} is not a rate; 0 means no limit"));
            }
        }
        settings.shed.agent_samples_per_second = section.agent_samples_per_second;
        settings.shed.tenant_samples_per_second = section.tenant_samples_per_second;
        settings.sink.max_agent_series = section.max_agent_series;
        settings.sink.max_tenant_series = section.max_tenant_series;
        for (number, rule) in section.rules.into_iter().enumerate() {
            let number = number + 1;
            let outcome = rule.add_to(number, &mut settings);
            outcome.map_err(|problem| format!("admission.rules, rule {number}: {problem}"))?;
        }
        Ok(settings)
    }
}

impl RuleSection {
    fn add_to(self, number: usize, settings: &mut AdmissionSettings) -> Result<(), String> {
        let tenant = self.tenant;
        let labels = self.labels.iter().map(|(label, value)| (label.clone(), Pattern::new(value))).collect();
        let series = Selector { name: Pattern::new(self.metric.as_deref().unwrap_or("*")), labels };
        let mut done = 0;
        if let Some(class) = &self.class {
            done += 1;
            settings.shed.classes.push(Class { tenant, series: series.clone(), lane: lane(class)? });
        }
        for (happens, actions) in self.actions()? {
            done += usize::from(happens);
            let rule = |action| Rule { number, tenant, series: series.clone(), action };
            settings.sink.rules.extend(actions.into_iter().map(rule));
        }
        match done {
            1 => Ok(()),
            0 => Err(format!("it does nothing; give one of {ACTIONS}")),
            _ => Err(format!("it does {done} things; give one of {ACTIONS}, and a rule for each other")),
        }
    }

    /// What the sink is to do, by field: whether the field is there, and what it says.
    fn actions(self) -> Result<Vec<(bool, Vec<Action>)>, String> {
        let legal = |label: &String| match legal_label_name(label) == label.as_str() {
            true => Ok(()),
            false => Err(format!("{label:?} is not a label name")),
        };
        for name in self.rename.iter().chain(self.rollup.as_ref().map(|rollup| &rollup.name)) {
            if !name.is_empty() && legal_metric_name(name) != name.as_str() {
                return Err(format!("{name:?} is not a metric name"));
            }
        }
        self.set_labels.iter().flat_map(BTreeMap::keys).try_for_each(legal)?;
        let set = self.set_labels.iter().flat_map(BTreeMap::keys);
        if set.chain(self.rollup.iter().flat_map(|rollup| &rollup.drop_labels)).any(|label| label == "tenant") {
            return Err("the label tenant is the server's: no rule sets it or adds up over it".into());
        }
        let flag = |flag: Option<bool>, action: Action| match flag {
            Some(true) => (true, vec![action]),
            _ => (false, Vec::new()),
        };
        let set = |labels: BTreeMap<String, String>| {
            labels.into_iter().map(|(label, value)| Action::SetLabel(label, value)).collect()
        };
        let rollup =
            |rollup: RollupSection| vec![Action::Rollup { drop_labels: rollup.drop_labels, name: rollup.name }];
        Ok(vec![
            flag(self.allow, Action::Allow),
            flag(self.deny, Action::Deny),
            (self.rename.is_some(), self.rename.map(Action::Rename).into_iter().collect()),
            (self.drop_labels.is_some(), self.drop_labels.map(Action::DropLabels).into_iter().collect()),
            (self.set_labels.is_some(), self.set_labels.map(set).unwrap_or_default()),
            (self.rollup.is_some(), self.rollup.map(rollup).unwrap_or_default()),
        ])
    }
}

fn lane(class: &str) -> Result<Lane, String> {
    match class {
        "critical" => Ok(Lane::Critical),
        "normal" => Ok(Lane::Normal),
        "bulk" => Ok(Lane::Bulk),
        _ => Err(format!("{class:?} is no class; give critical, normal or bulk")),
    }
}

const ACTIONS: &str = "allow, deny, rename, drop_labels, set_labels, class and rollup";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AdmissionSettings, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn rules_are_read_in_order() {
        let settings = parse(
            "max_agent_series = 5\nagent_samples_per_second = 2.5\n\
             [[rules]]\nmetric = \"up\"\nclass = \"critical\"\n\
             [[rules]]\nmetric = \"debug_*\"\nlabels = { env = \"dev\" }\ntenant = 3\ndeny = true\n\
             [[rules]]\nset_labels = { a = \"1\", b = \"2\" }\n\
             [[rules]]\nmetric = \"http_*\"\nrollup = { drop_labels = [\"host\"] }\n",
        );
        let settings = settings.unwrap();
        let actions: Vec<&Action> = settings.sink.rules.iter().map(|rule| &rule.action).collect();
        let expected = [
            Action::Deny,
            Action::SetLabel("a".into(), "1".into()),
            Action::SetLabel("b".into(), "2".into()),
            Action::Rollup { drop_labels: vec!["host".into()], name: String::new() },
        ];
        assert_eq!(actions, expected.iter().collect::<Vec<_>>());
        assert_eq!((settings.sink.rules[0].tenant, settings.sink.max_agent_series), (Some(3), 5));
        assert_eq!((settings.shed.classes.len(), settings.shed.agent_samples_per_second), (1, 2.5));
    }

    #[test]
    fn mistakes_are_named() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check("[[rules]]\nmetric = \"x\"", "rule 1: it does nothing");
        check("[[rules]]\ndeny = true\n[[rules]]\ndeny = true\nclass = \"bulk\"", "rule 2: it does 2 things");
        check("[[rules]]\nclass = \"cheap\"", "\"cheap\" is no class");
        check("[[rules]]\nrename = \"a b\"", "\"a b\" is not a metric name");
        check("[[rules]]\nset_labels = { \"a-b\" = \"x\" }", "\"a-b\" is not a label name");
        check("[[rules]]\nset_labels = { tenant = \"7\" }", "the label tenant is the server's");
        check("[[rules]]\nrollup = { drop_labels = [\"tenant\"] }", "the label tenant is the server's");
        check("[[rules]]\nmetrics = \"x\"", "unknown field `metrics`");
        check("tenant_samples_per_second = -1.0", "is not a rate");
    }
}
