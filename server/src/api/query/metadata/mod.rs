//! What metrics are: type, unit and help, as their senders tell, as our own tables have it, or as the store knows the type.

mod own;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::{Value, json};
use weir_query::{Allow, Engine, Hint, MatchOp, Matcher, QueryError, Selection, Source};
use weir_sample::{Metadata, MetricType, Timestamp};

use super::parameters::Parameters;
use super::turn::{Api, Body, Told};
use crate::api::auth::Caller;
use crate::clock::now;

/// How far back one looks for a sample that tells what a metric is.
const REACH: Duration = Duration::from_secs(3_600);

/// About the memory that what is told of one metric takes while it is put together.
const BYTES: usize = 500;

/// What is known of each metric, the last told first.
type Known = BTreeMap<String, Vec<Metadata>>;

/// By metric.
pub(super) async fn metadata(State(api): State<Api>, caller: Caller, RawQuery(url): RawQuery) -> Response {
    let (told, tenant) = (api.told.clone(), caller.tenant());
    api.run(&caller, Parameters::of(url.as_deref(), &[]), move |engine, source, parameters| {
        let metric = parameters.get("metric").filter(|metric| !metric.is_empty());
        let (known, held) = engine.list(|allow| known(source, &told, tenant, metric, parameters, allow))?;
        let most = parameters.number("limit_per_metric")?.filter(|most| *most > 0).unwrap_or(usize::MAX);
        let entries = |known: Vec<Metadata>| known.iter().take(most).map(entry).collect::<Vec<_>>();
        let data: serde_json::Map<String, Value> =
            known.into_iter().map(|(metric, known)| (metric, entries(known).into())).collect();
        Ok(Body::Json(json!({ "status": "success", "data": data }).to_string(), held))
    })
    .await
}

/// In a row, as Prometheus has it by target. Which target tells what is not kept.
pub(super) async fn of_targets(State(api): State<Api>, caller: Caller, RawQuery(url): RawQuery) -> Response {
    let (told, tenant) = (api.told.clone(), caller.tenant());
    api.run(&caller, Parameters::of(url.as_deref(), &[]), move |engine: &Engine, source, parameters| {
        let metric = parameters.get("metric").filter(|metric| !metric.is_empty());
        let (known, held) = engine.list(|allow| known(source, &told, tenant, metric, parameters, allow))?;
        let mut rows = Vec::new();
        for (name, entries) in known {
            for told in entries {
                let mut row = entry(&told);
                row["target"] = json!({});
                if metric.is_none() {
                    row["metric"] = name.as_str().into();
                }
                rows.push(row);
            }
        }
        Ok(Body::Json(json!({ "status": "success", "data": rows }).to_string(), held))
    })
    .await
}

fn entry(told: &Metadata) -> Value {
    json!({ "type": told.kind.word(), "help": told.help, "unit": told.unit })
}

/// What is known of one metric, or of all that are told of or have a sample in the last hour.
fn known(
    source: &dyn Source,
    told: &Told,
    tenant: Option<u32>,
    metric: Option<&str>,
    parameters: &Parameters,
    allow: Allow<'_>,
) -> Result<Known, QueryError> {
    let (end, start) = (now(), now().minus(REACH));
    let mut told = told(tenant, metric);
    let names: BTreeSet<String> = match metric {
        Some(metric) => [metric.to_owned()].into(),
        None => {
            let stored = source.label_values("__name__", &[], start, end, allow)?;
            let is_part = |name: &String| is_part(name, &told);
            stored.into_iter().filter(|name| !is_part(name)).chain(told.keys().cloned()).collect()
        }
    };
    let mut known = Known::new();
    for name in parameters.limited(names)?.0 {
        let mut entries = told.remove(&name).unwrap_or_default();
        let bytes: usize = entries.iter().map(|told| told.help.len() + told.unit.len()).sum();
        if allow(name.len() + bytes + BYTES).is_break() {
            break;
        }
        if entries.is_empty() {
            entries.extend(own::told(&name));
        }
        // Who tells a help may leave it to others to say of what type it is.
        let lacks_type = entries.iter().all(|told| told.kind == MetricType::Unknown);
        let stored = if lacks_type { stored_type(source, &name, start, end)? } else { None };
        match stored {
            Some(kind) if entries.is_empty() => entries.push(Metadata { kind, ..Metadata::default() }),
            Some(kind) => entries.iter_mut().for_each(|told| told.kind = kind),
            None => {}
        }
        if !entries.is_empty() {
            known.insert(name, entries);
        }
    }
    Ok(known)
}

/// Whether it is one of the series of a histogram or summary of which something is told.
fn is_part(name: &str, told: &Known) -> bool {
    let family = MetricType::Histogram.family(name);
    let entries = told.get(family).filter(|_| family != name);
    entries.is_some_and(|entries| entries.iter().any(|told| told.kind.family(name) == family))
}

/// The type told by the first of its series that has a sample.
fn stored_type(
    source: &dyn Source,
    name: &str,
    start: Timestamp,
    end: Timestamp,
) -> Result<Option<MetricType>, QueryError> {
    let Ok(matcher) = Matcher::new("__name__", MatchOp::Equal, name) else { return Ok(None) };
    let selection = Selection { matchers: &[matcher], start, end, hint: Hint::Raw, any_order: false };
    let mut found = None;
    source.select(&selection, &mut |data| {
        found = Some(MetricType::of_word(data.kind.prometheus_type()));
        ControlFlow::Break(())
    })?;
    Ok(found)
}
