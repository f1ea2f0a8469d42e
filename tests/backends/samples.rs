//! What engines hold of a metric: time and value of each sample, by its series' label `host`.

use std::collections::BTreeMap;

use serde_json::Value;
use weir_tests::Engine;

/// Samples by host, in order of time, each time once.
pub(crate) type Samples = BTreeMap<String, BTreeMap<i64, f64>>;

/// Where two differ: host, time, and the value of each.
pub(crate) fn differences(one: &Samples, other: &Samples) -> Vec<(String, i64, Option<f64>, Option<f64>)> {
    let places = |samples: &Samples| {
        samples.iter().flat_map(|(host, own)| own.keys().map(|time| (host.clone(), *time))).collect::<Vec<_>>()
    };
    let mut all = [places(one), places(other)].concat();
    all.sort();
    all.dedup();
    let value = |samples: &Samples, host: &str, time: i64| samples.get(host)?.get(&time).copied();
    let both = all.into_iter().map(|(host, time)| {
        let (one, other) = (value(one, &host, time), value(other, &host, time));
        (host, time, one, other)
    });
    both.filter(|(_, _, one, other)| one != other).collect()
}

/// Of an API like Prometheus', by a range selector.
pub(crate) fn of_prometheus(address: std::net::SocketAddr, metric: &str) -> Option<Samples> {
    let url = format!("http://{address}/api/v1/query");
    let text = ureq::get(url).query("query", format!("{metric}[1h]")).call().ok()?.body_mut().read_to_string().ok()?;
    let answer: Value = serde_json::from_str(&text).ok()?;
    let mut samples = Samples::new();
    for series in answer["data"]["result"].as_array()? {
        let own = samples.entry(series["metric"]["host"].as_str().unwrap_or_default().to_owned()).or_default();
        for sample in series["values"].as_array()? {
            let time = (sample[0].as_f64()? * 1e3).round() as i64;
            own.insert(time, sample[1].as_str()?.parse().ok()?);
        }
    }
    Some(samples)
}

/// Of VictoriaMetrics, all that it has.
pub(crate) fn of_victoria_metrics(engine: &Engine, metric: &str) -> Option<Samples> {
    let text = engine.get("/api/v1/export", &[("match[]", metric)])?;
    let mut samples = Samples::new();
    for line in text.lines() {
        let series: Value = serde_json::from_str(line).ok()?;
        let own = samples.entry(series["metric"]["host"].as_str().unwrap_or_default().to_owned()).or_default();
        let (times, values) = (series["timestamps"].as_array()?, series["values"].as_array()?);
        own.extend(times.iter().zip(values).filter_map(|(time, value)| Some((time.as_i64()?, value.as_f64()?))));
    }
    Some(samples)
}

pub(crate) fn of_influx(engine: &Engine, metric: &str) -> Option<Samples> {
    let query = format!("SELECT value FROM {metric} GROUP BY host");
    let text = engine.get("/query", &[("db", "weir"), ("epoch", "ms"), ("q", &query)])?;
    let answer: Value = serde_json::from_str(&text).ok()?;
    let mut samples = Samples::new();
    for series in answer["results"][0]["series"].as_array().into_iter().flatten() {
        let own = samples.entry(series["tags"]["host"].as_str().unwrap_or_default().to_owned()).or_default();
        let rows = series["values"].as_array()?.iter();
        own.extend(rows.filter_map(|row| Some((row[0].as_i64()?, row[1].as_f64()?))));
    }
    Some(samples)
}

/// Of ClickHouse, where a row that is there twice counts: the sum of rows by time must be that of one.
pub(crate) fn of_click_house(engine: &Engine, metric: &str) -> Option<Samples> {
    let query = format!(
        "SELECT labels['host'], toUnixTimestamp64Milli(time), value, count() FROM samples WHERE name = '{metric}' GROUP BY ALL"
    );
    let mut samples = Samples::new();
    for line in engine.get("/", &[("query", &query)])?.lines() {
        let mut cells = line.split('\t');
        let own = samples.entry(cells.next()?.to_owned()).or_default();
        own.insert(cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
    }
    Some(samples)
}
