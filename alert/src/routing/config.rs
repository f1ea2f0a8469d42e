//! A configuration that has been checked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_saphyr::{Options, Spanned};

use super::channel::Receiver;
use super::conditions::conditions;
use super::document::{Document, InhibitText, ReceiverText};
use super::fault::{ConfigFault, Faults};
use super::grow::{Known, grow};
use super::inhibit::Inhibition;
use super::intervals::NamedIntervals;
use super::matcher::Labels;
use super::period::Intervals;
use super::settle::settle;
use super::tree::{Route, Routes};

/// Alertmanager's configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// By name.
    pub receivers: BTreeMap<String, Receiver>,
    /// Which alert goes to whom.
    pub routes: Routes,
    /// Which alert keeps which quiet.
    pub inhibitions: Vec<Inhibition>,
    /// Mute and active times, by name.
    pub intervals: BTreeMap<String, Intervals>,
    /// Files with templates, as patterns.
    pub templates: Vec<String>,
    /// How long an alert that came without an end is taken to last.
    pub resolve_timeout: Duration,
}

impl Config {
    /// Reads a configuration; `file` is named in faults.
    ///
    /// # Errors
    /// All faults, by their places.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<ConfigFault>> {
        let mut options = Options::default();
        options.with_snippet = false;
        let document: Document =
            serde_saphyr::from_str_with_options(text, options).map_err(|fault| vec![syntax(file, &fault)])?;
        let mut faults = Faults { file, found: Vec::new() };
        let config = Self::checked(&document, &mut faults);
        faults.found.sort();
        if faults.found.is_empty() { Ok(config) } else { Err(faults.found) }
    }

    /// The routes that an alert takes.
    pub fn routes_of(&self, labels: &impl Labels) -> Vec<&Route> {
        self.routes.of(labels).into_iter().filter_map(|number| self.routes.get(number)).collect()
    }

    fn checked(document: &Document, faults: &mut Faults<'_>) -> Self {
        let intervals = intervals(document.mute_time_intervals.iter().chain(&document.time_intervals), faults);
        unique_receivers(&document.receivers, faults);
        let settled = document.receivers.iter().map(|receiver| settle(&receiver.value, &document.global, faults));
        let receivers: BTreeMap<String, Receiver> = settled.map(|receiver| (receiver.name.clone(), receiver)).collect();
        let known = Known { receivers: receivers.keys().map(String::as_str).collect(), intervals: &intervals };
        let routes = match &document.route {
            Some(root) => grow(root, &known, faults),
            None => {
                let (line, column) = (1, 1);
                let fault = "no routes provided: add `route` with a receiver".to_owned();
                faults.found.push(ConfigFault { file: faults.file.to_owned(), line, column, fault });
                Routes::default()
            }
        };
        let inhibitions = document.inhibit_rules.iter().map(|rule| inhibition(rule, faults)).collect();
        let templates = document.templates.iter().map(|pattern| pattern.value.clone()).collect();
        Self { receivers, routes, inhibitions, intervals, templates, resolve_timeout: document.global.resolve_timeout }
    }
}

fn syntax(file: &str, fault: &serde_saphyr::Error) -> ConfigFault {
    let place = fault.location();
    let (line, column) = place.map_or((1, 1), |place| (place.line(), place.column()));
    let mut told = fault.without_snippet().to_string();
    if told.contains("unknown field") && told.contains("_configs`, expected") {
        told.push_str(" (of channels, Weir has webhook, email, slack, pagerduty and http)");
    }
    ConfigFault { file: file.to_owned(), line, column, fault: told }
}

fn unique_receivers(receivers: &[Spanned<ReceiverText>], faults: &mut Faults<'_>) {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for receiver in receivers {
        let name = &receiver.value.name;
        if name.value.is_empty() {
            faults.on(name, "a receiver needs a name");
        }
        match seen.get(name.value.as_str()) {
            Some(first) => {
                let told = format!(
                    "receiver {:?} is there already, in line {first}: give one of them another name",
                    name.value
                );
                faults.on(name, told);
            }
            None => drop(seen.insert(&name.value, name.referenced.line())),
        }
    }
}

fn intervals<'d>(
    all: impl Iterator<Item = &'d NamedIntervals>,
    faults: &mut Faults<'_>,
) -> BTreeMap<String, Intervals> {
    let (mut named, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for one in all {
        let (read, told) = one.read();
        for (place, fault) in told {
            faults.on(place, fault);
        }
        if one.name.value.is_empty() {
            faults.on(&one.name, "a time interval needs a name");
        } else if !seen.insert(&one.name.value) {
            faults.on(&one.name, format!("time interval {:?} is there already", one.name.value));
        }
        named.insert(one.name.value.clone(), read);
    }
    named
}

fn inhibition(rule: &Spanned<InhibitText>, faults: &mut Faults<'_>) -> Inhibition {
    let text = &rule.value;
    let source = conditions(&text.source_match, &text.source_match_re, &text.source_matchers, faults);
    let target = conditions(&text.target_match, &text.target_match_re, &text.target_matchers, faults);
    Inhibition { source, target, equal: text.equal.clone() }
}
