//! One endpoint: what it says, and what its counters have added since the last look.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_discovery::Endpoint;
use weir_formats::delimited::{self, Forms, Said, Scraped};
use weir_formats::text::Form;
use weir_sample::{STALE, Series, Value};

use super::failure::Failure;
use super::fetch::{Answer, Fetch};
use super::text::{self, Malformed};
use super::totals::Totals;
use crate::config::Scrape;
use crate::origin::Origin;
use crate::relabel::relabel;

/// A target's state between two looks.
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) job: Arc<Scrape>,
    labels: Vec<(String, String)>,
    origin: Arc<Origin>,
    totals: Totals,
    /// Those that it said at the last look: they end when it says them no more.
    gauges: HashSet<Series>,
}

/// What is told of each look.
const OWN: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];

/// What one look brought.
pub(super) struct Looked {
    pub(super) target: Target,
    pub(super) points: Vec<(Series, Value)>,
    pub(super) malformed: Malformed,
    pub(super) failure: Option<Failure>,
}

impl Target {
    pub(super) fn new(
        endpoint: Endpoint,
        labels: Vec<(String, String)>,
        job: Arc<Scrape>,
        origin: Arc<Origin>,
    ) -> Self {
        Self { endpoint, job, labels, origin, totals: Totals::default(), gauges: HashSet::new() }
    }

    /// Reads the endpoint after a wait, with no more patience than the window has room for.
    pub(super) async fn look(
        mut self,
        fetch: Result<Arc<Fetch>, String>,
        wait: Duration,
        patience: Duration,
    ) -> Looked {
        tokio::time::sleep(wait).await;
        let began = Instant::now();
        let outcome = match fetch {
            Ok(fetch) => fetch.get(&self.endpoint, patience).await,
            Err(reason) => Err(Failure::Client(reason)),
        };
        let (mut points, malformed, failure) = match outcome.and_then(|answer| self.ingest(&answer)) {
            Ok((points, malformed)) => (points, malformed, None),
            Err(failure) => (Vec::new(), Malformed::default(), Some(failure)),
        };
        let scraped = points.len() as f64;
        self.end_gauges(&mut points);
        let up = f64::from(u8::from(failure.is_none()));
        for (name, value) in OWN.into_iter().zip([up, began.elapsed().as_micros() as f64 / 1e6, scraped]) {
            points.push((self.series(name, &[]), Value::Gauge(value)));
        }
        Looked { target: self, points, malformed, failure }
    }

    /// All that it said ends, `up` too: nobody asks it any more.
    pub(super) fn gone(mut self) -> Vec<(Series, Value)> {
        let mut points = Vec::new();
        self.end_gauges(&mut points);
        points.extend(OWN.map(|name| (self.series(name, &[]), Value::Gauge(STALE))));
        points
    }

    /// Gauges that are not among `points` end; what counts ends by adding nothing.
    fn end_gauges(&mut self, points: &mut Vec<(Series, Value)>) {
        let is_gauge = |(_, value): &&(Series, Value)| matches!(value, Value::Gauge(_));
        let said: HashSet<_> = points.iter().filter(is_gauge).map(|(series, _)| series.clone()).collect();
        let before = std::mem::replace(&mut self.gauges, said);
        let ended = before.into_iter().filter(|series| !self.gauges.contains(series));
        points.extend(ended.map(|series| (series, Value::Gauge(STALE))));
    }

    fn ingest(&mut self, answer: &Answer) -> Result<(Vec<(Series, Value)>, Malformed), Failure> {
        let mut points = Vec::new();
        let mut samples = 0;
        let limit = self.job.max_samples;
        let forms = if self.job.always_scrape_classic_histograms { Forms::BOTH } else { Forms::NATIVE };
        self.totals.look();
        let each = |Scraped { name, labels, value, .. }: Scraped<'_>| {
            // Absent values say nothing of their own.
            if value.is_absent() {
                return;
            }
            samples += 1;
            if limit > 0 && samples > limit {
                return;
            }
            let Some(series) = relabel(&self.job.relabel, &self.series(&name, &labels)) else { return };
            let value = match value {
                Said::Gauge(value) => Some(Value::Gauge(value)),
                Said::Total(total) => self.totals.number(&series, total),
                Said::Histogram(total) => self.totals.histogram(&series, *total),
            };
            points.extend(value.map(|value| (series, value)));
        };
        let malformed = match answer {
            Answer::Text(text, form) => text::parse(text, *form, each),
            Answer::Families(bytes) => {
                Malformed { lines: delimited::parse(bytes, forms, each), ..Malformed::default() }
            }
            Answer::Page(text) => text::parse(text, Form::Text, each),
        };
        let is_page = match answer {
            Answer::Text(text, _) => !malformed.beside_samples || text::begins_as_page(text),
            Answer::Page(_) => true,
            Answer::Families(_) => false,
        };
        if let Some(fault) = malformed.first.filter(|_| is_page) {
            return Err(Failure::NotMetrics(fault));
        }
        if limit > 0 && samples > limit {
            return Err(Failure::TooManySamples);
        }
        Ok((points, malformed))
    }

    /// A sample's series: the target's labels win, unless its own are to be honoured.
    fn series(&self, name: &str, labels: &[(Cow<'_, str>, Cow<'_, str>)]) -> Series {
        let is_targets = |label: &str| label == "host" || self.labels.iter().any(|(name, _)| name == label);
        let mut all: Vec<(Cow<'_, str>, &str)> =
            self.labels.iter().map(|(name, value)| (name.as_str().into(), value.as_str())).collect();
        for (label, value) in labels {
            match is_targets(label) && (!self.job.honor_labels || label == "host") {
                true => all.push((format!("exported_{label}").into(), value)),
                false => all.push((label.as_ref().into(), value)),
            }
        }
        self.origin.series(name, all.iter().map(|(name, value)| (name.as_ref(), *value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn target(job: &str) -> Target {
        let job: Scrape = toml::from_str(&format!("job = 'j'\n{job}")).unwrap();
        let labels = vec![("job".to_owned(), "j".to_owned())];
        let origin = Arc::new(Origin::new("h", &BTreeMap::new()));
        Target::new("127.0.0.1:1".parse().unwrap(), labels, Arc::new(job), origin)
    }

    fn text_of(text: &str) -> Answer {
        Answer::Text(text.into(), Form::Text)
    }

    fn deltas(target: &mut Target, text: &str) -> Vec<(String, f64)> {
        let (points, _) = target.ingest(&text_of(text)).unwrap();
        let plain = |(series, value): &(Series, Value)| {
            let (Value::Counter(value) | Value::Gauge(value)) = value else { panic!("{value:?}") };
            (series.with_label("host", "").with_label("job", "").to_string(), *value)
        };
        points.iter().map(plain).collect()
    }

    #[test]
    fn the_targets_labels_win_unless_its_own_are_honoured() {
        let text = "g{job=\"own\",host=\"b\",x=\"1\"} 1";
        let check = |job: &str, expected: &str| {
            let (points, _) = target(job).ingest(&text_of(text)).unwrap();
            assert_eq!(points[0].0.to_string(), expected);
        };
        check("", r#"g{exported_host="b",exported_job="own",host="h",job="j",x="1"}"#);
        check("honor_labels = true", r#"g{exported_host="b",host="h",job="own",x="1"}"#);
    }

    #[test]
    fn too_many_samples_refuse_the_whole() {
        let ingest = |job: &str| target(job).ingest(&text_of("a 1\nb 1\nc 1"));
        assert_eq!(ingest("max_samples = 2").err().map(|failure| failure.reason()), Some("too_many_samples"));
        assert_eq!(ingest("max_samples = 0").unwrap().0.len(), 3);
    }

    #[test]
    fn a_page_is_no_metrics() {
        let check = |answer: Answer, expected: Result<usize, &str>| {
            let found = target("").ingest(&answer).map(|(points, _)| points.len()).map_err(|failure| failure.reason());
            assert_eq!(found, expected, "{answer:?}");
        };
        for text in [
            "<html>",
            "<!doctype html>\n<pre>\nport 8080\n</pre>",
            "{\n\"a\": 1\n}",
            "[1, 2]",
            "\n not found\n",
            "{\"a\":\nb 1\n}",
        ] {
            check(text_of(text), Err("not_metrics"));
            check(Answer::Page(text.into()), Err("not_metrics"));
        }
        check(Answer::Page("It works\nport 8080".into()), Err("not_metrics"));
        // A line that is wrong, and a program that says HTML of its metrics.
        check(text_of("a 1\nb\nc 2"), Ok(2));
        check(text_of("{\"a\"} 1\nb"), Ok(1));
        check(Answer::Page("# TYPE a gauge\na 1\n".into()), Ok(1));
        check(text_of(""), Ok(0));
        check(text_of("# nothing yet\n"), Ok(0));
        check(text_of("a NaN\nb\n"), Ok(0));
    }

    #[test]
    fn rules_apply_before_counting() {
        let mut target = target("[[relabel]]\naction = 'drop'\nsource_labels = ['__name__']\nregex = 'go_.*'");
        assert_eq!(deltas(&mut target, "go_threads 1\nb 2"), [("b".to_owned(), 2.0)]);
    }
}
