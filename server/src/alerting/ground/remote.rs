//! Rules' questions to a server by Prometheus' HTTP API: ours, or another's.

use serde_json::Value;
use weir_alert::evaluate::{Element, Found, Querier};
use weir_alert::rules::Expression;
use weir_query::LabelSet;
use weir_sample::Timestamp;

use crate::cmd::ask::Server;

/// Asks a server. What rules record is seen when it is stored there: over HTTP nothing can be laid over the store.
pub(crate) struct Remote {
    pub(crate) server: Server,
}

impl Querier for Remote {
    fn query(&self, expression: &Expression, at: Timestamp) -> Result<Found, String> {
        let answer = self.server.instant(expression.text(), Some(at.as_secs_f64()));
        let answer = answer.map_err(|error| format!("{error:#}"))?;
        let result = &answer["data"]["result"];
        let elements = match answer["data"]["resultType"].as_str() {
            Some("vector") => result.as_array().into_iter().flatten().map(element).collect::<Option<Vec<_>>>(),
            Some("scalar") => number(&result[1]).map(|value| vec![scalar(value)]),
            _ => None,
        };
        let elements = elements.ok_or("the server's answer is no vector and no number")?;
        Ok(Found { elements, ..Found::default() })
    }
}

fn element(result: &Value) -> Option<Element> {
    let metric = result["metric"].as_object()?;
    let name = metric.get("__name__").and_then(Value::as_str).unwrap_or_default();
    let labels = metric.iter().filter(|(name, _)| *name != "__name__");
    let labels = LabelSet::new(name, labels.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())));
    let is_distribution = result.get("histogram").is_some();
    let value = if is_distribution { 0.0 } else { number(&result["value"][1])? };
    Some(Element { labels, value, is_distribution, histogram: None })
}

fn scalar(value: f64) -> Element {
    Element { labels: LabelSet::empty(), value, is_distribution: false, histogram: None }
}

fn number(value: &Value) -> Option<f64> {
    match value.as_str()? {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}
