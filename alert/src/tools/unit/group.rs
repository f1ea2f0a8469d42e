//! One group of tests: series are made, rules evaluated over them, and alerts compared where the test asks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use weir_query::{Engine, Limits};
use weir_sample::Timestamp;

use super::document::{AlertTest, TestGroup};
use super::expressions::check_expressions;
use super::verdict::{Verdict, span, time_of};
use crate::evaluate::{Evaluator, Local, Names, Outlet, Overlay, Row, Settings, Told};
use crate::event::{Event, Pairs};
use crate::rules::Group;
use crate::states::{Phase, StateStore};
use weir_query::table::{Memory, series, values};

/// Rows stay where the evaluator lays them; events go nowhere.
struct Nowhere;

impl Outlet for Nowhere {
    fn rows(&mut self, _: &[Row]) -> Result<(), String> {
        Ok(())
    }

    fn events(&mut self, _: &[Event]) -> Result<(), String> {
        Ok(())
    }
}

/// Labels and annotations of alerts, sorted.
type Alerts = Vec<(Pairs, Pairs)>;

pub(super) fn run_group(test: &TestGroup, groups: &[Group], interval: Duration, fuzzy: bool, verdict: &mut Verdict) {
    let mut failures = Vec::new();
    if let Err(failure) = run(test, groups, interval, fuzzy, verdict, &mut failures) {
        failures.push(failure);
    }
    let name = test.name.as_ref().map(|name| format!("test {name}: ")).unwrap_or_default();
    verdict.failures.extend(failures.into_iter().map(|failure| format!("{name}{failure}")));
}

fn run(
    test: &TestGroup,
    groups: &[Group],
    interval: Duration,
    fuzzy: bool,
    verdict: &mut Verdict,
    failures: &mut Vec<String>,
) -> Result<(), String> {
    let memory = load(test, interval)?;
    let alert_tests = by_time(test)?;
    let last = last_time(test)?;
    let overlay = Overlay::default();
    overlay.read_names(Names { any: true, ..Names::default() });
    let engine = Engine::new(Limits::default());
    let local = Local::new(engine, &memory, &overlay);
    let settings = Settings {
        external_labels: test.external_labels.clone(),
        external_url: test.external_url.clone(),
        spread: false,
        ..Settings::default()
    };
    let store = StateStore::in_memory().map_err(|error| error.to_string())?;
    let mut evaluator = Evaluator::new(store, settings).map_err(|error| error.to_string())?;
    evaluator.load(groups, &BTreeSet::new()).map_err(|error| error.to_string())?;
    let step = interval.as_millis() as i64;
    for at in (0..=last).step_by(step as usize) {
        let told = Told::complete_at(Timestamp(at));
        while evaluator.turn(&told, &local, &mut Nowhere).more {}
        let errors = errors(&evaluator, at);
        if !errors.is_empty() {
            failures.extend(errors);
            return Ok(());
        }
        for (time, tests) in alert_tests.range(at..at + step) {
            for one in tests {
                verdict.checks += 1;
                compare(&evaluator, *time, one, failures);
            }
        }
    }
    check_expressions(&test.promql_expr_test, &local, fuzzy, verdict, failures)
}

fn load(test: &TestGroup, interval: Duration) -> Result<Memory, String> {
    let step = span(test.interval.as_ref().map(|text| text.value.as_str()))?;
    let step = step.filter(|step| !step.is_zero()).unwrap_or(interval).as_millis() as i64;
    let mut memory = Memory::default();
    for input in &test.input_series {
        let series = series(&input.series.value)?;
        let text = input.values.as_ref().map(|values| values.value.as_str()).unwrap_or_default();
        for (number, value) in values(text)?.into_iter().enumerate() {
            if let Some(value) = value {
                memory.add(&series, Timestamp(number as i64 * step), value.point);
            }
        }
    }
    Ok(memory)
}

fn by_time(test: &TestGroup) -> Result<BTreeMap<i64, Vec<&AlertTest>>, String> {
    let mut tests: BTreeMap<i64, Vec<&AlertTest>> = BTreeMap::new();
    for one in &test.alert_rule_test {
        let time = time_of(one.eval_time.as_ref().map(|text| text.value.as_str()))?;
        if one.alertname.is_empty() {
            return Err(format!(
                "an item under alert_rule_test misses required attribute alertname at eval_time {time} ms"
            ));
        }
        tests.entry(time).or_default().push(one);
    }
    Ok(tests)
}

fn last_time(test: &TestGroup) -> Result<i64, String> {
    let alerts = test.alert_rule_test.iter().map(|test| test.eval_time.as_ref());
    let expressions = test.promql_expr_test.iter().map(|test| test.eval_time.as_ref());
    let times = alerts.chain(expressions).map(|time| time_of(time.map(|text| text.value.as_str())));
    Ok(times.collect::<Result<Vec<i64>, String>>()?.into_iter().max().unwrap_or_default())
}

fn errors(evaluator: &Evaluator, at: i64) -> Vec<String> {
    let shown = evaluator.shown();
    let failed = shown.rules().filter_map(|rule| rule.health.last_error.as_ref().map(|error| (&rule.rule.name, error)));
    let time = crate::rules::write_duration(Duration::from_millis(at as u64));
    failed.map(|(name, error)| format!("rule: {name}, time: {time}, err: {error}")).collect()
}

fn compare(evaluator: &Evaluator, time: i64, test: &AlertTest, failures: &mut Vec<String>) {
    let shown = evaluator.shown();
    let rules = shown.rules().filter(|view| view.rule.alerting().is_some() && view.rule.name == test.alertname);
    let firing = rules.flat_map(|view| view.alerts).filter(|alert| alert.phase == Phase::Firing);
    let mut got: Alerts = firing.map(|alert| (alert.label_pairs(), without_empty(alert.annotation_pairs()))).collect();
    let expected = test.exp_alerts.iter().flatten().map(|expected| {
        let mut labels = expected.exp_labels.clone().unwrap_or_default();
        labels.insert("alertname".to_owned(), test.alertname.clone());
        (without_empty(labels), without_empty(expected.exp_annotations.clone().unwrap_or_default()))
    });
    let mut expected: Alerts = expected.collect();
    got.sort();
    expected.sort();
    if got != expected {
        let time = crate::rules::write_duration(Duration::from_millis(time as u64));
        let name = &test.alertname;
        failures.push(format!("alertname: {name}, time: {time}, exp:{}, got:{}", list(&expected), list(&got)));
    }
}

/// A label without a value is none.
fn without_empty(mut pairs: Pairs) -> Pairs {
    pairs.retain(|_, value| !value.is_empty());
    pairs
}

fn list(alerts: &Alerts) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let mut text = String::from("[");
    for (number, (labels, annotations)) in alerts.iter().enumerate() {
        let _ = write!(text, "\n  {number}: Labels:{} Annotations:{}", pairs(labels), pairs(annotations));
    }
    text + " ]"
}

fn pairs(pairs: &Pairs) -> String {
    let all: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", all.join(", "))
}
