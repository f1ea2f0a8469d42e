//! One alerting rule at one time: its result meets the alerts that there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_query::LabelSet;
use weir_sample::Timestamp;

use super::ask::Found;
use super::left_out::LeftOut;
use super::row::{Row, ends_of, rows_of};
use crate::rules::{Alerting, Rule, Scope, Surroundings};
use crate::states::{Alert, Annotations, Happening, Phase};

/// All alerts of one rule, by their labels.
pub(crate) type Active = BTreeMap<LabelSet, Alert>;

/// The circumstances of one evaluation.
pub(crate) struct Moment<'a> {
    /// The group's instant.
    pub(crate) at: i64,
    /// The instant that data were asked for.
    pub(crate) data_at: Timestamp,
    /// Time since the group's evaluation before.
    pub(crate) since_last: i64,
    /// Most alerts; 0 for no limit.
    pub(crate) limit: usize,
    /// What templates see beside the element.
    pub(crate) surroundings: &'a Surroundings<'a>,
}

/// Why a result may be missing though it is true.
pub(crate) struct Missing<'a> {
    /// Hosts that are not waited for.
    pub(crate) left_out: &'a LeftOut,
    /// Data are missing otherwise.
    pub(crate) partial: bool,
    /// Whether an alert with a host is made of that host's data alone.
    pub(crate) by_host: &'a dyn Fn() -> bool,
    /// Whether the rule reads something of a host that is not waited for.
    pub(crate) any: &'a dyn Fn() -> bool,
}

/// A change of one alert.
#[derive(Debug)]
pub(crate) struct Change {
    /// What happened to it.
    pub(crate) what: Happening,
    /// The alert as it is now, or as it was before it went.
    pub(crate) alert: Alert,
}

/// What an evaluation of an alerting rule did.
#[derive(Debug, Default)]
pub(crate) struct Stepped {
    pub(crate) rows: Vec<Row>,
    pub(crate) changes: Vec<Change>,
    /// Alerts whose kept part changed and about which there is nothing to say.
    pub(crate) touched: Vec<LabelSet>,
    /// Elements that the limit left out.
    pub(crate) cut: usize,
    /// What templates could not do; the alerts went out with it in their text.
    pub(crate) template_errors: u64,
}

/// The alert that an element makes: its labels, and itself.
type Elements = BTreeMap<LabelSet, Expanded>;

struct Expanded {
    value: f64,
    annotations: Option<Annotations>,
}

/// Brings the alerts of a rule up to date with its result.
///
/// # Errors
/// Two elements that are one alert; nothing has changed then.
pub(crate) fn step(
    rule: &Rule,
    alerting: &Alerting,
    active: &mut Active,
    found: &Found,
    moment: &Moment<'_>,
    missing: &Missing<'_>,
) -> Result<Stepped, String> {
    let mut stepped = Stepped::default();
    let mut elements = expand(rule, alerting, active, found, moment, &mut stepped)?;
    cut(&mut elements, active, moment.limit, &mut stepped);
    for (labels, element) in elements.iter_mut() {
        let alert = active.entry(labels.clone()).or_insert_with(|| {
            let mut alert = Alert::new(labels.clone(), moment.at);
            alert.value = element.value;
            stepped.changes.push(Change { what: Happening::Pending, alert: alert.clone() });
            alert
        });
        alert.value = element.value;
        if let Some(annotations) = element.annotations.take() {
            alert.annotations = annotations;
        }
    }
    let no_data = found.elements.is_empty() && found.series_read == Some(0);
    let mut gone = Vec::new();
    for (labels, alert) in active.iter_mut() {
        let fate = if elements.contains_key(labels) {
            there(alert, alerting, moment, &mut stepped)
        } else {
            not_there(alert, alerting, moment, missing, no_data, &mut stepped)
        };
        match fate {
            Fate::Goes => gone.push(labels.clone()),
            Fate::Stays => stepped.rows.extend(rows_of(alert, moment.data_at)),
        }
    }
    for labels in gone {
        if let Some(alert) = active.remove(&labels) {
            stepped.rows.extend(ends_of(&alert, moment.data_at));
        }
    }
    Ok(stepped)
}

enum Fate {
    Stays,
    Goes,
}

/// An alert whose element is there.
fn there(alert: &mut Alert, alerting: &Alerting, moment: &Moment<'_>, stepped: &mut Stepped) -> Fate {
    if alert.missing_since.take().is_some() {
        stepped.touched.push(alert.labels.clone());
    }
    if alert.late_since.take().is_some() {
        stepped.changes.push(Change { what: Happening::Heard, alert: alert.clone() });
    }
    if alert.phase == Phase::Pending && moment.at - alert.active_at >= alerting.hold.as_millis() as i64 {
        // The series says "firing" from here on, so "pending" ends; nothing wrote it before this evaluation if it is the first.
        if alert.active_at < moment.at {
            let [pending, _] = ends_of(alert, moment.data_at);
            stepped.rows.push(pending);
        }
        (alert.phase, alert.fired_at) = (Phase::Firing, moment.at);
        stepped.changes.push(Change { what: Happening::Firing, alert: alert.clone() });
    }
    Fate::Stays
}

/// An alert whose element is missing: late if that may be for want of data, held on if the rule says so, else over.
fn not_there(
    alert: &mut Alert,
    alerting: &Alerting,
    moment: &Moment<'_>,
    missing: &Missing<'_>,
    no_data: bool,
    stepped: &mut Stepped,
) -> Fate {
    let (tenant, host) = (alert.labels.value("tenant"), alert.labels.value("host"));
    // Without the label it is tenant 0's, or the rule took the label away: nothing is to resolve for want of it.
    let host_left_out = || match tenant {
        "" => missing.left_out.has_any(host),
        tenant => missing.left_out.has_labelled(tenant, host),
    };
    // One dying host of many must not keep the alerts of the others from resolving.
    let is_own = || !host.is_empty() && (missing.by_host)();
    if missing.partial || host_left_out() || (!is_own() && (missing.any)()) {
        if alert.phase == Phase::Pending {
            // Time in which nobody could know does not count.
            alert.active_at += moment.since_last;
            stepped.touched.push(alert.labels.clone());
        }
        if alert.late_since.is_none() {
            alert.late_since = Some(moment.at);
            stepped.changes.push(Change { what: Happening::Late, alert: alert.clone() });
        }
        return Fate::Stays;
    }
    if alert.phase == Phase::Firing && !alerting.keep_firing.is_zero() {
        let since = *alert.missing_since.get_or_insert_with(|| {
            stepped.touched.push(alert.labels.clone());
            moment.at
        });
        if moment.at - since < alerting.keep_firing.as_millis() as i64 {
            return Fate::Stays;
        }
    }
    let what = match alert.phase {
        Phase::Pending => Happening::Dropped,
        Phase::Firing if no_data => Happening::NoData,
        Phase::Firing => Happening::Resolved,
    };
    stepped.changes.push(Change { what, alert: alert.clone() });
    Fate::Goes
}

fn expand(
    rule: &Rule,
    alerting: &Alerting,
    active: &Active,
    found: &Found,
    moment: &Moment<'_>,
    stepped: &mut Stepped,
) -> Result<Elements, String> {
    let names: Vec<Arc<str>> = alerting.annotations.iter().map(|(name, _)| Arc::from(name.as_str())).collect();
    let by_labels_alone = alerting.annotations.iter().all(|(_, template)| template.needs_only_labels());
    let mut elements = Elements::new();
    for element in &found.elements {
        let scope = Scope::new(&element.labels, element.value, moment.surroundings);
        let mut text = |template: &crate::rules::Template| {
            template.expand(&scope).unwrap_or_else(|error| {
                stepped.template_errors += 1;
                format!("<error expanding template: {error}>")
            })
        };
        let own: Vec<(&str, String)> =
            alerting.labels.iter().map(|(name, template)| (name.as_str(), text(template))).collect();
        let own = own.iter().map(|(name, text)| (*name, text.as_str())).chain([("alertname", rule.name.as_str())]);
        let labels = LabelSet::new("", element.labels.labels().chain(own));
        let known = active.get(&labels).is_some_and(|alert| alert.annotations.len() == names.len());
        let annotations = (!(by_labels_alone && known)).then(|| {
            let texts = alerting.annotations.iter().map(|(_, template)| Box::from(text(template)));
            names.iter().cloned().zip(texts).collect()
        });
        if elements.contains_key(&labels) {
            return Err(duplicate(&rule.name, &labels));
        }
        elements.insert(labels, Expanded { value: element.value, annotations });
    }
    Ok(elements)
}

fn duplicate(rule: &str, labels: &LabelSet) -> String {
    format!(
        "vector contains metrics with the same labelset after applying alert labels: two elements of {rule} are {labels}; \
         take away the label that makes them one, or aggregate the expression"
    )
}

/// Leaves out what is over the limit. Alerts that there are come first, so that new ones do not push them out.
fn cut(elements: &mut Elements, active: &Active, limit: usize, stepped: &mut Stepped) {
    let newcomers = elements.keys().filter(|labels| !active.contains_key(*labels)).count();
    let over = if limit == 0 { 0 } else { (active.len() + newcomers).saturating_sub(limit) };
    if over == 0 {
        return;
    }
    let out: Vec<LabelSet> =
        elements.keys().rev().filter(|labels| !active.contains_key(*labels)).take(over).cloned().collect();
    out.iter().for_each(|labels| {
        elements.remove(labels);
    });
    stepped.cut = over;
}
