//! The engine over a store of ours, with the rows over it that are not stored yet.

use std::ops::ControlFlow;
use std::time::Duration;

use weir_query::{Data, Engine, LabelSet, MatchOp, Matcher, Point, Sample, Source};
use weir_sample::{Series, Timestamp};

use super::overlay::{Overlaid, Overlay};
use super::querier::{Element, Found, Querier};
use crate::evaluate::left_out::LeftOut;
use crate::evaluate::row::Row;
use crate::rules::{Expression, Reads};

/// Answers from a [`Source`].
pub struct Local<'a> {
    engine: Engine,
    source: &'a dyn Source,
    overlay: &'a Overlay,
}

/// The label that tells which agent owns a series.
const HOST: &str = "host";

/// Hosts that one condition names; with more, the condition is on none.
const MOST_NAMED: usize = 1_000;

impl<'a> Local<'a> {
    /// An engine over a source.
    pub fn new(engine: Engine, source: &'a dyn Source, overlay: &'a Overlay) -> Self {
        Self { engine, source, overlay }
    }

    fn any_of(&self, reads: Reads, at: Timestamp, hosts: &LeftOut) -> bool {
        let mut matchers = reads.matchers;
        let is_plain = |host: &str| host.chars().all(|c| c.is_alphanumeric() || ['-', '_', '.'].contains(&c));
        if hosts.names().len() <= MOST_NAMED && hosts.names().all(is_plain) {
            let pattern = hosts.names().map(|host| host.replace('.', "\\.")).collect::<Vec<_>>().join("|");
            matchers.extend(Matcher::new(HOST, MatchOp::Regex, &pattern));
        }
        let first = at.minus(reads.back).plus(Duration::from_millis(1));
        let Ok(series) = self.source.series(&matchers, first, at, &mut |_| ControlFlow::Continue(())) else {
            return true;
        };
        let label = |series: &Series, name: &str| series.label(name).unwrap_or_default().to_owned();
        series.iter().any(|(series, _)| hosts.has_labelled(&label(series, "tenant"), &label(series, HOST)))
    }
}

impl Querier for Local<'_> {
    fn query(&self, expression: &Expression, at: Timestamp) -> Result<Found, String> {
        let source = Overlaid::new(self.source, self.overlay);
        let answer = self.engine.ask(&source, expression.query(), at).map_err(|error| error.message())?;
        let (series, samples_read) = source.read();
        let elements = match answer.data {
            Data::Vector(samples) => samples.into_iter().map(element).collect(),
            Data::Scalar(_, value) => {
                vec![Element { labels: LabelSet::empty(), value, is_distribution: false, histogram: None }]
            }
            Data::Matrix(_) | Data::String(..) => return Err("the result is no vector and no number".into()),
        };
        let partial = source.is_incomplete();
        Ok(Found { elements, series_read: Some(series), samples_read, partial })
    }

    fn reads_from(&self, expression: &Expression, at: Timestamp, hosts: &LeftOut) -> bool {
        let reads = expression.reads().unwrap_or_default();
        reads.into_iter().any(|reads| self.any_of(reads, at, hosts))
    }

    fn note(&self, rows: &[Row]) {
        self.overlay.add(rows);
    }
}

fn element(sample: Sample) -> Element {
    let (value, histogram) = match sample.value {
        Point::Float(value) => (value, None),
        Point::Histogram(histogram) => (0.0, Some(histogram)),
    };
    Element { labels: sample.labels, value, is_distribution: histogram.is_some(), histogram }
}
