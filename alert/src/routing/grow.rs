//! Routes as written become the tree, each with what it has from above.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_saphyr::Spanned;

use super::conditions::conditions;
use super::document::RouteText;
use super::fault::Faults;
use super::period::Intervals;
use super::tree::{GroupBy, Route, Routes};

/// What routes may name.
pub(super) struct Known<'k> {
    pub(super) receivers: BTreeSet<&'k str>,
    pub(super) intervals: &'k BTreeMap<String, Intervals>,
}

const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_secs(300);
const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 3600);

/// Deeper trees are refused.
const DEEPEST: usize = 50;

pub(super) fn grow(root: &Spanned<RouteText>, known: &Known<'_>, faults: &mut Faults<'_>) -> Routes {
    let text = &root.value;
    if !(text.equal.is_empty() && text.regex.is_empty() && text.matchers.is_empty()) {
        faults.on(root, "the root route must match everything: take its matchers away");
    }
    if text.goes_on {
        faults.on(root, "the root route has no siblings: take `continue` away");
    }
    if !text.mute_time_intervals.is_empty() || !text.active_time_intervals.is_empty() {
        faults.on(root, "the root route must not have mute or active times: put them on a child");
    }
    let Some(receiver) = &text.receiver else {
        faults.on(root, "the root route needs a receiver");
        return Routes::default();
    };
    let top = Route {
        receiver: receiver.value.clone(),
        group_by: GroupBy::Labels(BTreeSet::new()),
        group_wait: GROUP_WAIT,
        group_interval: GROUP_INTERVAL,
        repeat_interval: REPEAT_INTERVAL,
        mute: Vec::new(),
        active: Vec::new(),
        matchers: Vec::new(),
        goes_on: false,
        key: String::new(),
        children: Vec::new(),
    };
    let mut routes = Vec::new();
    add(root, &top, known, faults, &mut routes, 0);
    Routes { routes }
}

fn add(
    from: &Spanned<RouteText>,
    above: &Route,
    known: &Known<'_>,
    faults: &mut Faults<'_>,
    routes: &mut Vec<Route>,
    depth: usize,
) -> usize {
    let route = inherit(from, above, known, faults);
    let number = routes.len();
    routes.push(route.clone());
    if depth == DEEPEST {
        faults.on(from, format!("routes nested deeper than {DEEPEST}"));
        return number;
    }
    for child in &from.value.routes {
        let child = add(child, &route, known, faults, routes, depth + 1);
        routes[number].children.push(child);
    }
    number
}

fn inherit(from: &Spanned<RouteText>, above: &Route, known: &Known<'_>, faults: &mut Faults<'_>) -> Route {
    let text = &from.value;
    let receiver = text.receiver.as_ref().filter(|receiver| !receiver.value.is_empty());
    if let Some(receiver) = receiver.filter(|receiver| !known.receivers.contains(receiver.value.as_str())) {
        faults.on(
            receiver,
            format!("undefined receiver {:?}: add it under `receivers`, or correct the name", receiver.value),
        );
    }
    for interval in text.mute_time_intervals.iter().chain(&text.active_time_intervals) {
        if !known.intervals.contains_key(&interval.value) {
            faults.on(interval, format!("undefined time interval {:?}: add it under `time_intervals`", interval.value));
        }
    }
    let not_zero = |span: Option<Duration>, name: &str, faults: &mut Faults<'_>| {
        if span.is_some_and(|span| span.is_zero()) {
            faults.on(from, format!("{name} must be more than zero"));
        }
    };
    not_zero(text.group_interval, "group_interval", faults);
    not_zero(text.repeat_interval, "repeat_interval", faults);
    let matchers = conditions(&text.equal, &text.regex, &text.matchers, faults);
    let written: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    let slash = if above.key.is_empty() { "" } else { "/" };
    let values = |names: &[Spanned<String>]| names.iter().map(|name| name.value.clone()).collect();
    Route {
        receiver: receiver.map_or_else(|| above.receiver.clone(), |receiver| receiver.value.clone()),
        group_by: text.group_by.as_ref().map_or_else(|| above.group_by.clone(), |names| group_by(names, faults)),
        group_wait: text.group_wait.unwrap_or(above.group_wait),
        group_interval: text.group_interval.unwrap_or(above.group_interval),
        repeat_interval: text.repeat_interval.unwrap_or(above.repeat_interval),
        mute: values(&text.mute_time_intervals),
        active: values(&text.active_time_intervals),
        key: format!("{}{slash}{{{}}}", above.key, written.join(",")),
        matchers,
        goes_on: text.goes_on,
        children: Vec::new(),
    }
}

fn group_by(names: &[Spanned<String>], faults: &mut Faults<'_>) -> GroupBy {
    let mut labels = BTreeSet::new();
    for name in names {
        if name.value == "..." && names.len() > 1 {
            faults.on(name, "'...' means all labels; nothing can stand beside it");
        } else if name.value.is_empty() {
            faults.on(name, "a label name cannot be empty");
        } else if !labels.insert(name.value.clone()) {
            faults.on(name, format!("label {:?} stands twice in group_by", name.value));
        }
    }
    if labels.contains("...") { GroupBy::All } else { GroupBy::Labels(labels) }
}
