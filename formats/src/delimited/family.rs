//! One family: its name, its type and its metrics.

use std::borrow::Cow;

use weir_sample::is_name;

use super::exemplar::read_exemplar;
use super::histogram::{Bars, read_histogram};
use super::label::read_label;
use super::scraped::{Forms, Said, Scraped};
use super::spelled::spelled;
use crate::Exemplar;
use crate::protobuf::{Fields, Malformed, double, message, text, whole};
use crate::text::{Labels, named_twice};

/// What a family is, by its numbers.
pub(super) const COUNTER: u64 = 0;
pub(super) const GAUGE: u64 = 1;
pub(super) const SUMMARY: u64 = 2;
pub(super) const UNTYPED: u64 = 3;
pub(super) const HISTOGRAM: u64 = 4;
pub(super) const GAUGE_HISTOGRAM: u64 = 5;

/// What all series of a metric share, and who takes them.
struct Metric<'a, 'f, F> {
    family: &'a str,
    labels: Labels<'a>,
    time: Option<i64>,
    each: &'f mut F,
}

impl<'a, F: FnMut(Scraped<'a>)> Metric<'a, '_, F> {
    fn say(&mut self, suffix: &str, label: Option<(&'static str, String)>, value: Said, exemplars: Vec<Exemplar<'a>>) {
        let name = if suffix.is_empty() { self.family.into() } else { Cow::Owned(format!("{}{suffix}", self.family)) };
        let mut labels = self.labels.clone();
        labels.extend(label.map(|(name, value)| (Cow::Borrowed(name), Cow::Owned(value))));
        (self.each)(Scraped { name, labels, value, time: self.time, exemplars });
    }

    fn histogram(&mut self, mut bars: Bars<'a>, is_gauge: bool, forms: Forms) -> Result<(), Malformed> {
        // Of a gauge's classic buckets there is no native form.
        let converts = forms.converted && !is_gauge && !bars.classic.is_empty();
        let histogram = match bars.is_native && forms.native {
            true => Some(bars.take_native()?),
            false => bars.converted().filter(|_| converts),
        };
        if histogram.is_none() || forms.classic && !bars.classic.is_empty() {
            self.classic(&bars, is_gauge);
        }
        if let Some(histogram) = histogram {
            self.say("", None, Said::Histogram(Box::new(histogram)), bars.native_exemplars());
        }
        Ok(())
    }

    fn classic(&mut self, bars: &Bars<'a>, is_gauge: bool) {
        let value = |value| if is_gauge { Said::Gauge(value) } else { Said::Total(value) };
        for bar in &bars.classic {
            let exemplars = bar.exemplar.iter().cloned().collect();
            self.say("_bucket", Some(("le", spelled(bar.bound))), value(bar.count), exemplars);
        }
        if bars.classic.last().is_none_or(|bar| bar.bound != f64::INFINITY) {
            self.say("_bucket", Some(("le", spelled(f64::INFINITY))), value(bars.count), Vec::new());
        }
        self.say("_sum", None, value(bars.sum), Vec::new());
        self.say("_count", None, value(bars.count), Vec::new());
    }
}

pub(super) fn read<'a>(bytes: &'a [u8], forms: Forms, each: &mut impl FnMut(Scraped<'a>)) -> Result<(), Malformed> {
    let (mut family, mut kind) = ("", COUNTER);
    for field in Fields(bytes) {
        match field? {
            (1, field) => family = text(field)?,
            (3, field) => kind = whole(field)?,
            _ => {}
        }
    }
    if !is_name(family) {
        return Err(Malformed("the name of a family is not legal"));
    }
    for field in Fields(bytes) {
        if let (4, field) = field? {
            read_metric(message(field)?, (family, kind), forms, each)?;
        }
    }
    Ok(())
}

fn read_metric<'a>(
    bytes: &'a [u8],
    (family, kind): (&'a str, u64),
    forms: Forms,
    each: &mut impl FnMut(Scraped<'a>),
) -> Result<(), Malformed> {
    let (mut metric, mut value) = (Metric { family, labels: Labels::new(), time: None, each }, None);
    for field in Fields(bytes) {
        match field? {
            (1, field) => metric.labels.push(read_label(message(field)?)?),
            (2..=5 | 7, field) => value = Some(message(field)?),
            (6, field) => metric.time = Some(whole(field)? as i64),
            _ => {}
        }
    }
    if named_twice(&metric.labels) {
        return Err(Malformed("a label comes twice"));
    }
    let value = value.ok_or(Malformed("a metric has no value"))?;
    match kind {
        HISTOGRAM | GAUGE_HISTOGRAM => {
            let is_gauge = kind == GAUGE_HISTOGRAM;
            metric.histogram(read_histogram(value, is_gauge)?, is_gauge, forms)?;
        }
        SUMMARY => read_summary(value, &mut metric)?,
        COUNTER => {
            let (total, exemplar) = read_counter(value)?;
            metric.say("", None, Said::Total(total), exemplar.into_iter().collect());
        }
        _ => metric.say("", None, Said::Gauge(read_number(value)?), Vec::new()),
    }
    Ok(())
}

fn read_counter(bytes: &[u8]) -> Result<(f64, Option<Exemplar<'_>>), Malformed> {
    let (mut total, mut exemplar) = (0.0, None);
    for field in Fields(bytes) {
        match field? {
            (1, field) => total = double(field)?,
            (2, field) => exemplar = read_exemplar(message(field)?)?,
            _ => {}
        }
    }
    Ok((total, exemplar))
}

/// A gauge's or untyped metric's.
fn read_number(bytes: &[u8]) -> Result<f64, Malformed> {
    let mut number = 0.0;
    for field in Fields(bytes) {
        if let (1, field) = field? {
            number = double(field)?;
        }
    }
    Ok(number)
}

fn read_summary<'a, F: FnMut(Scraped<'a>)>(bytes: &'a [u8], metric: &mut Metric<'a, '_, F>) -> Result<(), Malformed> {
    for field in Fields(bytes) {
        match field? {
            (1, field) => metric.say("_count", None, Said::Total(whole(field)? as f64), Vec::new()),
            (2, field) => metric.say("_sum", None, Said::Total(double(field)?), Vec::new()),
            (3, field) => {
                let (mut quantile, mut value) = (0.0, 0.0);
                for field in Fields(message(field)?) {
                    match field? {
                        (1, field) => quantile = double(field)?,
                        (2, field) => value = double(field)?,
                        _ => {}
                    }
                }
                metric.say("", Some(("quantile", spelled(quantile))), Said::Gauge(value), Vec::new());
            }
            _ => {}
        }
    }
    Ok(())
}
