//! One family: its name, its type and its metrics.

use std::borrow::Cow;

use weir_sample::is_name;

use super::histogram::{Bars, read_histogram};
use super::scraped::{Classic, Said, Scraped};
use super::spelled::spelled;
use crate::protobuf::{Fields, Malformed, double, message, text, whole};
use crate::text::{Labels, named_twice};

/// What a family is, by its numbers.
const COUNTER: u64 = 0;
const SUMMARY: u64 = 2;
const HISTOGRAM: u64 = 4;
const GAUGE_HISTOGRAM: u64 = 5;

/// What all series of a metric share, and who takes them.
struct Metric<'a, 'f, F> {
    family: &'a str,
    labels: Labels<'a>,
    each: &'f mut F,
}

impl<'a, F: FnMut(Scraped<'a>)> Metric<'a, '_, F> {
    fn say(&mut self, suffix: &str, label: Option<(&'static str, String)>, value: Said) {
        // Absent values say nothing, as in the text format.
        if matches!(value, Said::Gauge(value) | Said::Total(value) if value.is_nan()) {
            return;
        }
        let name = if suffix.is_empty() { self.family.into() } else { Cow::Owned(format!("{}{suffix}", self.family)) };
        let mut labels = self.labels.clone();
        labels.extend(label.map(|(name, value)| (Cow::Borrowed(name), Cow::Owned(value))));
        (self.each)(Scraped { name, labels, value });
    }

    fn classic(&mut self, bars: &Bars, is_gauge: bool) {
        let value = |value| if is_gauge { Said::Gauge(value) } else { Said::Total(value) };
        for (bound, count) in &bars.classic {
            self.say("_bucket", Some(("le", spelled(*bound))), value(*count));
        }
        if bars.classic.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
            self.say("_bucket", Some(("le", spelled(f64::INFINITY))), value(bars.count));
        }
        self.say("_sum", None, value(bars.sum));
        self.say("_count", None, value(bars.count));
    }
}

pub(super) fn read<'a>(bytes: &'a [u8], classic: Classic, each: &mut impl FnMut(Scraped<'a>)) -> Result<(), Malformed> {
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
            read_metric(message(field)?, (family, kind), classic, each)?;
        }
    }
    Ok(())
}

fn read_metric<'a>(
    bytes: &'a [u8],
    (family, kind): (&'a str, u64),
    classic: Classic,
    each: &mut impl FnMut(Scraped<'a>),
) -> Result<(), Malformed> {
    let (mut metric, mut value) = (Metric { family, labels: Labels::new(), each }, None);
    for field in Fields(bytes) {
        match field? {
            (1, field) => metric.labels.push(read_label(message(field)?)?),
            (2..=5 | 7, field) => value = Some(message(field)?),
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
            let bars = read_histogram(value, is_gauge)?;
            if !bars.is_native || classic == Classic::Kept && !bars.classic.is_empty() {
                metric.classic(&bars, is_gauge);
            }
            if let Some(histogram) = bars.native() {
                metric.say("", None, Said::Histogram(Box::new(histogram?)));
            }
        }
        SUMMARY => read_summary(value, &mut metric)?,
        COUNTER => metric.say("", None, Said::Total(read_number(value)?)),
        _ => metric.say("", None, Said::Gauge(read_number(value)?)),
    }
    Ok(())
}

fn read_label(bytes: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), Malformed> {
    let mut label = ("", "");
    for field in Fields(bytes) {
        match field? {
            (1, field) => label.0 = text(field)?,
            (2, field) => label.1 = text(field)?,
            _ => {}
        }
    }
    if !is_name(label.0) {
        return Err(Malformed("a label's name is not legal"));
    }
    Ok((label.0.into(), label.1.into()))
}

/// A counter's, gauge's or untyped metric's.
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
            (1, field) => metric.say("_count", None, Said::Total(whole(field)? as f64)),
            (2, field) => metric.say("_sum", None, Said::Total(double(field)?)),
            (3, field) => {
                let (mut quantile, mut value) = (0.0, 0.0);
                for field in Fields(message(field)?) {
                    match field? {
                        (1, field) => quantile = double(field)?,
                        (2, field) => value = double(field)?,
                        _ => {}
                    }
                }
                metric.say("", Some(("quantile", spelled(quantile))), Said::Gauge(value));
            }
            _ => {}
        }
    }
    Ok(())
}
