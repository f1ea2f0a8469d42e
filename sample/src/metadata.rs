//! What is said of a metric beside its samples: type, unit and a sentence of help.

/// What kind of metric a family is, in the words of Prometheus and OpenMetrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetricType {
    /// Nobody says.
    #[default]
    Unknown,
    /// A total that only grows.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram,
    /// Buckets that go up and down.
    GaugeHistogram,
    /// Observations by quantiles.
    Summary,
    /// Facts in labels.
    Info,
    /// Which of some states is on.
    StateSet,
}

/// All, each at its number.
const ALL: [(MetricType, &str); 8] = [
    (MetricType::Unknown, "unknown"),
    (MetricType::Counter, "counter"),
    (MetricType::Gauge, "gauge"),
    (MetricType::Histogram, "histogram"),
    (MetricType::GaugeHistogram, "gaugehistogram"),
    (MetricType::Summary, "summary"),
    (MetricType::Info, "info"),
    (MetricType::StateSet, "stateset"),
];

impl MetricType {
    /// As text formats and the API spell it.
    pub fn word(self) -> &'static str {
        ALL[self as usize].1
    }

    /// Reads what [`MetricType::word`] wrote; another word is of no known type.
    pub fn of_word(word: &str) -> Self {
        ALL.iter().find(|(_, known)| *known == word).map_or(Self::Unknown, |(kind, _)| *kind)
    }

    /// The number that remote write 1.0 and 2.0 give it.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The type of a number; another number is of no known type.
    pub fn of_number(number: u64) -> Self {
        usize::try_from(number).ok().and_then(|number| ALL.get(number)).map_or(Self::Unknown, |(kind, _)| *kind)
    }

    /// The family of a series: of histograms and summaries the name without what tells its part.
    pub fn family(self, series: &str) -> &str {
        match self {
            Self::Histogram | Self::GaugeHistogram | Self::Summary => {
                let ends = ["_bucket", "_count", "_sum", "_gcount", "_gsum"];
                ends.iter().find_map(|end| series.strip_suffix(end)).filter(|name| !name.is_empty()).unwrap_or(series)
            }
            _ => series,
        }
    }
}

/// What one sender says of a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Metadata {
    /// Its type.
    pub kind: MetricType,
    /// Its unit, in words or as the sender has it; empty if it is not said.
    pub unit: String,
    /// What it tells; empty if it is not said.
    pub help: String,
}

impl Metadata {
    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.kind == MetricType::Unknown && self.unit.is_empty() && self.help.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_come_back_by_word_and_by_number() {
        for (number, (kind, word)) in ALL.iter().enumerate() {
            assert_eq!((usize::from(kind.number()), kind.word()), (number, *word));
            assert_eq!((MetricType::of_number(number as u64), MetricType::of_word(word)), (*kind, *kind));
        }
        assert_eq!((MetricType::of_number(8), MetricType::of_word("untyped")), Default::default());
    }

    #[test]
    fn series_of_histograms_and_summaries_are_of_a_family() {
        let check = |kind: MetricType, series: &str, family: &str| assert_eq!(kind.family(series), family, "{series}");
        check(MetricType::Histogram, "x_bucket", "x");
        check(MetricType::Histogram, "x", "x");
        check(MetricType::Summary, "x_sum", "x");
        check(MetricType::Summary, "_sum", "_sum");
        check(MetricType::Counter, "x_count", "x_count");
    }
}
