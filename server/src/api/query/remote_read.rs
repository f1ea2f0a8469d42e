//! `POST /api/v1/read`: Prometheus remote read, answered with samples and native histograms. Those of windows are added up from the
//! question's beginning on: its reader knows only such as count on.

use std::ops::ControlFlow;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use weir_formats::histogram;
use weir_formats::remote_write::{ReadMatcher, ReadQuery, ReadRequest, ReadResponse, ReadResult, Sample, TimeSeries};
use weir_query::{Allow, Column, Hint, MatchOp, Matcher, QueryError, Selection, Source};
use weir_sample::{Histogram, ResetHint, Timestamp};

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
        if data.timestamps.is_empty() {
            return ControlFlow::Continue(());
        }
        let mut series = TimeSeries::named(&data.series);
        match &data.values {
            Column::Floats(values) => {
                let samples = data.timestamps.iter().zip(values);
                series.samples.extend(samples.map(|(time, value)| Sample { value: *value, timestamp: *time }));
            }
            Column::Histograms(histograms) => series.histograms = counting_on(&data.timestamps, histograms),
        }
        let of_histograms = series.histograms.iter().map(Vec::len).sum::<usize>();
        let flow = allow(data.series.key().len() + series.samples.len() * SAMPLE_BYTES + of_histograms);
        match found.last_mut().filter(|last: &&mut TimeSeries| last.labels == series.labels) {
            // Histograms come behind the floats of the same series.
            Some(last) => last.histograms = series.histograms,
            None => found.push(series),
        }
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

/// Histograms as they are sent; of windows the sum up to each.
fn counting_on(times: &[i64], histograms: &[Histogram]) -> Vec<Vec<u8>> {
    let mut sum: Option<Histogram> = None;
    let told = times.iter().zip(histograms).map(|(time, histogram)| {
        let mut bytes = Vec::new();
        if histogram.hint() == ResetHint::Delta {
            let hint = if sum.is_some() { ResetHint::NotReset } else { ResetHint::Reset };
            let sum = sum.get_or_insert_default();
            sum.merge(histogram);
            histogram::write(&mut bytes, &sum.clone().with_hint(hint), *time);
        } else {
            histogram::write(&mut bytes, histogram, *time);
        }
        bytes
    });
    told.collect()
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
