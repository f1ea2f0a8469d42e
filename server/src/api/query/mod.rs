//! Prometheus' query API over the store: instant and range queries, series, labels, metadata.
//!
//! Parameters come in the URL or as a form. Evaluation takes a thread of its own, has a deadline, and waits for its turn
//! if too many queries run; a bearer of a tenant's token sees that tenant's series alone.

mod export;
mod federate;
mod form;
mod metadata;
mod parameters;
mod remote_read;
mod replay;
mod tenant;
mod time;
mod turn;

pub(crate) use form::Form;
pub(crate) use parameters::Parameters;
pub(crate) use time::{duration, timestamp};
pub(crate) use turn::{Api, Body, Told, Watermark, refuse};

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use weir_query::{Allow, Engine, Held, Matcher, QueryError, Remembered, Source};
use weir_sample::Timestamp;

use crate::api::auth::Caller;
use crate::api::json;
use crate::clock::now;

/// The routes around an engine whose readings and limits others share. Where a watermark is known, answers tell it beside their
/// data: readers of Prometheus' API pass over what they do not know there.
pub(crate) fn routes(source: Arc<dyn Source>, engine: Engine, watermark: Option<Watermark>) -> Router {
    routes_of(Api::new(source, engine, watermark))
}

/// The same, whose turns others take too.
pub(crate) fn routes_of(api: Api) -> Router {
    Router::new()
        .route("/api/v1/query", get(instant).post(instant))
        .route("/api/v1/query_range", get(range).post(range))
        .route("/api/v1/series", get(series).post(series))
        .route("/api/v1/labels", get(labels).post(labels))
        .route("/api/v1/label/{name}/values", get(label_values))
        .route("/api/v1/read", post(remote_read::read))
        .route("/api/v1/rules/replay", post(replay::replayed).layer(DefaultBodyLimit::max(replay::MOST_BYTES)))
        .route("/federate", get(federate::federate))
        .route("/api/v1/export", get(export::export).post(export::export))
        .route("/api/v1/metadata", get(metadata::metadata))
        .route("/api/v1/targets/metadata", get(metadata::of_targets))
        .route("/api/v1/status/buildinfo", get(buildinfo))
        .with_state(api)
}

async fn instant(State(api): State<Api>, caller: Caller, RawQuery(url): RawQuery, Form(form): Form) -> Response {
    api.run(&caller, Parameters::of(url.as_deref(), &form), |engine, source, parameters| {
        let time = parameters.time("time")?.unwrap_or_else(now);
        let engine = engine.looking_back(parameters.duration("lookback_delta")?);
        let answer = parameters.cut(engine.instant(source, parameters.required("query")?, time)?)?;
        Ok(Body::Answer { answer, with_stats: parameters.wants_stats() })
    })
    .await
}

async fn range(State(api): State<Api>, caller: Caller, RawQuery(url): RawQuery, Form(form): Form) -> Response {
    // What one tenant is answered is nothing to another.
    let asker = caller.tenant().map_or_else(String::new, |tenant| tenant.to_string());
    api.run(&caller, Parameters::of(url.as_deref(), &form), move |engine, source, parameters| {
        let (start, end) = (parameters.required_time("start")?, parameters.required_time("end")?);
        let step = parameters.duration("step")?.ok_or_else(|| parameters::missing("step"))?;
        let query = parameters.required("query")?;
        let lookback = parameters.duration("lookback_delta")?;
        let engine = &engine.looking_back(lookback);
        // What looks back otherwise is another answer.
        let answer = match engine.cache().filter(|_| lookback.is_none() && !parameters.says("nocache")) {
            Some(cache) => {
                let remembered = Remembered { cache, asker: &asker, now: now() };
                engine.range_remembered(&remembered, source, query, (start, end), step)?
            }
            None => engine.range(source, query, start, end, step)?,
        };
        let answer = parameters.cut(answer)?;
        Ok(Body::Answer { answer, with_stats: parameters.wants_stats() })
    })
    .await
}

async fn series(State(api): State<Api>, caller: Caller, RawQuery(url): RawQuery, Form(form): Form) -> Response {
    api.run(&caller, Parameters::of(url.as_deref(), &form), |engine, source, parameters| {
        let (start, end) = parameters.times()?;
        let selectors = parameters.selectors(engine)?;
        if selectors.is_empty() {
            return Err(QueryError::Parameter("no match[] parameter provided".into()));
        }
        let (found, held) = engine.list(|allow| {
            let mut found = BTreeSet::new();
            for matchers in &selectors {
                found.extend(source.series(matchers, start, end, allow)?.into_iter().map(|(series, _)| series));
            }
            Ok(found)
        })?;
        let (found, warnings) = parameters.limited(found)?;
        Ok(Body::Json(json::series(&found, &warnings), held))
    })
    .await
}

async fn labels(State(api): State<Api>, caller: Caller, RawQuery(url): RawQuery, Form(form): Form) -> Response {
    api.run(&caller, Parameters::of(url.as_deref(), &form), |engine, source, parameters| {
        let ask = |matchers: &[_], start, end, allow: Allow<'_>| source.label_names(matchers, start, end, allow);
        let (mut names, held) = union(engine, parameters, ask)?;
        if !names.is_empty() {
            names.insert("__name__".into());
        }
        list(parameters, names, held)
    })
    .await
}

async fn label_values(
    State(api): State<Api>,
    caller: Caller,
    Path(label): Path<String>,
    RawQuery(url): RawQuery,
) -> Response {
    api.run(&caller, Parameters::of(url.as_deref(), &[]), move |engine, source, parameters| {
        // A path of words alone may ask for any name, escaped.
        let label = weir_formats::text::unescaped(&label);
        let ask =
            |matchers: &[_], start, end, allow: Allow<'_>| source.label_values(&label, matchers, start, end, allow);
        let (values, held) = union(engine, parameters, ask)?;
        list(parameters, values, held)
    })
    .await
}

/// What `ask` answers to each `match[]`, or to no condition if there is none.
fn union(
    engine: &Engine,
    parameters: &Parameters,
    ask: impl Fn(&[Matcher], Timestamp, Timestamp, Allow<'_>) -> Result<Vec<String>, QueryError>,
) -> Result<(BTreeSet<String>, Held), QueryError> {
    let (start, end) = parameters.times()?;
    let mut selectors = parameters.selectors(engine)?;
    if selectors.is_empty() {
        selectors.push(Vec::new());
    }
    engine.list(|allow| {
        let mut all = BTreeSet::new();
        for matchers in &selectors {
            all.extend(ask(matchers, start, end, allow)?);
        }
        Ok(all)
    })
}

fn list(parameters: &Parameters, names: BTreeSet<String>, held: Held) -> Result<Body, QueryError> {
    let (names, warnings) = parameters.limited(names)?;
    Ok(Body::Json(json::strings(&names, &warnings), held))
}

/// Clients take the version for that of the Prometheus whose API they can expect.
async fn buildinfo() -> Response {
    let data = json!({
        "version": "3.0.0", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
        "application": "weir", "applicationVersion": env!("CARGO_PKG_VERSION"),
    });
    axum::Json(json!({ "status": "success", "data": data })).into_response()
}

#[cfg(test)]
mod tests;
