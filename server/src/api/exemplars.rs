//! `/api/v1/query_exemplars`: exemplars of the series that an expression asks for, in Prometheus' shape.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use weir_query::syntax::{Expr, parse};
use weir_query::{Matcher, NAME, matchers, write_plain};
use weir_sample::{Series, Timestamp};
use weir_sink::{Exemplar, Exemplars};

use super::auth::{Caller, refusal};
use super::query::Parameters;

/// The route; it belongs behind [`super::auth::guard`].
pub(crate) fn routes<S>(exemplars: Arc<Exemplars>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new().route("/api/v1/query_exemplars", get(ask).post(ask)).with_state(exemplars)
}

async fn ask(
    State(exemplars): State<Arc<Exemplars>>,
    caller: Caller,
    RawQuery(url): RawQuery,
    form: Bytes,
) -> Response {
    let asked = Asked::of(&Parameters::of(url.as_deref(), &form));
    let Asked { selectors, start, end } = match asked {
        Ok(asked) => asked,
        Err(text) => return refusal(StatusCode::BAD_REQUEST, "bad_parameter", &text),
    };
    let own = caller.tenant().map(|tenant| if tenant == 0 { String::new() } else { tenant.to_string() });
    let found = tokio::task::spawn_blocking(move || {
        let found = exemplars.select((start, end), |series| {
            own.as_ref().is_none_or(|own| series.label("tenant").unwrap_or_default() == own)
                && selectors.iter().any(|all| all.iter().all(|matcher| matcher.matches(series)))
        });
        found.iter().map(told).collect::<Vec<_>>()
    });
    match found.await {
        Ok(found) => Json(json!({ "status": "success", "data": found })).into_response(),
        Err(_) => refusal(StatusCode::SERVICE_UNAVAILABLE, "broken_off", "the question broke off; the log says why"),
    }
}

/// What is asked for: each selector of an expression, and times.
struct Asked {
    selectors: Vec<Vec<Matcher>>,
    start: Timestamp,
    end: Timestamp,
}

impl Asked {
    fn of(parameters: &Parameters) -> Result<Self, String> {
        let time = |name| parameters.time(name).map_err(|error| error.message());
        let (start, end) = (time("start")?.unwrap_or(Timestamp(i64::MIN)), time("end")?.unwrap_or(Timestamp(i64::MAX)));
        if end < start {
            return Err("invalid parameter \"end\": end timestamp must not be before start timestamp".into());
        }
        let query = parameters.get("query").filter(|text| !text.is_empty());
        let query = query.ok_or("invalid parameter \"query\": it is missing")?;
        let expression = parse(query).map_err(|error| format!("invalid parameter \"query\": {}", error.told(query)))?;
        let mut selectors = Vec::new();
        collect(&expression, &mut selectors)?;
        Ok(Self { selectors, start, end })
    }
}

/// The selectors of an expression, wherever they stand.
fn collect(expression: &Expr, selectors: &mut Vec<Vec<Matcher>>) -> Result<(), String> {
    match expression {
        Expr::VectorSelector(selector) => selectors.push(matchers(selector).map_err(|error| error.message())?),
        Expr::MatrixSelector(selector) => selectors.push(matchers(&selector.vs).map_err(|error| error.message())?),
        other => {
            for part in other.children() {
                collect(part, selectors)?;
            }
        }
    }
    Ok(())
}

fn told((series, exemplars): &(Series, Vec<Exemplar>)) -> Value {
    let labels = std::iter::once((NAME, series.name())).chain(series.labels());
    let labels: Map<String, Value> = labels.map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({ "seriesLabels": labels, "exemplars": exemplars.iter().map(one).collect::<Vec<_>>() })
}

fn one(exemplar: &Exemplar) -> Value {
    let mut value = String::new();
    write_plain(&mut value, exemplar.value);
    let labels: Map<String, Value> =
        exemplar.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({ "labels": labels, "value": value, "timestamp": exemplar.time.as_secs_f64() })
}

#[cfg(test)]
mod tests {
    use weir_identity::{Claims, Scope, issue};

    use super::*;
    use crate::api::auth::guard;
    use crate::api::testing::{Issuer, ask as request, serve};

    #[test]
    fn exemplars_are_a_tenants_own() {
        let exemplars = Arc::new(Exemplars::default());
        for (tenant, trace) in [("", "ours"), ("7", "theirs")] {
            let labels = vec![("trace_id".to_owned(), trace.to_owned())];
            let series = Series::new("took", [("tenant", tenant)].into_iter().filter(|(_, tenant)| !tenant.is_empty()));
            exemplars.keep(&series, Exemplar { time: Timestamp(1_000), value: 1.0, labels });
        }
        let issuer = Issuer::new();
        let server = serve(guard(routes(exemplars), Some(issuer.tokens()), Scope::Read));
        let asked = |tenant: u32| {
            let claims = Claims {
                subject: "grafana".into(),
                tenant,
                scopes: vec![Scope::Read],
                not_before: None,
                expires: u64::try_from(crate::clock::now().millis() / 1_000).unwrap() + 60,
                max_series: None,
                labels: Default::default(),
            };
            let token = format!("Bearer {}", issue(&claims, &issuer.key).unwrap());
            let (status, body) = request(&server, "POST", "/api/v1/query_exemplars?query=took", Some(&token), "");
            assert_eq!(status, 200, "{body}");
            [body.contains("ours"), body.contains("theirs")]
        };
        assert_eq!([asked(0), asked(7), asked(8)], [[true, false], [false, true], [false, false]]);
        assert_eq!(request(&server, "GET", "/api/v1/query_exemplars?query=took", None, "").0, 401);
    }

    #[test]
    fn all_selectors_of_an_expression_are_asked_for_and_mistakes_told() {
        let asked = |query: &str| Asked::of(&Parameters::of(Some(query), &[]));
        let found =
            asked("query=histogram_quantile(0.9,sum(rate(a_bucket{x=~\"y.*\"}[5m])))/-b&start=5&end=7.5").unwrap();
        let matches = |name: &str, x: &str| {
            let series = Series::new(name, [("x", x)]);
            found.selectors.iter().any(|all| all.iter().all(|matcher| matcher.matches(&series)))
        };
        assert_eq!(
            [matches("a_bucket", "yes"), matches("a_bucket", "no"), matches("b", ""), matches("c", "")],
            [true, false, true, false]
        );
        assert_eq!((found.start, found.end), (Timestamp(5_000), Timestamp(7_500)));
        for (query, expected) in [
            ("query=sum(", "invalid parameter \"query\""),
            ("start=1", "it is missing"),
            ("query=a&start=2&end=1", "must not be before"),
            ("query=a&start=x", "cannot parse"),
        ] {
            let Err(text) = asked(query) else { panic!("{query}") };
            assert!(text.contains(expected), "{query}: {text}");
        }
        let labels = vec![("trace_id".to_owned(), "abc".to_owned())];
        let exemplar = Exemplar { time: Timestamp(1_500), value: 0.25, labels };
        assert_eq!(
            told(&(Series::new("a", [("x", "y")]), vec![exemplar])).to_string(),
            r#"{"exemplars":[{"labels":{"trace_id":"abc"},"timestamp":1.5,"value":"0.25"}],"seriesLabels":{"__name__":"a","x":"y"}}"#
        );
    }
}
