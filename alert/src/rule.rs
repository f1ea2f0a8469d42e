//! One alerting rule, with the fields and meanings of Prometheus' rule files.

use std::time::Duration;

use weir_sample::{Series, legal_label_name};

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The rule has no name.
    #[error("an alerting rule has no name")]
    Nameless,
    /// A label would be refused by Prometheus, or stands for the rule's name.
    #[error("rule {rule}: {label:?} cannot be used as a label")]
    Label {
        /// The rule's name.
        rule: String,
        /// The label as written.
        label: String,
    },
}

/// A condition: an expression, and for how long its result must be there before it is an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    name: String,
    expression: String,
    hold: Duration,
    keep_firing: Duration,
    labels: Vec<(String, String)>,
}

impl Rule {
    /// A rule that fires as soon as `expression` has a result.
    ///
    /// # Errors
    /// [`RuleError::Nameless`].
    pub fn new(name: &str, expression: &str) -> Result<Self, RuleError> {
        if name.is_empty() {
            return Err(RuleError::Nameless);
        }
        let (hold, keep_firing) = (Duration::ZERO, Duration::ZERO);
        Ok(Self { name: name.into(), expression: expression.into(), hold, keep_firing, labels: Vec::new() })
    }

    /// `for`: how long a result must last before it fires. Zero fires at once.
    #[must_use]
    pub fn hold(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// `keep_firing_for`: how long it goes on firing after the result is gone. Zero resolves at once.
    #[must_use]
    pub fn keep_firing(self, keep_firing: Duration) -> Self {
        Self { keep_firing, ..self }
    }

    /// Adds a label to every alert of this rule; it stands over one of the expression's.
    ///
    /// # Errors
    /// [`RuleError::Label`] if the name is not legal or is `alertname`.
    pub fn label(mut self, name: &str, value: &str) -> Result<Self, RuleError> {
        if legal_label_name(name) != name || name == "alertname" || name == "__name__" {
            return Err(RuleError::Label { rule: self.name, label: name.into() });
        }
        self.labels.push((name.into(), value.into()));
        Ok(self)
    }

    /// The rule's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The PromQL expression.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub(crate) fn hold_time(&self) -> Duration {
        self.hold
    }

    pub(crate) fn keep_firing_time(&self) -> Duration {
        self.keep_firing
    }

    /// The identity of an alert: `ALERTS`' labels without its state.
    pub(crate) fn identity(&self, result: &Series) -> Series {
        let own = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Series::new("ALERTS", result.labels().chain(own).chain([("alertname", self.name.as_str())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_refuse_what_prometheus_refuses() {
        let rule = || Rule::new("HighLoad", "load > 1").unwrap();
        assert_eq!(Rule::new("", "up"), Err(RuleError::Nameless));
        assert!(rule().label("a-b", "x").is_err());
        assert!(rule().label("alertname", "x").is_err());
        let labelled = rule().label("severity", "page").unwrap();
        let identity = labelled.identity(&Series::new("load", [("host", "a"), ("severity", "info")]));
        assert_eq!(identity.to_string(), r#"ALERTS{alertname="HighLoad",host="a",severity="page"}"#);
    }
}
