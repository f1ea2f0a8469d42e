//! From a rule file's text to groups, or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_saphyr::Spanned;

use super::document::{Document, Entries, GroupEntry, RuleEntry};
use super::doubts::doubts;
use super::expression::Expression;
use super::fault::{Fault, Faults, Place, Weight};
use super::place::{Text, place, place_within};
use super::rule::{Alerting, Group, Kind, Rule};
use super::text::Template;
use crate::duration::duration;
use crate::event::Pairs;

/// Reads a rule file. Groups come back unless an error is among the faults.
pub fn read_rules(file: &str, text: &str, default_interval: Duration) -> (Option<Vec<Group>>, Vec<Fault>) {
    let mut reader = Reader { file, text, faults: Faults::of(file) };
    let document = Document::read(text, &mut reader.faults);
    let groups = document.map(|document| reader.groups(document, default_interval));
    if let Some(groups) = &groups {
        doubts(groups, &mut reader.faults);
    }
    let faults = reader.faults.into_found();
    let sound = faults.iter().all(|fault| fault.weight != Weight::Error);
    (groups.filter(|_| sound), faults)
}

pub(super) struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    faults: Faults,
}

impl Reader<'_> {
    fn groups(&mut self, document: Document, default_interval: Duration) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut names: BTreeMap<String, Place> = BTreeMap::new();
        for entry in document.groups.unwrap_or_default() {
            let at = entry.value.name.as_ref().map_or_else(|| place(&entry), place);
            let group = self.group(entry, default_interval);
            if let Some(first) = names.insert(group.name.clone(), at) {
                let problem = format!("group {:?} is there twice, first in line {}", group.name, first.line);
                self.faults.error(at, problem, "give each group of a file a name of its own");
            }
            groups.push(group);
        }
        groups
    }

    fn group(&mut self, entry: Spanned<GroupEntry>, default_interval: Duration) -> Group {
        let at = place(&entry);
        let GroupEntry { name, interval, query_offset, limit, labels, rules } = entry.value;
        let name = name.map(|name| name.value).unwrap_or_default();
        if name.is_empty() {
            self.faults.error(at, "a group has no name", "give it a name that no other group of the file has");
        }
        let interval = self.duration(interval.as_ref()).filter(|interval| !interval.is_zero());
        let query_offset = self.duration(query_offset.as_ref());
        let limit = limit.map_or(0, |limit| {
            usize::try_from(limit.value).unwrap_or_else(|_| {
                self.faults.error(
                    place(&limit),
                    "the limit is below zero",
                    "write a number of series, or 0 for no limit",
                );
                0
            })
        });
        let labels = self.labels(labels, &[]);
        let rules = rules.unwrap_or_default().into_iter().filter_map(|rule| self.rule(rule, &labels)).collect();
        let interval = interval.unwrap_or(default_interval);
        Group { file: self.file.to_owned(), name, interval, query_offset, limit, rules }
    }

    fn rule(&mut self, entry: Spanned<RuleEntry>, of_group: &[(String, Text)]) -> Option<Rule> {
        let at = place(&entry);
        let RuleEntry { record, alert, expr, hold, keep_firing_for, labels, annotations } = entry.value;
        let present = |text: Option<Text>| text.filter(|text| !text.value.is_empty());
        let (record, alert) = (present(record), present(alert));
        let labels = self.labels(labels, of_group);
        let expression = self.expression(at, present(expr));
        let written: Pairs = labels.iter().map(|(name, text)| (name.clone(), text.value.clone())).collect();
        let (name, kind) = match (record, alert) {
            (Some(record), None) => {
                let only_alerts =
                    [("for", hold.as_ref().map(place)), ("keep_firing_for", keep_firing_for.as_ref().map(place))];
                let annotated = annotations.0.first().map(|(name, _)| place(name));
                for (field, at) in only_alerts.into_iter().chain([("annotations", annotated)]) {
                    if let Some(at) = at {
                        let problem = format!("a recording rule has no \"{field}\"");
                        self.faults.error(at, problem, "take it away, or write \"alert\" in place of \"record\"");
                    }
                }
                self.metric(&record);
                (record.value, Kind::Recording)
            }
            (None, Some(alert)) => {
                let hold = self.duration(hold.as_ref()).unwrap_or_default();
                let keep_firing = self.duration(keep_firing_for.as_ref()).unwrap_or_default();
                let annotations = self.annotations(annotations);
                let labels = self.templates(&labels, expression.as_ref());
                let annotations = self.templates(&annotations, expression.as_ref());
                (alert.value, Kind::Alerting(Alerting { hold, keep_firing, labels, annotations }))
            }
            (None, None) => {
                self.faults.error(at, "a rule has neither \"record\" nor \"alert\"", "write which of both it is");
                return None;
            }
            (Some(_), Some(alert)) => {
                self.faults.error(place(&alert), "a rule has both \"record\" and \"alert\"", "make two rules of it");
                return None;
            }
        };
        Some(Rule { name, expression: expression?, labels: written, kind, place: at })
    }

    fn expression(&mut self, at: Place, expr: Option<Text>) -> Option<Expression> {
        let Some(expr) = expr else {
            self.faults.error(at, "a rule has no \"expr\"", "write the expression that it evaluates");
            return None;
        };
        match Expression::parse(&expr.value) {
            Ok(expression) => {
                if let Some(problem) = super::dry_run::refusal(&expression) {
                    self.faults.error(place(&expr), problem, "write the expression without it");
                }
                Some(expression)
            }
            Err(bad) => {
                let at = place_within(self.text, &expr, bad.offset);
                self.faults.error(at, format!("the expression cannot be used: {bad}"), "mend the expression here");
                None
            }
        }
    }

    fn metric(&mut self, record: &Text) {
        let name = &record.value;
        if weir_sample::legal_metric_name(name) != *name {
            let problem = format!("{name:?} is no metric name");
            let mend = "take letters, digits, \"_\" and \":\", no digit first; labels belong under \"labels\"";
            self.faults.error(place(record), problem, mend);
        }
    }

    /// Labels of a rule over those of its group.
    fn labels(&mut self, entries: Entries, of_group: &[(String, Text)]) -> Vec<(String, Text)> {
        let mut labels = of_group.to_vec();
        for (name, text) in entries.0 {
            let said = &name.value;
            if weir_sample::legal_label_name(said) != *said || said == "__name__" {
                let problem = format!("{said:?} cannot be a label");
                self.faults.error(
                    place(&name),
                    problem,
                    "take letters, digits and \"_\", no digit first, not __name__",
                );
            }
            labels.retain(|(other, _)| *other != name.value);
            labels.push((name.value, text));
        }
        labels
    }

    fn annotations(&mut self, entries: Entries) -> Vec<(String, Text)> {
        for (name, _) in &entries.0 {
            if weir_sample::legal_label_name(&name.value) != name.value {
                let problem = format!("{:?} cannot be an annotation's name", name.value);
                self.faults.error(place(name), problem, "take letters, digits and \"_\", no digit first");
            }
        }
        entries.0.into_iter().map(|(name, text)| (name.value, text)).collect()
    }

    fn templates(&mut self, texts: &[(String, Text)], expression: Option<&Expression>) -> Vec<(String, Template)> {
        let possible = expression.map(|expression| super::meaning::Possible::of(expression.tree()));
        let mut templates = Vec::new();
        for (name, text) in texts {
            match Template::parse(&text.value) {
                Err(bad) => {
                    let at = place_within(self.text, text, bad.offset);
                    self.faults.error(at, format!("the template of {name:?} cannot be used: {bad}"), "mend it here");
                }
                Ok(template) => {
                    for (label, offset) in template.labels_named() {
                        let Some(possible) = possible.as_ref().filter(|possible| !possible.has(label)) else {
                            continue;
                        };
                        let problem =
                            format!("the template of {name:?} names $labels.{label}, which the expression cannot have");
                        let mend = format!(
                            "its result has {}; keep the label in the expression or leave it out here",
                            possible.told()
                        );
                        self.faults.warn(place_within(self.text, text, offset), problem, mend);
                    }
                    templates.push((name.clone(), template));
                }
            }
        }
        templates
    }

    fn duration(&mut self, text: Option<&Text>) -> Option<Duration> {
        let text = text?;
        let read = duration(&text.value);
        if let Err(problem) = &read {
            self.faults.error(place(text), problem, "write numbers with units from y, w, d, h, m, s, ms, as in 1h30m");
        }
        read.ok()
    }
}
