//! `/federate`: the newest sample of each series that matches, for a Prometheus that scrapes it. In protobuf, which whoever wants
//! native histograms asks for, histograms are there as such.

mod totals;
mod written;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use weir_formats::Accepted;
use weir_query::{Column, Engine, Held, Hint, LabelSet, Matcher, Point, QueryError, Selection, Source};
use weir_sample::{Histogram, ResetHint, STALE};

use super::parameters::{self, Parameters};
use super::turn::{Api, Body};
use crate::api::auth::Caller;
use crate::clock::now;
use totals::Windows;
use written::{Exposed, Exposition, Value, key};

pub(super) async fn federate(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(url): RawQuery,
    headers: HeaderMap,
) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let accepted = Accepted::of(accept.unwrap_or_default());
    let response = api
        .run(&caller, Parameters::of(url.as_deref(), &[]), move |engine, source, parameters| {
            let selectors: Vec<&str> = parameters.all("match[]").collect();
            if selectors.is_empty() {
                return Err(parameters::missing("match[]"));
            }
            let mut found = Exposition { accepted, at: now(), series: BTreeMap::new() };
            let mut held = None;
            for text in selectors {
                // What is no selector is told as such.
                let matchers = engine.selector(text)?;
                let mut windows = Windows::default();
                let mut of_selector = found.newest(engine, source, &matchers, &mut windows)?;
                of_selector = found.add_up(engine, source, &matchers, windows)?.unwrap_or(of_selector);
                held = Some(of_selector);
            }
            let held = held.ok_or_else(|| parameters::missing("match[]"))?;
            Ok(Body::Bytes(found.write(), held))
        })
        .await;
    if !response.status().is_success() {
        return response;
    }
    ([(header::CONTENT_TYPE, accepted.content_type())], response.into_body()).into_response()
}

impl Exposition {
    /// The newest samples, with the times that they have, of what a query would see now.
    fn newest(
        &mut self,
        engine: &Engine,
        source: &dyn Source,
        matchers: &[Matcher],
        windows: &mut Windows,
    ) -> Result<Held, QueryError> {
        let (start, end) = (self.at.minus(engine.limits().lookback), self.at);
        let selection = Selection { matchers, start, end, hint: Hint::Raw, any_order: true };
        let (_, held) = engine.list(|allow| {
            source.select(&selection, &mut |mut data| {
                // A coarser tier answers from a little earlier.
                data.retain_from(start);
                let Some(&time) = data.timestamps.last() else { return ControlFlow::Continue(()) };
                let (value, bytes) = match &data.values {
                    Column::Floats(values) => (values.last().map(|value| Point::Float(*value)), 0),
                    Column::Histograms(values) => {
                        let last = values.last().map(|value| Point::Histogram(Box::new(value.clone())));
                        (last, values.last().map_or(0, Histogram::heap_bytes))
                    }
                };
                if let Some(value) = value {
                    self.learn(&LabelSet::from_key(data.series.key()), time, value, windows);
                }
                allow(data.series.key().len() + bytes)
            })
        })?;
        Ok(held)
    }

    /// The newest sample of a series. Of histograms of windows only that there is one, if they can be told.
    fn learn(&mut self, labels: &LabelSet, time: i64, value: Point, windows: &mut Windows) {
        let (key, written) = key(labels, self.accepted.escaping);
        // One that an earlier selector found, or whose floats are newer than its histograms.
        if self.series.get(&key).is_some_and(|known| known.samples.last().is_some_and(|(known, _)| *known >= time)) {
            return;
        }
        let value = match value {
            // It has ended.
            Point::Float(value) if value.to_bits() == STALE.to_bits() => return,
            Point::Float(value) => Value::Float(value),
            Point::Histogram(histogram) if histogram.sum().to_bits() == STALE.to_bits() => return,
            Point::Histogram(histogram) if histogram.hint() != ResetHint::Delta => Value::Histogram(histogram),
            Point::Histogram(_) => {
                if self.accepted.is_protobuf {
                    windows.ask(labels, time, key.clone());
                }
                Value::Windows
            }
        };
        let samples = vec![(time, value)];
        self.series.insert(key, Exposed { labels: written, samples });
    }

    /// Puts what windows come to in their place.
    fn add_up(
        &mut self,
        engine: &Engine,
        source: &dyn Source,
        matchers: &[Matcher],
        windows: Windows,
    ) -> Result<Option<Held>, QueryError> {
        let Some((totals, held)) = windows.add_up(engine, source, matchers)? else { return Ok(None) };
        for (key, totals) in totals {
            if let Some(series) = self.series.get_mut(&key) {
                let totals = totals.into_iter().map(|(time, total)| (time, Value::Histogram(Box::new(total))));
                series.samples = totals.collect();
            }
        }
        Ok(Some(held))
    }
}
