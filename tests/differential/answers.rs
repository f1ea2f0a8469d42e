//! Answers of both, and whether they are the same.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

/// Values over time per label set, or the error.
pub type Outcome = Result<BTreeMap<String, Vec<(i64, f64)>>, String>;

/// When a query is asked, in seconds.
#[derive(Clone, Copy, Debug)]
pub enum When {
    At(i64),
    From(i64, i64, i64),
}

/// Asks one of the two.
pub fn ask(http: &ureq::Agent, address: SocketAddr, query: &str, when: When) -> Outcome {
    let request = match when {
        When::At(time) => {
            http.get(format!("http://{address}/api/v1/query")).query("query", query).query("time", time.to_string())
        }
        When::From(start, end, step) => http
            .get(format!("http://{address}/api/v1/query_range"))
            .query("query", query)
            .query("start", start.to_string())
            .query("end", end.to_string())
            .query("step", step.to_string()),
    };
    let text = request.call().unwrap().body_mut().read_to_string().unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{query}: {text}"));
    if answer["status"] != "success" {
        return Err(answer["error"].as_str().unwrap_or_default().to_owned());
    }
    let elements = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    let element = |element: &Value| {
        let labels: BTreeMap<String, String> = serde_json::from_value(element["metric"].clone()).unwrap();
        let values = match element["values"].as_array() {
            Some(values) => values.iter().map(value).collect(),
            None => vec![value(&element["value"])],
        };
        (format!("{labels:?}"), values)
    };
    Ok(elements.iter().map(element).collect())
}

fn value(pair: &Value) -> (i64, f64) {
    let time = (pair[0].as_f64().unwrap() * 1e3).round() as i64;
    let text = pair[1].as_str().unwrap().replace("Inf", "inf");
    (time, text.parse().unwrap())
}

/// Why two answers are not the same; `None` if they are, or differ as they should.
pub fn difference(ours: &Outcome, theirs: &Outcome) -> Option<String> {
    match (ours, theirs) {
        (Err(_), Err(_)) => None,
        // Prometheus 3 counts a pair that a comparison drops as a match, 2.42 does not.
        (Err(error), Ok(_)) if error.contains("many-to-one matching must be explicit") => None,
        (Err(error), Ok(_)) => Some(format!("refused: {error}")),
        (Ok(_), Err(error)) => Some(format!("not refused: {error}")),
        (Ok(ours), Ok(theirs)) => {
            if let Some(labels) = ours.keys().find(|labels| !theirs.contains_key(*labels)) {
                return Some(format!("{labels} is too much"));
            }
            theirs.iter().find_map(|(labels, expected)| match ours.get(labels) {
                None => Some(format!("{labels} is missing")),
                Some(got) if same(got, expected) => None,
                Some(got) => Some(format!("{labels} is {got:?}, not {expected:?}")),
            })
        }
    }
}

fn same(got: &[(i64, f64)], expected: &[(i64, f64)]) -> bool {
    let near =
        |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()));
    got.len() == expected.len() && got.iter().zip(expected).all(|(g, e)| g.0 == e.0 && near(g.1, e.1))
}

/// Whether there is anything in an answer.
pub fn is_full(outcome: &Outcome) -> bool {
    outcome.as_ref().is_ok_and(|elements| !elements.is_empty())
}
