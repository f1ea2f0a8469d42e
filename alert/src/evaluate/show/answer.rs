//! Rules and alerts as Prometheus' API tells them.

use std::collections::BTreeMap;

use serde::Serialize;
use weir_query::LabelSet;
use weir_sample::Timestamp;

use crate::evaluate::view::{GroupView, RuleView, Shown};
use crate::event::fingerprint;
use crate::states::{Alert, Phase};
use crate::template::Moment;

/// Which rules are asked for; an empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// `type`: `alert` or `record`.
    pub kind: Option<String>,
    /// `rule_name[]`
    pub names: Vec<String>,
    /// `rule_group[]`
    pub groups: Vec<String>,
    /// `file[]`
    pub files: Vec<String>,
    /// `exclude_alerts`
    pub without_alerts: bool,
    /// Errors are told without their text, which may name labels of alerts that the asker must not see.
    pub without_errors: bool,
    /// `group_limit`: most groups of one answer; 0 for all.
    pub most_groups: usize,
    /// `group_next_token`: where the answer before ended.
    pub from: Option<String>,
}

/// `data` of `/api/v1/rules`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesAnswer<'e> {
    groups: Vec<GroupAnswer<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_next_token: Option<String>,
}

/// `data` of `/api/v1/alerts`.
#[derive(Debug, Serialize)]
pub struct AlertsAnswer<'e> {
    alerts: Vec<AlertAnswer<'e>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupAnswer<'e> {
    name: &'e str,
    file: &'e str,
    rules: Vec<RuleAnswer<'e>>,
    interval: f64,
    limit: usize,
    evaluation_time: f64,
    last_evaluation: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleAnswer<'e> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'e str,
    query: &'e str,
    labels: &'e BTreeMap<String, String>,
    #[serde(flatten)]
    alerting: Option<AlertingAnswer<'e>>,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'e str>,
    /// Not Prometheus': the result is empty for want of any data.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_data: bool,
    evaluation_time: f64,
    last_evaluation: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertingAnswer<'e> {
    state: &'static str,
    duration: f64,
    keep_firing_for: f64,
    annotations: BTreeMap<&'e str, &'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<Vec<AlertAnswer<'e>>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertAnswer<'e> {
    labels: BTreeMap<&'e str, &'e str>,
    annotations: BTreeMap<&'e str, &'e str>,
    state: &'static str,
    active_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<String>,
    /// Not Prometheus': its data have stopped to come.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    value: String,
}

/// Which alerts the asker may see, by their labels.
type Sees<'s> = &'s dyn Fn(&LabelSet) -> bool;

impl Shown {
    /// Groups with their rules, as `/api/v1/rules` tells them to one who sees these alerts.
    pub fn rules_answer(&self, wanted: &Wanted, sees: Sees<'_>) -> RulesAnswer<'_> {
        let mut groups = Vec::new();
        let mut from = wanted.from.as_deref();
        for view in self.groups().filter(|view| wanted.has_group(view)) {
            let token = token_of(view);
            if from.is_some_and(|from| from != token) {
                continue;
            }
            from = None;
            if wanted.most_groups > 0 && groups.len() == wanted.most_groups {
                return RulesAnswer { groups, group_next_token: Some(token) };
            }
            let group = group_answer(view, wanted, sees);
            groups
                .extend((!group.rules.is_empty() || wanted.names.is_empty() && wanted.kind.is_none()).then_some(group));
        }
        RulesAnswer { groups, group_next_token: None }
    }

    /// Alerts that are pending or firing, as `/api/v1/alerts` tells them to one who sees these.
    pub fn alerts_answer(&self, sees: Sees<'_>) -> AlertsAnswer<'_> {
        let alerts = self.rules().flat_map(|rule| rule.alerts);
        AlertsAnswer { alerts: alerts.filter(|alert| sees(&alert.labels)).map(alert_answer).collect() }
    }
}

impl Wanted {
    fn has_group(&self, view: &GroupView) -> bool {
        let holds = |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
        holds(&self.groups, &view.group.name) && holds(&self.files, &view.group.file)
    }

    fn has_rule(&self, view: &RuleView<'_>) -> bool {
        let kind = if view.rule.alerting().is_some() { "alert" } else { "record" };
        let of_kind = self.kind.as_deref().is_none_or(|wanted| wanted == kind);
        of_kind && (self.names.is_empty() || self.names.contains(&view.rule.name))
    }
}

/// Names a group in an answer's end, as the place where the next begins.
fn token_of(view: &GroupView) -> String {
    format!("{:016x}", fingerprint(&[("group".to_owned(), view.group.key())].into()))
}

fn group_answer<'e>(view: &'e GroupView, wanted: &Wanted, sees: Sees<'_>) -> GroupAnswer<'e> {
    let seconds = view.rules().map(|rule| rule.health.duration.as_secs_f64()).sum();
    GroupAnswer {
        name: &view.group.name,
        file: &view.group.file,
        rules: view.rules().filter(|rule| wanted.has_rule(rule)).map(|rule| rule_answer(rule, wanted, sees)).collect(),
        interval: view.group.interval.as_secs_f64(),
        limit: view.group.limit,
        evaluation_time: seconds,
        last_evaluation: time(view.evaluated_to),
    }
}

fn rule_answer<'e>(view: RuleView<'e>, wanted: &Wanted, sees: Sees<'_>) -> RuleAnswer<'e> {
    let alerts = || view.alerts.iter().filter(|alert| sees(&alert.labels));
    let error = view.health.last_error.as_deref();
    let alerting = view.rule.alerting().map(|alerting| AlertingAnswer {
        state: state(alerts()),
        duration: alerting.hold.as_secs_f64(),
        keep_firing_for: alerting.keep_firing.as_secs_f64(),
        annotations: alerting.annotations.iter().map(|(name, text)| (name.as_str(), text.text())).collect(),
        alerts: (!wanted.without_alerts).then(|| alerts().map(alert_answer).collect()),
    });
    RuleAnswer {
        kind: if alerting.is_some() { "alerting" } else { "recording" },
        name: &view.rule.name,
        query: view.rule.expression.text(),
        labels: &view.rule.labels,
        alerting,
        health: view.health.word(),
        last_error: error.map(|error| if wanted.without_errors { UNSAID } else { error }),
        no_data: view.health.no_data,
        evaluation_time: view.health.duration.as_secs_f64(),
        last_evaluation: time(view.health.evaluated_at),
    }
}

/// In place of an error that may name what the asker must not see.
const UNSAID: &str = "the rule failed or was cut; whoever may see all tenants is told why";

/// The strongest state of a rule's alerts.
fn state<'a>(alerts: impl Iterator<Item = &'a Alert>) -> &'static str {
    let mut state = "inactive";
    for alert in alerts {
        if alert.phase == Phase::Firing {
            return "firing";
        }
        state = "pending";
    }
    state
}

fn alert_answer(alert: &Alert) -> AlertAnswer<'_> {
    AlertAnswer {
        labels: alert.labels.labels().collect(),
        annotations: alert.annotations.iter().map(|(name, text)| (&**name, &**text)).collect(),
        state: alert.phase.word(),
        active_at: time(Some(alert.active_at)),
        keep_firing_since: alert.missing_since.map(|since| time(Some(since))),
        late: alert.late_since.is_some(),
        value: exponent(alert.value),
    }
}

/// RFC 3339; Go's zero time for what never was.
fn time(at: Option<i64>) -> String {
    at.map_or_else(
        || "0001-01-01T00:00:00Z".to_owned(),
        |at| Moment::utc(Timestamp(at)).format("2006-01-02T15:04:05.000Z"),
    )
}

/// As Go writes a number with an exponent: `1e+00`, `-2.5e-07`, `NaN`.
fn exponent(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN".into()
        } else if value > 0.0 {
            "+Inf".into()
        } else {
            "-Inf".into()
        };
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_by_go() {
        for (value, expected) in [
            (1.0, "1e+00"),
            (0.0, "0e+00"),
            (-2.5e-7, "-2.5e-07"),
            (1234.5, "1.2345e+03"),
            (1e100, "1e+100"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(exponent(value), expected);
        }
        assert_eq!(time(Some(1_500)), "1970-01-01T00:00:01.500Z");
    }
}
