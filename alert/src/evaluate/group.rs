//! One group with its alerts: evaluated at one instant, rule after rule.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use weir_query::LabelSet;
use weir_sample::{STALE, Series, Timestamp};

use super::alerting::{Active, Missing, Moment, Stepped, step};
use super::ask::Names;
use super::ask::{Found, Querier};
use super::health::Health;
use super::left_out::LeftOut;
use super::outcome::Outcome;
use super::recording::record;
use super::row::{Row, ends_of};
use super::schedule::Schedule;
use super::settings::Settings;
use super::view::GroupView;
use crate::rules::{Group, Rule, Surroundings, keeps_apart};
use crate::states::{GroupRecord, Happening, Phase};
use crate::template::Value;

/// A group and what its evaluations have left.
#[derive(Debug)]
pub(crate) struct GroupRun {
    pub(crate) group: Arc<Group>,
    pub(crate) key: String,
    pub(crate) schedule: Schedule,
    pub(crate) rules: Vec<RuleRun>,
    /// Alerts and series of rules that are gone; they end with the next evaluation.
    pub(crate) orphans: Vec<Orphan>,
    /// No file has the group any longer: it goes with its orphans.
    pub(crate) is_gone: bool,
    /// It is gone, and so is what it had left.
    pub(crate) is_done: bool,
    /// Groups that write what this one reads.
    pub(crate) fed_by: Vec<usize>,
    pub(crate) evaluated_to: Option<i64>,
    pub(crate) seq: u64,
    /// An evaluation whose rows or states could not be written yet.
    pub(crate) unsaved: Option<Outcome>,
    pub(crate) reads: Names,
    /// Elements that limits have left out since the start.
    pub(crate) cut: u64,
    /// What is shown of it, until the next evaluation.
    pub(crate) shown: OnceLock<Arc<GroupView>>,
}

/// A rule and what its evaluations have left.
#[derive(Debug, Default)]
pub(crate) struct RuleRun {
    pub(crate) id: u64,
    pub(crate) active: Active,
    /// Series of the last result of a recording rule.
    pub(crate) written: BTreeSet<Series>,
    /// A link to the expression.
    pub(crate) url: Arc<str>,
    pub(crate) health: Health,
}

/// What a rule that is gone has left.
#[derive(Debug, Default)]
pub(crate) struct Orphan {
    pub(crate) id: u64,
    pub(crate) active: Active,
    pub(crate) written: BTreeSet<Series>,
}

/// The world at an evaluation.
pub(crate) struct Circumstances<'a> {
    pub(crate) querier: &'a dyn Querier,
    pub(crate) left_out: &'a LeftOut,
    pub(crate) settings: &'a Settings,
}

impl GroupRun {
    pub(crate) fn new(group: Group, settings: &Settings) -> Self {
        let interval = group.interval.as_millis() as i64;
        let key = group.key();
        let schedule = if settings.spread { Schedule::new(&key, interval) } else { Schedule::aligned(interval) };
        let ids = rule_ids(&group.rules);
        let run = |(id, rule): (u64, &Rule)| RuleRun { id, url: link(settings, rule).into(), ..RuleRun::default() };
        let rules = ids.into_iter().zip(&group.rules).map(run).collect();
        let reads = Names::read_by(&group.rules);
        let (orphans, fed_by, evaluated_to, unsaved) = Default::default();
        let (is_gone, is_done, seq, cut, shown) = Default::default();
        let group = Arc::new(group);
        Self {
            group,
            key,
            schedule,
            rules,
            orphans,
            is_gone,
            is_done,
            fed_by,
            evaluated_to,
            seq,
            unsaved,
            reads,
            cut,
            shown,
        }
    }

    /// What the last evaluation took.
    pub(crate) fn took(&self) -> Duration {
        self.rules.iter().map(|rule| rule.health.duration).sum()
    }

    /// How far before its own time the group asks for data, in milliseconds.
    pub(crate) fn offset_ms(&self, settings: &Settings) -> i64 {
        self.group.query_offset.unwrap_or(settings.query_offset).as_millis() as i64
    }

    /// Metric names that the group's rules write.
    pub(crate) fn writes(&self) -> BTreeSet<&str> {
        let names = self.group.rules.iter().flat_map(|rule| match rule.alerting() {
            Some(_) => vec!["ALERTS", "ALERTS_FOR_STATE"],
            None => vec![rule.name.as_str()],
        });
        names.collect()
    }

    /// Evaluates all rules at `at`; `began` says what is odd about this evaluation.
    pub(crate) fn evaluate(&mut self, at: i64, world: &Circumstances<'_>, began: Option<(Happening, u64)>) -> Outcome {
        self.shown = OnceLock::new();
        let data_at = Timestamp(at - self.offset_ms(world.settings));
        let mut outcome = Outcome::new(&self.key, at);
        let since_last = self.evaluated_to.map_or(0, |last| (at - last).max(0));
        if let Some((what, count)) = began {
            outcome.happened(what, count);
            self.move_pending(what, at, since_last, &mut outcome);
        }
        for number in 0..self.rules.len() {
            self.evaluate_rule(number, at, data_at, since_last, world, &mut outcome);
        }
        self.end_orphans(data_at, &mut outcome);
        for rule in &mut self.rules {
            outcome.say_again(&mut rule.active, &rule.url, world.settings);
        }
        self.seq = outcome.finish(self.seq, world.settings, self.schedule.interval());
        self.set_numbers(&outcome);
        self.evaluated_to = Some(at);
        let record = GroupRecord { evaluated_to: at, seq: self.seq, interval_ms: self.schedule.interval() };
        outcome.commit.record = (!self.is_gone).then_some(record);
        self.is_done = self.is_gone;
        outcome
    }

    #[expect(clippy::disallowed_methods, reason = "the time spent is the machine's, not the data's")]
    fn evaluate_rule(
        &mut self,
        number: usize,
        at: i64,
        data_at: Timestamp,
        since_last: i64,
        world: &Circumstances<'_>,
        outcome: &mut Outcome,
    ) {
        let (rule, run) = (&self.group.rules[number], &mut self.rules[number]);
        let began = Instant::now();
        let found = world.querier.query(&rule.expression, data_at);
        let done = found.and_then(|found| {
            let moment = Moment {
                at,
                data_at,
                since_last,
                limit: self.group.limit,
                surroundings: &Surroundings {
                    external_labels: &world.settings.external_labels,
                    external_url: &world.settings.external_url,
                    at: Timestamp(at),
                    query: &|text| samples_of(world.querier, text, data_at),
                },
            };
            run.health.elements = found.elements.len();
            (run.health.series_read, run.health.samples_read) = (found.series_read, found.samples_read);
            run.health.no_data = found.elements.is_empty() && found.series_read == Some(0);
            let from = outcome.rows.len();
            let cut = apply(rule, run, &found, &moment, world, outcome)?;
            world.querier.note(&outcome.rows[from..]);
            Ok(cut)
        });
        run.health.evaluated_at = Some(at);
        run.health.duration = began.elapsed();
        run.health.last_error = match done {
            Ok(0) => None,
            Ok(cut) => {
                self.cut += cut as u64;
                let limit = self.group.limit;
                Some(format!(
                    "exceeded limit of {limit} with {} more: raise the group's limit or narrow the expression",
                    cut
                ))
            }
            Err(error) => Some(error),
        };
        if run.health.last_error.is_some() {
            run.health.failures += 1;
        }
    }

    /// Time in which nothing was evaluated does not count for what has to last.
    fn move_pending(&mut self, what: Happening, at: i64, since_last: i64, outcome: &mut Outcome) {
        let interval = self.schedule.interval();
        for run in &mut self.rules {
            for alert in run.active.values_mut() {
                match what {
                    Happening::ClockBack => {
                        alert.active_at = alert.active_at.min(at);
                        alert.fired_at = alert.fired_at.min(at);
                        alert.missing_since = alert.missing_since.map(|since| since.min(at));
                    }
                    _ if alert.phase == Phase::Pending => alert.active_at += (since_last - interval).max(0),
                    _ => continue,
                }
                outcome.put(run.id, alert);
            }
        }
    }

    /// Ends what rules that are gone have left.
    fn end_orphans(&mut self, data_at: Timestamp, outcome: &mut Outcome) {
        for orphan in std::mem::take(&mut self.orphans) {
            for alert in orphan.active.into_values() {
                outcome.rows.extend(ends_of(&alert, data_at));
                let what = if alert.phase == Phase::Firing { Happening::RuleGone } else { Happening::Dropped };
                outcome.change(orphan.id, what, alert, &Arc::default());
            }
            let ends = orphan.written.into_iter().map(|series| Row { series, at: data_at, value: STALE });
            outcome.rows.extend(ends);
        }
    }

    /// Lets alerts know the numbers of their events.
    fn set_numbers(&mut self, outcome: &Outcome) {
        for (rule, labels, seq) in outcome.numbers() {
            let run = self.rules.iter_mut().find(|run| run.id == rule);
            if let Some(alert) = run.and_then(|run| run.active.get_mut(labels)) {
                (alert.seq, alert.told_at) = (seq, outcome.at);
            }
        }
    }
}

/// Brings one rule up to date with its result; says how many elements the limit left out.
fn apply(
    rule: &Rule,
    run: &mut RuleRun,
    found: &Found,
    moment: &Moment<'_>,
    world: &Circumstances<'_>,
    outcome: &mut Outcome,
) -> Result<usize, String> {
    let Some(alerting) = rule.alerting() else {
        let recorded = record(rule, &mut run.written, found, moment.data_at, moment.limit)?;
        outcome.rows.extend(recorded.rows);
        return Ok(recorded.cut);
    };
    let (known, apart) = (OnceCell::new(), OnceCell::new());
    let reads = || world.querier.reads_from(&rule.expression, moment.data_at, world.left_out);
    let any = || *known.get_or_init(|| !world.left_out.is_empty() && reads());
    let by_host = || *apart.get_or_init(|| keeps_apart(rule.expression.tree(), "host"));
    let missing = Missing { left_out: world.left_out, partial: found.partial, by_host: &by_host, any: &any };
    let stepped = step(rule, alerting, &mut run.active, found, moment, &missing)?;
    let Stepped { rows, changes, touched, cut, template_errors } = stepped;
    run.health.template_errors += template_errors;
    outcome.rows.extend(rows);
    changes.into_iter().for_each(|change| outcome.change(run.id, change.what, change.alert, &run.url));
    touched.iter().filter_map(|labels| run.active.get(labels)).for_each(|alert| outcome.put(run.id, alert));
    Ok(cut)
}

fn samples_of(querier: &dyn Querier, text: &str, at: Timestamp) -> Result<Vec<Value>, String> {
    let elements = querier.query_text(text, at)?;
    let sample = |labels: &LabelSet, value| {
        let name = Some(("__name__", labels.name())).filter(|(_, name)| !name.is_empty());
        Value::sample(name.into_iter().chain(labels.labels()), value)
    };
    Ok(elements.iter().map(|element| sample(&element.labels, element.value)).collect())
}

/// Where people see the expression, as Prometheus spells it.
fn link(settings: &Settings, rule: &Rule) -> String {
    let mut query = String::new();
    for byte in rule.expression.text().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => query.push(char::from(byte)),
            b' ' => query.push('+'),
            _ => query.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{}/graph?g0.expr={query}&g0.tab=1", settings.external_url.trim_end_matches('/'))
}

/// Rules by signature; of several with one signature each gets a number of its own.
pub(crate) fn rule_ids(rules: &[Rule]) -> Vec<u64> {
    let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
    let id = |rule: &Rule| {
        let count = seen.entry(rule.signature()).or_default();
        *count += 1;
        rule.signature().wrapping_add(*count - 1)
    };
    rules.iter().map(id).collect()
}
