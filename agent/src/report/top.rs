//! The largest metrics of a window: by series, and by what they count.

use std::collections::HashMap;

use weir_sample::{Series, Value};

/// What the last window was made of.
#[derive(Default)]
pub(crate) struct Top {
    /// The metrics with most series.
    pub(super) series: Vec<Metric>,
    /// The metrics that counted most: who talks.
    pub(super) talkers: Vec<Metric>,
}

/// A metric, its series, and what its counters and distributions counted.
#[derive(Clone)]
pub(super) struct Metric {
    pub name: String,
    pub series: usize,
    pub counted: f64,
}

const SHOWN_METRICS: usize = 15;

impl Top {
    pub(crate) fn of(points: &[(Series, Value)]) -> Self {
        let mut metrics: HashMap<&str, (usize, f64)> = HashMap::new();
        for (series, value) in points {
            let (count, sum) = metrics.entry(series.name()).or_default();
            *count += 1;
            *sum += match value {
                Value::Counter(delta) => *delta,
                Value::Distribution(histogram) => histogram.count(),
                Value::Gauge(_) | Value::Set(_) => 0.0,
            };
        }
        let metric = |(name, (series, counted)): (&str, _)| Metric { name: name.to_owned(), series, counted };
        let mut series: Vec<_> = metrics.into_iter().map(metric).collect();
        // The host's own counters are bytes and the like; what applications count are events.
        let own = |metric: &&Metric| metric.name.starts_with("system_") || metric.name.starts_with("weir_agent_");
        let mut talkers: Vec<_> =
            series.iter().filter(|metric| !own(metric) && metric.counted > 0.0).cloned().collect();
        series.sort_by(|a, b| b.series.cmp(&a.series).then_with(|| a.name.cmp(&b.name)));
        talkers.sort_by(|a, b| b.counted.total_cmp(&a.counted).then_with(|| a.name.cmp(&b.name)));
        series.truncate(SHOWN_METRICS);
        talkers.truncate(SHOWN_METRICS);
        Self { series, talkers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_ranked_by_series_and_talkers_by_what_they_count() {
        let point = |name: &str, label: &str, delta| (Series::new(name, [("x", label)]), Value::Counter(delta));
        let top = Top::of(&[
            point("b", "1", 9.0),
            point("a", "1", 1.5),
            point("a", "2", 1.5),
            point("system_x", "1", 100.0),
            point("still", "1", 0.0),
        ]);
        let names = |metrics: &[Metric]| metrics.iter().map(|metric| metric.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&top.series), ["a", "b", "still", "system_x"]);
        assert_eq!(names(&top.talkers), ["b", "a"]);
        assert_eq!((top.series[0].series, top.series[0].counted), (2, 3.0));
    }
}
