//! `POST /api/v1/read`: Prometheus remote read, answered with samples. Distributions have none; their counts and sums do.

use std::ops::ControlFlow;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use weir_formats::remote_write::{ReadMatcher, ReadQuery, ReadRequest, ReadResponse, ReadResult, Sample, TimeSeries};
use weir_query::{Allow, Column, Hint, MatchOp, Matcher, QueryError, Selection, Source};
use weir_sample::Timestamp;

use super::parameters::Parameters;
use super::turn::{Api, Body};
use crate::api::auth::Caller;

/// What a sample takes in an answer.
const SAMPLE_BYTES: usize = 24;

pub(super) async fn read(State(api): State<Api>, caller: Caller, body: Bytes) -> Response {
    let response = api
        .run(&caller, Parameters::of(None, &[]), move |engine, source, _| {
            let wrong =
                |error: &dyn std::fmt::Display| QueryError::Parameter(format!("the body cannot be read: {error}"));
            let request = ReadRequest::read(&body).map_err(|error| wrong(&error))?;
            let (results, held) = engine.list(|allow| {
                let all = request.queries.iter().map(|query| result(source, query, allow));
                all.collect::<Result<Vec<_>, _>>()
            })?;
            Ok(Body::Bytes(ReadResponse { results }.write(), held))
        })
        .await;
    if !response.status().is_success() {
        return response;
    }
    let headers = [(header::CONTENT_TYPE, "application/x-protobuf"), (header::CONTENT_ENCODING, "snappy")];
    (headers, response.into_body()).into_response()
}

fn result(source: &dyn Source, query: &ReadQuery, allow: Allow<'_>) -> Result<ReadResult, QueryError> {
    let matchers = query.matchers.iter().map(matcher).collect::<Result<Vec<_>, _>>()?;
    let (start, end) = (Timestamp(query.start_ms), Timestamp(query.end_ms));
    let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
    let mut found = Vec::new();
    source.select(&selection, &mut |mut data| {
        // A coarser tier answers from a little earlier.
        data.retain_from(start);
        let Column::Floats(values) = &data.values else { return ControlFlow::Continue(()) };
        if values.is_empty() {
            return ControlFlow::Continue(());
        }
        let samples =
            data.timestamps.iter().zip(values).map(|(time, value)| Sample { value: *value, timestamp: *time });
        let series = TimeSeries { samples: samples.collect(), ..TimeSeries::named(&data.series) };
        let flow = allow(data.series.key().len() + series.samples.len() * SAMPLE_BYTES);
        found.push(series);
        flow
    })?;
    for series in &mut found {
        series.labels.sort_by(|one, other| one.name.cmp(&other.name));
    }
    let key = |series: &TimeSeries| {
        series.labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect::<Vec<_>>()
    };
    found.sort_by_cached_key(key);
    Ok(ReadResult { timeseries: found })
}

fn matcher(matcher: &ReadMatcher) -> Result<Matcher, QueryError> {
    let op = match matcher.kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        other => return Err(QueryError::Parameter(format!("matchers have no type {other}"))),
    };
    Matcher::new(&matcher.name, op, &matcher.value).map_err(|error| QueryError::Parameter(error.to_string()))
}
