//! The evaluator's own telemetry.

use weir_sample::Reading;

use crate::evaluate::evaluator::Evaluator;
use crate::evaluate::view::RuleView;
use crate::states::{Alert, Phase};

impl Evaluator {
    /// Counts since the start, and how things stand.
    pub fn readings(&self) -> Vec<Reading> {
        let (counters, shown) = (self.counters(), self.shown());
        let total = |name: &str, value: u64, help| Reading::counter(name, &[], value, help);
        let gauge = |name: &str, value: f64, help| Reading::gauge(name, &[], value, help);
        let rules = || shown.rules();
        let count = |wanted: &dyn Fn(&RuleView<'_>) -> bool| rules().filter(|rule| wanted(rule)).count() as f64;
        let template_errors = rules().map(|rule| rule.health.template_errors).sum();
        let alerts = |wanted: &dyn Fn(&Alert) -> bool| {
            rules().flat_map(|rule| rule.alerts).filter(|alert| wanted(alert)).count() as f64
        };
        let mut readings = vec![
            total("weir_alert_evaluations_total", counters.evaluations, "Evaluations of rule groups."),
            total("weir_alert_skipped_evaluations_total", counters.skipped, SKIPPED),
            total("weir_alert_events_total", counters.events, "Events about alerts handed on."),
            total("weir_alert_rows_total", counters.rows, "Samples written by rules: recorded series and ALERTS."),
            total("weir_alert_write_failures_total", counters.failures, WRITE_FAILURES),
            total("weir_alert_rule_failures_total", rules().map(|rule| rule.health.failures).sum(), RULE_FAILURES),
            total("weir_alert_template_errors_total", template_errors, TEMPLATE_ERRORS),
            total("weir_alert_cut_total", shown.groups().map(|group| group.cut).sum(), CUT),
            gauge("weir_alert_rules", rules().count() as f64, "Rules in force."),
            gauge("weir_alert_failing_rules", count(&|rule| rule.health.last_error.is_some()), FAILING),
            gauge("weir_alert_rules_without_data", count(&|rule| rule.health.no_data), NO_DATA),
            gauge("weir_alert_firing_alerts", alerts(&|alert| alert.phase == Phase::Firing), "Alerts that fire."),
            gauge("weir_alert_late_alerts", alerts(&|alert| alert.late_since.is_some()), LATE),
        ];
        if let Some(oldest) = shown.evaluated_to() {
            readings.push(gauge("weir_alert_evaluated_to_timestamp_seconds", oldest as f64 / 1e3, EVALUATED_TO));
        }
        readings
    }
}

const SKIPPED: &str = "Evaluations that were left out because they were further behind than alerting.catch_up. The history of alerts \
    has when.";
const WRITE_FAILURES: &str = "Failures to write what rules made, to the state file or to the queue. Each is tried again; evaluation \
    waits meanwhile.";
const RULE_FAILURES: &str = "Evaluations of rules that failed or were cut. /api/v1/rules has the last error of each.";
const TEMPLATE_ERRORS: &str = "Templates that could not be expanded; their alerts went out with the error in the text.";
const CUT: &str = "Alerts and series that the limits of groups left out. Raise the limit or narrow the expression.";
const FAILING: &str = "Rules whose last evaluation failed or was cut. /api/v1/rules has the error.";
const NO_DATA: &str =
    "Rules whose last result was empty because there was no data at all. Look whether the series exist still.";
const LATE: &str = "Alerts whose data have stopped to come, so that nobody knows whether they still hold. weir_agent_up == 0 says which hosts \
    are silent.";
const EVALUATED_TO: &str =
    "Event time up to which all groups are evaluated. Falls behind when data are incomplete or evaluation is slow.";
