//! An answer of the API as series with points.

use serde_json::Value;
use weir_alert::template::Moment;
use weir_sample::Timestamp;

use super::distribution::Distribution;

/// One series of an answer.
pub(super) struct Series {
    /// Metric name; empty if the expression left none.
    pub(super) name: String,
    /// The other labels, by name.
    pub(super) labels: Vec<(String, String)>,
    pub(super) points: Vec<Point>,
    /// Whether a range was asked for, of which an instant is only a part.
    pub(super) is_range: bool,
}

pub(super) struct Point {
    /// Unix seconds.
    pub(super) time: f64,
    pub(super) value: Held,
}

/// What stands at a time.
pub(super) enum Held {
    /// A number as the server wrote it.
    Number(String),
    Distribution(Distribution),
}

impl Series {
    /// The series of `data`; a scalar or a string is one without a name.
    pub(super) fn all(data: &Value) -> Vec<Self> {
        match data["resultType"].as_str() {
            Some("scalar" | "string") => {
                let points = number(&data["result"]).into_iter().collect();
                vec![Self { name: String::new(), labels: Vec::new(), points, is_range: false }]
            }
            _ => data["result"].as_array().into_iter().flatten().map(Self::of).collect(),
        }
    }

    fn of(result: &Value) -> Self {
        let metric = result["metric"].as_object();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = metric.and_then(|metric| metric.get("__name__")).map(text).unwrap_or_default();
        let others = metric.into_iter().flatten().filter(|(label, _)| *label != "__name__");
        let mut labels: Vec<_> = others.map(|(label, value)| (label.clone(), text(value))).collect();
        labels.sort();
        let many = |key: &str| result[key].as_array().into_iter().flatten();
        let mut points: Vec<Point> = many("values").filter_map(number).collect();
        points.extend(many("histograms").filter_map(distribution));
        points.sort_by(|a, b| a.time.total_cmp(&b.time));
        points.extend(number(&result["value"]).or_else(|| distribution(&result["histogram"])));
        let is_range = result.get("values").is_some() || result.get("histograms").is_some();
        Self { name, labels, points, is_range }
    }

    /// As PromQL would select it.
    pub(super) fn notation(&self) -> String {
        let labels: Vec<String> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        match (self.name.as_str(), labels.is_empty()) {
            ("", true) => "{}".to_owned(),
            (name, true) => name.to_owned(),
            (name, false) => format!("{name}{{{}}}", labels.join(",")),
        }
    }
}

impl Point {
    /// Its time as people and programs read it.
    pub(super) fn moment(&self) -> String {
        moment(self.time)
    }
}

/// Unix seconds as RFC 3339, with milliseconds where there are any.
pub(super) fn moment(seconds: f64) -> String {
    let at = Timestamp((seconds * 1e3).round() as i64);
    let fraction = if at.millis().rem_euclid(1_000) == 0 { "" } else { ".000" };
    Moment::utc(at).format(&format!("2006-01-02T15:04:05{fraction}Z"))
}

fn number(pair: &Value) -> Option<Point> {
    Some(Point { time: pair[0].as_f64()?, value: Held::Number(pair[1].as_str()?.to_owned()) })
}

fn distribution(pair: &Value) -> Option<Point> {
    Some(Point { time: pair[0].as_f64()?, value: Held::Distribution(Distribution::read(&pair[1])?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_every_kind_are_read() {
        let data = serde_json::json!({ "resultType": "matrix", "result": [{
            "metric": { "__name__": "m", "b": "2", "a": "x\"" },
            "values": [[1.5, "3"]],
            "histograms": [[0.5, { "count": "1", "sum": "2", "buckets": [[0, "1", "2", "1"]] }]],
        }]});
        let all = Series::all(&data);
        assert_eq!(all[0].notation(), r#"m{a="x\"",b="2"}"#);
        assert!(matches!(all[0].points[0].value, Held::Distribution(_)) && all[0].is_range);
        assert_eq!(
            (all[0].points[0].moment(), moment(2.0)),
            ("1970-01-01T00:00:00.500Z".into(), "1970-01-01T00:00:02Z".into())
        );
        let scalar = Series::all(&serde_json::json!({ "resultType": "scalar", "result": [1, "7"] }));
        assert_eq!((scalar[0].notation().as_str(), scalar[0].points.len()), ("{}", 1));
    }
}
