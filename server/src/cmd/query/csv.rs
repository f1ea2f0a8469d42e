//! An answer for a spreadsheet, as RFC 4180 has it.

use std::collections::BTreeSet;

use super::answer::{Held, Series};
use super::distribution::QUANTILES;

/// A line for each sample: time, metric, a column for each label, and the value, or what is told of a distribution.
pub(super) fn text(series: &[Series]) -> String {
    let labels: BTreeSet<&str> = series.iter().flat_map(|one| &one.labels).map(|(name, _)| name.as_str()).collect();
    let has = |is: fn(&Held) -> bool| series.iter().flat_map(|one| &one.points).any(|point| is(&point.value));
    let distributions = has(|held| matches!(held, Held::Distribution(_)));
    let mut heads: Vec<&str> = ["time", "metric"].into_iter().chain(labels.iter().copied()).collect();
    heads.push("value");
    if distributions {
        heads.extend(["count", "sum"].into_iter().chain(QUANTILES.map(|(name, _)| name)));
    }
    let mut text = line(heads.iter().map(|head| (*head).to_owned()));
    for one in series {
        let value_of = |label: &str| one.labels.iter().find(|(name, _)| name == label).map(|(_, value)| value.clone());
        for point in &one.points {
            let mut fields = vec![point.moment(), one.name.clone()];
            fields.extend(labels.iter().map(|label| value_of(label).unwrap_or_default()));
            match &point.value {
                Held::Number(number) => {
                    fields.push(number.clone());
                    fields.resize(heads.len(), String::new());
                }
                Held::Distribution(found) => {
                    fields.extend([String::new(), found.count.to_string(), found.sum.to_string()]);
                    let quantile =
                        |(_, share)| found.quantile(share).map(|value| value.to_string()).unwrap_or_default();
                    fields.extend(QUANTILES.map(quantile));
                }
            }
            text += &line(fields);
        }
    }
    text
}

fn line(fields: impl IntoIterator<Item = String>) -> String {
    let quoted = |field: String| {
        let needs = field.contains(['"', ',', '\n', '\r']);
        if needs { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
    };
    fields.into_iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_a_column() {
        let data = serde_json::json!({ "resultType": "vector", "result": [
            { "metric": { "__name__": "up", "b": "x,\"y\"" }, "value": [0, "1"] },
            { "metric": { "a": "2" }, "histogram": [0, { "count": "2", "sum": "3", "buckets": [[3, "-1", "1", "2"]] }] },
        ]});
        let expected = "time,metric,a,b,value,count,sum,p50,p90,p99\r\n\
            1970-01-01T00:00:00Z,up,,\"x,\"\"y\"\"\",1,,,,,\r\n\
            1970-01-01T00:00:00Z,,2,,,2,3,0,0.8,0.98\r\n";
        assert_eq!(text(&Series::all(&data)), expected);
    }
}
