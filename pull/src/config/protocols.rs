//! In which formats targets are asked to answer, and what of histograms is taken.

use serde::Deserialize;
use weir_formats::delimited::{FULL_MEDIA_TYPE, Forms, MEDIA_TYPE};
use weir_formats::text::Form;
use weir_sample::Histogram;

/// A format, in the words of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Protocol {
    #[serde(rename = "PrometheusProto")]
    Protobuf,
    #[serde(rename = "PrometheusText0.0.4")]
    OldText,
    #[serde(rename = "PrometheusText1.0.0")]
    Text,
    #[serde(rename = "OpenMetricsText0.0.1")]
    OldOpenMetrics,
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetrics,
}

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text(Form),
    /// Families of metrics in protobuf.
    Families,
}

/// What is asked for and taken.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Formats {
    /// For the header `Accept`.
    pub accept: String,
    /// How an answer is read that does not say what it is.
    pub fallback: Option<Format>,
    pub histograms: Forms,
    pub buckets: BucketLimits,
}

/// How fine a native histogram may be; what is finer comes down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BucketLimits {
    /// Buckets of both signs; one that comes down to no so few is none. Zero: any number.
    pub most: usize,
    /// Each bucket ends at no less than so many times where it begins.
    pub factor: f64,
}

const USUAL: [Protocol; 4] = [Protocol::OpenMetrics, Protocol::OldOpenMetrics, Protocol::Text, Protocol::OldText];

/// What is asked for where nothing is said, as Prometheus has it.
pub(super) fn usual(native: bool) -> Vec<Protocol> {
    Some(Protocol::Protobuf).filter(|_| native).into_iter().chain(USUAL).collect()
}

impl Protocol {
    fn media_type(self) -> String {
        match self {
            Self::Protobuf => FULL_MEDIA_TYPE.into(),
            Self::OldText => "text/plain;version=0.0.4".into(),
            // Names are wanted as they are, in quotes where they must be.
            Self::Text => "text/plain;version=1.0.0;escaping=allow-utf-8".into(),
            Self::OldOpenMetrics => "application/openmetrics-text;version=0.0.1".into(),
            Self::OpenMetrics => "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8".into(),
        }
    }

    pub(super) fn format(self) -> Format {
        match self {
            Self::Protobuf => Format::Families,
            Self::OldText | Self::Text => Format::Text(Form::Text),
            Self::OldOpenMetrics | Self::OpenMetrics => Format::Text(Form::OpenMetrics),
        }
    }
}

impl Format {
    /// What a content type says; parameters do not matter.
    pub(crate) fn of(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "text/plain" => Some(Self::Text(Form::Text)),
            "application/openmetrics-text" => Some(Self::Text(Form::OpenMetrics)),
            MEDIA_TYPE => Some(Self::Families),
            _ => None,
        }
    }
}

/// The header that asks for these, the first most of all.
pub(super) fn accept(protocols: &[Protocol]) -> Result<String, String> {
    if protocols.is_empty() {
        return Err("scrape_protocols names none".into());
    }
    let mut ranges = Vec::new();
    // As Prometheus weighs them: there are five, and whatever else a target has comes last.
    for (weight, protocol) in (1..=6).rev().zip(protocols) {
        if protocols.iter().filter(|other| *other == protocol).count() > 1 {
            return Err("scrape_protocols names one twice".into());
        }
        ranges.push(format!("{};q=0.{weight}", protocol.media_type()));
    }
    ranges.push(format!("*/*;q=0.{}", 6 - protocols.len()));
    Ok(ranges.join(","))
}

impl BucketLimits {
    /// Comes down with a histogram until it is within them; `None` if there is no way.
    pub(crate) fn within(self, mut histogram: Histogram) -> Option<Histogram> {
        if self.factor > 1.0 && !histogram.has_own_bounds() {
            // The buckets of scale s end at 2^(2^-s) times where they begin.
            let scale = (-self.factor.log2().log2()).floor().clamp(f64::from(i8::MIN), f64::from(i8::MAX));
            histogram.come_down(scale as i8);
        }
        while self.most > 0 && buckets(&histogram) > self.most {
            let scale = histogram.resolution();
            if histogram.has_own_bounds() {
                return None;
            }
            histogram.come_down(scale.saturating_sub(1));
            if histogram.resolution() == scale {
                return None;
            }
        }
        Some(histogram)
    }

    /// How many buckets there may be, in words.
    pub(crate) fn fault(self, name: &str) -> String {
        format!("{name} has more than {} buckets at any resolution (native_histogram_bucket_limit)", self.most)
    }
}

fn buckets(histogram: &Histogram) -> usize {
    let parts = histogram.parts();
    parts.positive.len() + parts.negative.len()
}

#[cfg(test)]
mod tests {
    use weir_sample::{CUSTOM_BOUNDS, Parts, ResetHint};

    use super::*;

    #[test]
    fn what_is_liked_more_is_asked_for_first() {
        let check = |protocols: &[Protocol], expected: Result<&str, &str>| {
            assert_eq!(accept(protocols).as_deref().map_err(String::as_str), expected);
        };
        let all = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
            application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
            application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let protocols = usual(true);
        check(&protocols, Ok(all));
        check(&[Protocol::OldText], Ok("text/plain;version=0.0.4;q=0.6,*/*;q=0.5"));
        check(&[], Err("scrape_protocols names none"));
        check(&[Protocol::Text, Protocol::Text], Err("scrape_protocols names one twice"));
    }

    #[test]
    fn a_histogram_comes_down_until_it_has_few_enough_buckets() {
        let exponential = |buckets: i32| {
            let mut histogram = Histogram::new();
            (0..buckets).for_each(|at| histogram.insert(1.02_f64.powi(at)));
            histogram.with_hint(ResetHint::Unknown)
        };
        let check = |most: usize, factor: f64, expected: std::ops::RangeInclusive<usize>| {
            let histogram = BucketLimits { most, factor }.within(exponential(64)).unwrap();
            assert!(expected.contains(&buckets(&histogram)) && histogram.count() == 64.0, "{histogram:?}");
        };
        check(0, 0.0, 64..=64);
        check(0, 1.0, 64..=64);
        check(20, 0.0, 10..=20);
        // Of ends 1.19 apart up to 3.5 there are eight.
        check(0, 1.1, 7..=9);
        // One of them ends at 1, at any scale.
        check(2, 0.0, 2..=2);
        assert!(BucketLimits { most: 1, factor: 0.0 }.within(exponential(64)).is_none());
        let bounds = vec![1.0, 2.0];
        let positive = vec![(0, 1.0), (1, 1.0), (2, 1.0)];
        let (hint, negative, zero, zero_threshold) = (ResetHint::Unknown, Vec::new(), 0.0, 0.0);
        let parts = Parts {
            scale: CUSTOM_BOUNDS,
            hint,
            zero_threshold,
            zero,
            count: 3.0,
            sum: 4.0,
            positive,
            negative,
            bounds,
        };
        let custom = parts.histogram().unwrap();
        assert!(BucketLimits { most: 2, factor: 0.0 }.within(custom.clone()).is_none());
        assert!(BucketLimits { most: 3, factor: 9.0 }.within(custom.clone()).unwrap().is_same(&custom));
    }
}
