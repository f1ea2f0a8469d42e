//! Names of metrics and labels as Prometheus translates them by its four strategies: with escaping what is not a letter of
//! the old names becomes one `_`, with suffixes the unit and `total` stand at the end in words.

use std::borrow::Cow;

use serde::Deserialize;

/// How names are translated, as Prometheus' `translation_strategy` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Strategy {
    /// Letters, digits and `_`, with unit and `total` at the end.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// The same letters, and nothing at the end.
    UnderscoreEscapingWithoutSuffixes,
    /// As sent, with unit and `total` at the end.
    #[serde(rename = "NoUTF8EscapingWithSuffixes")]
    NoUtf8EscapingWithSuffixes,
    /// As sent.
    NoTranslation,
}

impl Strategy {
    /// Whether two names that are sent may become one.
    pub(super) fn escapes(self) -> bool {
        matches!(self, Self::UnderscoreEscapingWithSuffixes | Self::UnderscoreEscapingWithoutSuffixes)
    }
}

/// What of a metric its name tells beside its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Gauge,
    /// A sum that only grows.
    Total,
    Other,
}

/// The name under which a metric is stored. It is empty where nothing of the name may stand in one.
pub(super) fn metric(name: &str, unit: &str, shape: Shape, strategy: Strategy) -> String {
    match strategy {
        Strategy::UnderscoreEscapingWithSuffixes => escaped(name, unit, shape),
        Strategy::UnderscoreEscapingWithoutSuffixes => escaped(name, "", Shape::Other),
        Strategy::NoUtf8EscapingWithSuffixes => suffixed(name, unit, shape),
        Strategy::NoTranslation => name.to_owned(),
    }
}

/// A name as it was sent, and behind it what it does not end in yet.
fn suffixed(name: &str, unit: &str, shape: Shape) -> String {
    let last = match shape {
        Shape::Total => "_total",
        Shape::Gauge if unit.trim() == "1" => "_ratio",
        Shape::Gauge | Shape::Other => "",
    };
    let mut name = name.strip_suffix(last).unwrap_or(name).to_owned();
    if name.is_empty() {
        return name;
    }
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let (main, per) = (in_words(main, UNITS), in_words(per, PER));
    let per = if per.is_empty() { String::new() } else { format!("_per_{per}") };
    let mut ends = if main.is_empty() { String::new() } else { format!("_{main}") };
    ends.push_str(&per);
    if !name.ends_with(&ends) {
        name.push_str(&ends);
    }
    name + last
}

fn escaped(name: &str, unit: &str, shape: Shape) -> String {
    let mut words: Vec<Cow<'_, str>> = words(name).map(Cow::Borrowed).collect();
    if words.is_empty() {
        return String::new();
    }
    let (main, per) = unit.split_once('/').map_or((unit, None), |(main, per)| (main, Some(per)));
    let main = in_words(main, UNITS);
    if !main.is_empty() && !words.contains(&main) {
        words.push(main);
    }
    let per = in_words(per.unwrap_or_default(), PER);
    if !per.is_empty() && !words.contains(&per) {
        words.extend([Cow::Borrowed("per"), per]);
    }
    let last = match shape {
        Shape::Total => Some("total"),
        Shape::Gauge if unit.trim() == "1" => Some("ratio"),
        Shape::Gauge | Shape::Other => None,
    };
    if let Some(last) = last {
        // It stands last, also where the name has it elsewhere.
        words.retain(|word| word != last);
        words.push(Cow::Borrowed(last));
    }
    let name = words.join("_");
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|word| !word.is_empty())
}

/// A unit in words; what stands in braces is a remark, not a unit.
fn in_words<'u>(unit: &'u str, known: &[(&str, &'static str)]) -> Cow<'u, str> {
    let unit = unit.trim();
    if unit.contains(['{', '}']) {
        return Cow::Borrowed("");
    }
    match known.iter().find(|(short, _)| *short == unit) {
        Some((_, word)) => Cow::Borrowed(word),
        None => Cow::Owned(words(unit).collect::<Vec<_>>().join("_")),
    }
}

/// A unit in words, as it stands at the end of a name: `bytes_per_second`.
pub(super) fn unit(unit: &str) -> String {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let (main, per) = (in_words(main, UNITS), in_words(per, PER));
    if per.is_empty() { main.into_owned() } else { format!("{main}_per_{per}").trim_start_matches('_').to_owned() }
}

/// The name under which an attribute is stored as a label.
pub(super) fn label(key: &str, strategy: Strategy) -> String {
    if !strategy.escapes() {
        return key.to_owned();
    }
    if key.len() > 4 && key.starts_with("__") && key.ends_with("__") {
        return key.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
    }
    let mut name = String::with_capacity(key.len());
    if key.starts_with(|c: char| c.is_ascii_digit()) {
        name.push_str("key_");
    }
    for c in key.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => name.push(c),
            _ if name.ends_with('_') => {}
            _ => name.push('_'),
        }
    }
    name
}

/// Units by the Unified Code for Units of Measure, as the OpenTelemetry specification has them for Prometheus.
const UNITS: &[(&str, &str)] = &[
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];

const PER: &[(&str, &str)] =
    &[("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_prometheus_gives() {
        let check = |name: &str, unit: &str, shape, expected: &str| {
            assert_eq!(metric(name, unit, shape, Strategy::default()), expected)
        };
        check("http.server.request.duration", "s", Shape::Other, "http_server_request_duration_seconds");
        check("system.io", "By", Shape::Total, "system_io_bytes_total");
        check("system.filesystem.usage", "By", Shape::Gauge, "system_filesystem_usage_bytes");
        check("requests_total", "1", Shape::Total, "requests_total");
        check("total.requests", "{request}", Shape::Total, "requests_total");
        check("cpu.utilization", "1", Shape::Gauge, "cpu_utilization_ratio");
        check("cpu.utilization", "1", Shape::Other, "cpu_utilization");
        check("speed", "m/s", Shape::Gauge, "speed_meters_per_second");
        check("faults", "{fault}/s", Shape::Gauge, "faults_per_second");
        check("hits", "1/{day}", Shape::Gauge, "hits");
        check("a__b..c_", "", Shape::Gauge, "a_b_c");
        check("time_seconds", "s", Shape::Gauge, "time_seconds");
        check("5xx", "", Shape::Total, "_5xx_total");
        check("x", "foo bar", Shape::Gauge, "x_foo_bar");
        check("ürlaub", "", Shape::Gauge, "rlaub");
        check("…", "s", Shape::Gauge, "");
    }

    #[test]
    fn a_strategy_says_what_stays_of_a_name() {
        use Strategy::{NoTranslation, NoUtf8EscapingWithSuffixes, UnderscoreEscapingWithoutSuffixes};

        let check = |name: &str, unit: &str, shape, expected: [&str; 3]| {
            let strategies = [UnderscoreEscapingWithoutSuffixes, NoUtf8EscapingWithSuffixes, NoTranslation];
            assert_eq!(strategies.map(|strategy| metric(name, unit, shape, strategy)), expected);
        };
        check("k6.a", "", Shape::Gauge, ["k6_a", "k6.a", "k6.a"]);
        check("system.io", "By", Shape::Total, ["system_io", "system.io_bytes_total", "system.io"]);
        check("a_total", "1", Shape::Total, ["a_total"; 3]);
        check("cpu.use", "1", Shape::Gauge, ["cpu_use", "cpu.use_ratio", "cpu.use"]);
        check("speed", "m/s", Shape::Other, ["speed", "speed_meters_per_second", "speed"]);
        check("time.s_seconds", "s", Shape::Other, ["time_s_seconds", "time.s_seconds", "time.s_seconds"]);
        check("ürlaub", "", Shape::Total, ["rlaub", "ürlaub_total", "ürlaub"]);
        check("", "s", Shape::Total, [""; 3]);
    }

    #[test]
    fn labels_are_legal() {
        for (key, expected) in
            [("http.method", "http_method"), ("a--b", "a_b"), ("1st", "key_1st"), ("__own__", "__own__"), ("é", "_")]
        {
            assert_eq!(label(key, Strategy::default()), expected);
            assert_eq!(label(key, Strategy::NoTranslation), key);
        }
    }
}
