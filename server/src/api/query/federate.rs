//! `/federate`: the newest sample of each series that matches, as text for a Prometheus that scrapes it.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use weir_formats::text::{Escaping, metric_name, spelled};
use weir_query::{Data, LabelSet, Point, QueryError, write_plain};

use super::parameters::{self, Parameters};
use super::turn::{Api, Body};
use crate::api::auth::Caller;
use crate::clock::now;

pub(super) async fn federate(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(url): RawQuery,
    headers: HeaderMap,
) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let escaping = Escaping::accepted(accept.unwrap_or_default());
    let response = api
        .run(&caller, Parameters::of(url.as_deref(), &[]), move |engine, source, parameters| {
            let selectors: Vec<&str> = parameters.all("match[]").collect();
            if selectors.is_empty() {
                return Err(parameters::missing("match[]"));
            }
            let (at, mut found, mut held) = (now(), BTreeMap::new(), None);
            for text in selectors {
                // What is no selector is told as such.
                engine.selector(text)?;
                let answer = engine.instant(source, text, at)?;
                let Data::Vector(samples) = answer.data else { continue };
                for sample in samples {
                    if let Point::Float(value) = sample.value {
                        found.entry(key(&sample.labels, escaping)).or_insert((sample.time.millis(), value));
                    }
                }
                held = Some(answer.held);
            }
            let held = held.ok_or_else(|| QueryError::Parameter("no match[] parameter is a selector".into()))?;
            Ok(Body::Json(text(&found), held))
        })
        .await;
    if !response.status().is_success() {
        return response;
    }
    ([(header::CONTENT_TYPE, escaping.content_type())], response.into_body()).into_response()
}

/// A series by its name, and then as it is written.
type Key = (String, String);

fn key(labels: &LabelSet, escaping: Escaping) -> Key {
    let name = escaping.name(labels.name()).into_owned();
    let others = labels.labels().map(|(label, value)| (escaping.name(label).into_owned(), value));
    let mut others: Vec<_> = others.collect();
    // As Prometheus, which sets an empty `instance` so that a scrape adds none of its own.
    if labels.value("instance").is_empty() {
        others.push(("instance".to_owned(), ""));
    }
    let text = spelled(&name, others.iter().map(|(label, value)| (label.as_str(), *value)));
    (name, text)
}

fn text(found: &BTreeMap<Key, (i64, f64)>) -> String {
    let (mut out, mut told) = (String::new(), "");
    for ((name, series), (time, value)) in found {
        if told != name {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "# TYPE {} untyped", metric_name(name));
            told = name;
        }
        let mut number = String::new();
        write_plain(&mut number, *value);
        let _ = writeln!(out, "{series} {number} {time}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_name_stand_together_below_its_type() {
        let mut found = BTreeMap::new();
        for (name, labels, value) in
            [("b", vec![("x", "1\"\n")], 1.5), ("a", vec![("instance", "i")], 2.0), ("b", vec![], 3.0)]
        {
            found.insert(key(&LabelSet::new(name, labels), Escaping::default()), (1_000, value));
        }
        let expected = "# TYPE a untyped\na{instance=\"i\"} 2 1000\n# TYPE b untyped\nb{instance=\"\"} 3 1000\n\
                        b{x=\"1\\\"\\n\",instance=\"\"} 1.5 1000\n";
        assert_eq!(text(&found), expected);
        let utf8 = |escaping| text(&[(key(&LabelSet::new("a.b", [("c d", "1")]), escaping), (1, 2.0))].into());
        assert_eq!(utf8(Escaping::AllowUtf8), "# TYPE \"a.b\" untyped\n{\"a.b\",\"c d\"=\"1\",instance=\"\"} 2 1\n");
        assert_eq!(utf8(Escaping::Underscores), "# TYPE a_b untyped\na_b{c_d=\"1\",instance=\"\"} 2 1\n");
    }
}
