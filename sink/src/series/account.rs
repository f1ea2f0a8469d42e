//! How many series each metric and tenant has, which labels make them, and whom a limit has hit.
//!
//! Counts are estimates (HyperLogLog, 2.3 %), so that they cost kilobytes per metric whatever its series number.

use std::collections::HashMap;

use weir_sample::{Distinct, Reading, Series, Timestamp};

use super::limit::{GENERATION, Limit};

/// The label of what is folded.
pub(crate) const OVERFLOW: &str = "__overflow__";

/// The use of series, for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cardinality {
    /// The limit per agent in force; 0 is none.
    pub max_agent_series: usize,
    /// The limit per tenant in force; 0 is none.
    pub max_tenant_series: usize,
    /// Tenants by number.
    pub tenants: Vec<TenantUse>,
    /// Metrics: those that a limit or a rule has hit first, then by series.
    pub metrics: Vec<MetricUse>,
}

/// What one tenant uses.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantUse {
    /// Its number.
    pub tenant: u32,
    /// Its series, about.
    pub series: f64,
}

/// What one metric uses.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricUse {
    /// Whose it is.
    pub tenant: u32,
    /// Its name.
    pub metric: String,
    /// Its series of the last hours, about, those folded included.
    pub series: f64,
    /// Series found over a limit and folded. One that is met again is counted again.
    pub folded: u64,
    /// Series left out by a rule.
    pub denied: u64,
    /// Series of remote write and other protocols left out over a limit: nothing folds them. One that is met again is counted again.
    pub left_out: u64,
    /// Its labels, those of most values first.
    pub labels: Vec<LabelUse>,
}

/// What one label of a metric uses.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelUse {
    /// Its name.
    pub label: String,
    /// Its values, about.
    pub values: f64,
}

/// Accounts of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    tenants: HashMap<u32, Tenant>,
    metrics: HashMap<u32, HashMap<Box<str>, Metric>>,
    folded: u64,
    denied: u64,
}

/// One tenant.
#[derive(Debug, Default)]
pub(crate) struct Tenant {
    /// Series let in, while there is a limit.
    pub series: usize,
    pub shared: Limit,
    folded_metrics: usize,
}

#[derive(Debug, Default)]
struct Metric {
    young: Use,
    old: Use,
    since: Option<Timestamp>,
    folded: u64,
    denied: u64,
    left_out: u64,
}

#[derive(Clone, Debug, Default)]
struct Use {
    series: Distinct,
    labels: Vec<(Box<str>, Distinct)>,
}

/// Metrics accounted for apart, per tenant; the rest share an account.
const MAX_METRICS: usize = 10_000;
/// Labels accounted for, per metric.
const MAX_LABELS: usize = 20;
/// Metrics named by the telemetry.
const NAMED: usize = 10;

impl Tenant {
    /// Takes an agent's series out of the count: it has gone, or there is no limit any more.
    pub(crate) fn give_up(&mut self, limit: &mut Limit) {
        if limit.len() > 0 {
            self.series = self.series.saturating_sub(std::mem::take(limit).len());
        }
    }
}

impl Accounts {
    /// Forgets who has which series; what was counted of metrics stays.
    pub(crate) fn forget_tenants(&mut self) {
        self.tenants.clear();
    }

    pub(crate) fn shared_limits(&self) -> Vec<(u32, Vec<u8>)> {
        let limits = self.tenants.iter().filter(|(_, tenant)| tenant.shared.len() > 0);
        limits.map(|(number, tenant)| (*number, tenant.shared.encode())).collect()
    }

    pub(crate) fn tenant(&mut self, number: u32) -> &mut Tenant {
        self.tenants.entry(number).or_default()
    }

    /// Notes a series that is sent.
    pub(crate) fn observe(&mut self, tenant: u32, series: &Series, now: Timestamp) {
        self.metric(tenant, series.name()).observe(series, now);
    }

    pub(crate) fn deny(&mut self, tenant: u32, metric: &str) {
        self.denied += 1;
        self.metric(tenant, metric).denied += 1;
    }

    /// Counts a series that is over a limit and cannot be folded.
    pub(crate) fn leave_out(&mut self, tenant: u32, metric: &str) {
        self.metric(tenant, metric).left_out += 1;
    }

    /// Counts a series as folded; returns how many metrics of the tenant have been so far.
    pub(crate) fn fold(&mut self, tenant: u32, metric: &str) -> usize {
        self.folded += 1;
        let account = self.metric(tenant, metric);
        account.folded += 1;
        let new = usize::from(account.folded == 1);
        let tenant = self.tenant(tenant);
        tenant.folded_metrics += new;
        tenant.folded_metrics
    }

    fn metric(&mut self, tenant: u32, name: &str) -> &mut Metric {
        let metrics = self.metrics.entry(tenant).or_default();
        let mut name = name;
        if !metrics.contains_key(name) {
            name = if metrics.len() < MAX_METRICS { name } else { OVERFLOW };
            metrics.entry(name.into()).or_default();
        }
        metrics.get_mut(name).expect("inserted above if it was not there")
    }

    /// What metrics of a name use, by tenant.
    pub(crate) fn metric_of_all(&self, name: &str) -> Vec<MetricUse> {
        let of = |(&tenant, metrics): (&u32, &HashMap<Box<str>, Metric>)| Some(metrics.get(name)?.report(tenant, name));
        let mut used: Vec<MetricUse> = self.metrics.iter().filter_map(of).collect();
        used.sort_by_key(|metric| metric.tenant);
        used
    }

    pub(crate) fn report(&self, most: usize) -> Cardinality {
        let mut cardinality = Cardinality::default();
        for (&tenant, metrics) in &self.metrics {
            let used: Vec<MetricUse> = metrics.iter().map(|(name, metric)| metric.report(tenant, name)).collect();
            cardinality.tenants.push(TenantUse { tenant, series: used.iter().map(|metric| metric.series).sum() });
            cardinality.metrics.extend(used);
        }
        cardinality.tenants.sort_by_key(|tenant| tenant.tenant);
        let worst = |metric: &MetricUse| (metric.folded + metric.left_out > 0, metric.series);
        cardinality.metrics.sort_by(|a, b| worst(b).partial_cmp(&worst(a)).unwrap_or(std::cmp::Ordering::Equal));
        cardinality.metrics.truncate(most);
        cardinality
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let folded = [("reason", "series_limit")];
        let mut readings = vec![
            Reading::counter("weir_sink_folded_series_total", &folded, self.folded, FOLDED_HELP),
            Reading::counter("weir_sink_denied_series_total", &[("reason", "rule")], self.denied, DENIED_HELP),
        ];
        let culprits = |(&tenant, metrics): (&u32, &HashMap<Box<str>, Metric>)| {
            let hit = metrics.iter().filter(|(_, metric)| metric.folded > 0);
            hit.map(|(name, metric)| (metric.folded, tenant, name.clone())).collect::<Vec<_>>()
        };
        let mut culprits: Vec<_> = self.metrics.iter().flat_map(culprits).collect();
        culprits.sort_by(|a, b| b.cmp(a));
        readings.extend(culprits.into_iter().take(NAMED).map(|(folded, tenant, metric)| {
            let tenant = tenant.to_string();
            let labels = [("metric", &*metric), ("tenant", tenant.as_str())];
            Reading::gauge("weir_sink_culprit_series", &labels, folded as f64, CULPRIT_HELP)
        }));
        readings
    }
}

impl Metric {
    fn observe(&mut self, series: &Series, now: Timestamp) {
        let since = *self.since.get_or_insert(now);
        if now.since(since) >= GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.since = Some(now);
        }
        self.young.series.insert(series.key().as_bytes());
        for (place, (label, value)) in series.labels().enumerate() {
            self.young.label(place, label, value);
        }
    }

    fn report(&self, tenant: u32, name: &str) -> MetricUse {
        let mut all = self.young.clone();
        all.series.merge(&self.old.series);
        for (label, values) in &self.old.labels {
            if let Some(mine) = all.values(label) {
                mine.merge(values);
            }
        }
        let estimate =
            |(label, values): &(Box<str>, Distinct)| LabelUse { label: label.to_string(), values: values.estimate() };
        let mut labels: Vec<LabelUse> = all.labels.iter().map(estimate).collect();
        labels.sort_by(|a, b| b.values.total_cmp(&a.values));
        let &Self { folded, denied, left_out, .. } = self;
        MetricUse { tenant, metric: name.into(), series: all.series.estimate(), folded, denied, left_out, labels }
    }
}

impl Use {
    /// Notes a label's value. Series of one metric mostly have the same labels, so that each is found at its place.
    fn label(&mut self, place: usize, label: &str, value: &str) {
        let at_place = self.labels.get(place).is_some_and(|(name, _)| **name == *label);
        let values = if at_place { Some(&mut self.labels[place].1) } else { self.values(label) };
        if let Some(values) = values {
            values.insert(value.as_bytes());
        }
    }

    fn values(&mut self, label: &str) -> Option<&mut Distinct> {
        if let Some(at) = self.labels.iter().position(|(name, _)| **name == *label) {
            return Some(&mut self.labels[at].1);
        }
        if self.labels.len() >= MAX_LABELS {
            return None;
        }
        self.labels.push((label.into(), Distinct::new()));
        self.labels.last_mut().map(|(_, values)| values)
    }
}

const FOLDED_HELP: &str = "Series over a limit when their layout was planned; their values count under __overflow__. See \
    `weir top series` for the label that explodes, or raise admission.max_agent_series or max_tenant_series.";
const DENIED_HELP: &str =
    "Series left out when their layout was planned, because a rule denies them, or made two of an agent's one.";
const CULPRIT_HELP: &str =
    "Series of this metric found over a limit since the start, the worst ten: look at its labels.";
