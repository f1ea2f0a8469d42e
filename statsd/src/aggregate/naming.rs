//! From a line's name and tags to a series: legal names, scope, and the operator's rules. Done once per new spelling.

use std::borrow::Cow;

use weir_sample::{Series, SeriesBuilder, legal_label_name, legal_metric_name};

use crate::config::{AggregatorConfig, TimerUnit};
use crate::line::{Metric, Tag, Tags, Type};

/// The label that marks what was folded.
pub(crate) const OVERFLOW: &str = "__overflow__";

/// The naming rules of one aggregator.
#[derive(Debug)]
pub(crate) struct Naming {
    prefix: String,
    host: Option<String>,
    labels: Vec<(String, String)>,
    global_tags: Vec<(String, String)>,
    allow_tags: Vec<String>,
    deny_tags: Vec<String>,
    total_suffix: bool,
    timers: TimerUnit,
}

impl Naming {
    pub(crate) fn new(config: &AggregatorConfig) -> Self {
        let pair = |tag: &String| {
            let (name, value) = tag.split_once(':').unwrap_or((tag, "true"));
            (name.to_owned(), value.to_owned())
        };
        let legal = |names: &[String]| names.iter().map(|name| label_name(name).into_owned()).collect();
        Self {
            prefix: config.prefix.clone(),
            host: config.host.clone(),
            labels: config
                .labels
                .iter()
                .filter(|(name, _)| config.host.is_none() || name != "host")
                .map(|(name, value)| (legal_label_name(name).into_owned(), value.clone()))
                .collect(),
            global_tags: config.global_tags.iter().map(pair).collect(),
            allow_tags: legal(&config.allow_tags),
            deny_tags: legal(&config.deny_tags),
            total_suffix: config.total_suffix,
            timers: config.timers,
        }
    }

    /// The series that a metric's line belongs to.
    pub(crate) fn series(&self, metric: &Metric<'_>) -> Series {
        let (head, tail) = metric.name();
        let name = [self.prefix.as_str(), head, tail].concat();
        let name = legal_metric_name(&name);
        let name = match metric.kind {
            Type::Counter if self.total_suffix => Cow::Owned(in_total(&name)),
            Type::Timer if self.timers == TimerUnit::Seconds => Cow::Owned(in_seconds(&name)),
            _ => name,
        };
        self.label(SeriesBuilder::new(&name), metric.tags())
    }

    /// The series that counts events or service checks, or says how one stands; `labels` are what they tell apart beside their tags.
    pub(crate) fn counted(&self, name: &str, labels: &[(&str, &str)], tags: Tags<'_>) -> Series {
        let mut series = SeriesBuilder::from(&self.label(SeriesBuilder::new(name), tags));
        for (label, value) in labels {
            series.label(label, value);
        }
        series.build()
    }

    /// What new series of the same metric fold into.
    pub(crate) fn overflow(&self, name: &str, of: &Series) -> Series {
        let mut series = SeriesBuilder::new(name);
        for (label, value) in &self.labels {
            series.label(label, value);
        }
        // A shared series must not become an agent's own, nor the other way round.
        if let Some(host) = self.host.as_deref().filter(|_| self.is_own(of)) {
            series.label("host", host);
        }
        series.label(OVERFLOW, "true");
        series.build()
    }

    /// Whether the series carries this agent's `host`; a client's claim is never under that name.
    pub(crate) fn is_own(&self, series: &Series) -> bool {
        self.host.is_some() && series.label("host").is_some()
    }

    fn label(&self, mut series: SeriesBuilder, tags: Tags<'_>) -> Series {
        for (label, value) in &self.labels {
            series.label(label, value);
        }
        let mut host = self.host.as_deref();
        for tag in tags {
            if self.is_global(tag) {
                host = None;
                continue;
            }
            let name = label_name(tag.name);
            if self.keeps(&name) {
                // With it a series would be an agent's own, and two clients' claims would meet in one unmerged.
                series.label(if name == "host" { "exported_host" } else { &name }, tag.value);
            }
        }
        if let Some(host) = host {
            series.label("host", host);
        }
        series.build()
    }

    fn is_global(&self, tag: Tag<'_>) -> bool {
        self.global_tags.iter().any(|(name, value)| name == tag.name && value == tag.value)
    }

    fn keeps(&self, name: &str) -> bool {
        let listed = |names: &[String]| names.iter().any(|listed| listed == name);
        (self.allow_tags.is_empty() || listed(&self.allow_tags)) && !listed(&self.deny_tags)
    }
}

/// Names that begin with `__` are Prometheus' and ours: a client must not forge them.
fn label_name(name: &str) -> Cow<'_, str> {
    let legal = legal_label_name(name);
    if !legal.starts_with("__") {
        return legal;
    }
    Cow::Owned(format!("_{}", legal.trim_start_matches('_')))
}

fn in_total(name: &str) -> String {
    format!("{}_total", name.strip_suffix("_total").unwrap_or(name))
}

fn in_seconds(name: &str) -> String {
    let units = ["_seconds", "_milliseconds", "_ms"];
    format!("{}_seconds", units.iter().find_map(|unit| name.strip_suffix(unit)).unwrap_or(name))
}
