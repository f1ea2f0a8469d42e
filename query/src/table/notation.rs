//! Series as Prometheus' tests write them: `up{job="a"}` and `0 1+2x3 _x4 stale {{count:3 sum:5 buckets:[1 2]}}`.

use weir_sample::{Histogram, STALE, Series};

use super::histogram::histogram;
use crate::answer::Point;
use crate::labels::{LabelSet, METRIC_NAME};
use crate::syntax::{Edges, Expr, VectorSelector, parse};
use weir_store::MatchOp;

/// Most samples that one series of a test may have.
const MOST_SAMPLES: usize = 1_000_000;

/// A value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The value.
    pub point: Point,
    /// A histogram says how it stands to the one before.
    pub has_hint: bool,
}

impl Written {
    fn float(value: f64) -> Self {
        Self { point: Point::Float(value), has_hint: false }
    }
}

/// Where a line's metric ends and its values begin.
pub fn split(line: &str) -> (&str, &str) {
    let (mut quote, mut braces, mut escaped) = (None, 0_usize, false);
    for (at, c) in line.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => braces += 1,
            (None, '}') => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return (&line[..=at], &line[at + 1..]);
                }
            }
            (None, c) if c.is_whitespace() && braces == 0 => {
                let rest = line[at..].trim_start();
                // `up {job="a"}` is one metric.
                if !rest.starts_with('{') || rest.starts_with("{{") {
                    return (&line[..at], rest);
                }
            }
            _ => {}
        }
    }
    (line, "")
}

/// Reads a metric: name and labels, either of which may be missing.
///
/// # Errors
/// Why it is none.
pub fn metric(text: &str) -> Result<LabelSet, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.trim_start_matches('{').trim_end_matches('}').trim().is_empty() {
        return Ok(LabelSet::empty());
    }
    let bad = || format!("{text:?} is no metric");
    let expr = parse(trimmed).map_err(|error| format!("{}: {}", bad(), error.told(trimmed)))?;
    let Expr::VectorSelector(selector) = expr else { return Err(bad()) };
    let VectorSelector { name, matchers, offset: None, at: None, edges: Edges::Within, .. } = selector else {
        return Err(bad());
    };
    if let Some(other) = matchers.iter().find(|matcher| matcher.op != MatchOp::Equal) {
        return Err(format!("{}: label {} has no \"=\"", bad(), other.name));
    }
    let named = matchers.iter().find(|matcher| matcher.name == METRIC_NAME).map(|matcher| matcher.value.as_str());
    let labels = matchers.iter().filter(|matcher| matcher.name != METRIC_NAME);
    let labels = labels.map(|matcher| (matcher.name.as_str(), matcher.value.as_str()));
    Ok(LabelSet::new(name.as_deref().or(named).unwrap_or_default(), labels))
}

/// Reads a series of a test.
///
/// # Errors
/// Why it is none.
pub fn series(text: &str) -> Result<Series, String> {
    let labels = metric(text)?;
    if labels.name().is_empty() {
        return Err(format!("series {text:?} has no metric name"));
    }
    Ok(Series::new(labels.name(), labels.labels()))
}

/// Reads values; `None` where there is no sample.
///
/// # Errors
/// What is no value.
pub fn values(text: &str) -> Result<Vec<Option<Written>>, String> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        rest = match rest.strip_prefix("{{") {
            Some(inner) => histograms(inner, &mut values)?,
            None => {
                let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                floats(word, &mut values)?;
                after
            }
        }
        .trim_start();
    }
    Ok(values)
}

fn floats(word: &str, values: &mut Vec<Option<Written>>) -> Result<(), String> {
    let (start, step, times) = parts(word).ok_or_else(|| format!("{word:?} is no value of a series"))?;
    check_room(word, values.len(), times)?;
    let mut value = start;
    for _ in 0..times {
        values.push(value.map(Written::float));
        value = value.map(|value| if value.to_bits() == STALE.to_bits() { value } else { value + step });
    }
    Ok(())
}

fn check_room(word: &str, has: usize, more: usize) -> Result<(), String> {
    if has + more > MOST_SAMPLES {
        return Err(format!("{word:?} makes more than {MOST_SAMPLES} samples"));
    }
    Ok(())
}

/// `…}}`, `…}}x3`, `…}}+{{…}}x3`: what follows the first braces; what is left is returned.
fn histograms<'t>(text: &'t str, values: &mut Vec<Option<Written>>) -> Result<&'t str, String> {
    let braces = |text: &'t str| text.split_once("}}").ok_or_else(|| format!("{text:?} has no end"));
    let (inner, mut rest) = braces(text)?;
    let (mut current, mut has_hint) = histogram(inner)?;
    let mut step = None;
    for (sign, factor) in [("+{{", 1.0), ("-{{", -1.0)] {
        if let Some(more) = rest.strip_prefix(sign) {
            let (inner, after) = braces(more)?;
            let (by, hinted) = histogram(inner)?;
            (step, has_hint, rest) = (Some((by, factor)), hinted, after);
        }
    }
    let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
    let times = match word.strip_prefix('x') {
        Some(times) => times.parse().map_err(|_| format!("{word:?} is no number of histograms"))?,
        None if word.is_empty() => 0,
        None => return Err(format!("unexpected {word:?} after a histogram")),
    };
    check_room(word, values.len(), times)?;
    let written = |histogram: &Histogram| Written { point: Point::Histogram(Box::new(histogram.clone())), has_hint };
    values.push(Some(written(&current)));
    for _ in 0..times {
        let joined = match &step {
            Some((by, factor)) if *factor > 0.0 => current.plus(by).map(drop),
            Some((by, _)) => current.minus(by).map(drop),
            None => Ok(()),
        };
        joined.map_err(|_| format!("{text:?} adds histograms of different kinds"))?;
        values.push(Some(written(&current)));
    }
    Ok(after)
}

/// First value, step and number of samples of `a`, `axN`, `a+bxN`, `_`, `_xN`, `stale`.
fn parts(word: &str) -> Option<(Option<f64>, f64, usize)> {
    // There are no hexadecimal numbers here: `0x3` is 0 four times.
    let (word, times) = match word.rsplit_once('x') {
        Some((word, times)) => (word, Some(times.parse::<usize>().ok()?)),
        None => (word, None),
    };
    if word == "_" {
        // A gap is as long as it says; a value is there once more than that.
        return Some((None, 0.0, times.unwrap_or(1)));
    }
    let count = times.map_or(1, |times| times + 1);
    if word == "stale" {
        return Some((Some(STALE), 0.0, count));
    }
    let is_sign =
        |(at, c): &(usize, char)| *at > 0 && ['+', '-'].contains(c) && !word[..*at].ends_with(['e', 'E', '+', '-']);
    match word.char_indices().find(is_sign).filter(|_| times.is_some()) {
        Some((at, _)) => Some((Some(number(&word[..at])?), number(&word[at..])?, count)),
        None => Some((Some(number(word)?), 0.0, count)),
    }
}

fn number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    // `4--2x1` counts down by -2.
    let (sign, digits) = digits.strip_prefix('-').map_or((sign, digits), |digits| (-sign, digits));
    let value: f64 = digits.parse().ok()?;
    Some(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_promtool() {
        let floats = |text: &str| -> Vec<Option<f64>> {
            let float = |written: Written| match written.point {
                Point::Float(value) => value,
                Point::Histogram(_) => panic!("a histogram"),
            };
            values(text).unwrap().into_iter().map(|written| written.map(float)).collect()
        };
        let check = |text: &str, expected: &[Option<f64>]| assert_eq!(floats(text), expected, "{text}");
        check("1 2.5 -3", &[Some(1.0), Some(2.5), Some(-3.0)]);
        check("1x2", &[Some(1.0), Some(1.0), Some(1.0)]);
        check("0+10x2", &[Some(0.0), Some(10.0), Some(20.0)]);
        check("5-2x2", &[Some(5.0), Some(3.0), Some(1.0)]);
        check("-1+1x1", &[Some(-1.0), Some(0.0)]);
        check("1e3-1e-1x1", &[Some(1000.0), Some(999.9)]);
        check("_ 1 _x2 2", &[None, Some(1.0), None, None, Some(2.0)]);
        check("0x10", &[Some(0.0); 11]);
        check("Inf -Inf", &[Some(f64::INFINITY), Some(f64::NEG_INFINITY)]);
        assert_eq!(floats("stale")[0].unwrap().to_bits(), STALE.to_bits());
        assert_eq!(floats("stalex2").len(), 3);
        assert!(floats("NaN")[0].unwrap().is_nan());
        for bad in ["a", "1+x3", "1x", "1xa", "{{schema:9}}", "{{sum:1", "{{size:1}}", "1x99999999"] {
            assert!(values(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn histograms_are_those_of_promtool() {
        let counts = |text: &str| -> Vec<(f64, f64)> {
            let count = |written: Option<Written>| match written.unwrap().point {
                Point::Histogram(histogram) => (histogram.count(), histogram.sum()),
                Point::Float(_) => panic!("a float"),
            };
            values(text).unwrap().into_iter().map(count).collect()
        };
        assert_eq!(counts("{{schema:1 sum:3 count:22 buckets:[5 10 7]}}"), [(22.0, 3.0)]);
        assert_eq!(counts("{{count:1}}x1 {{}}"), [(1.0, 0.0), (1.0, 0.0), (0.0, 0.0)]);
        assert_eq!(
            counts("{{count:1 buckets:[1]}}+{{count:2 sum:1 buckets:[2]}}x2"),
            [(1.0, 0.0), (3.0, 1.0), (5.0, 2.0)]
        );
        assert_eq!(counts("{{count:5}}-{{count:2}}x1"), [(5.0, 0.0), (3.0, 0.0)]);
    }

    #[test]
    fn lines_are_cut_after_their_metric() {
        let check = |line: &str, metric: &str, values: &str| assert_eq!(split(line), (metric, values));
        check("up 1 2", "up", "1 2");
        check("up{a=\"} b\"} 1", "up{a=\"} b\"}", " 1");
        check("up {{count:1}}", "up", "{{count:1}}");
        check("{} 5", "{}", " 5");
    }

    #[test]
    fn metrics_are_names_with_labels() {
        assert_eq!(metric("up{job=\"a\"}").unwrap().to_string(), "up{job=\"a\"}");
        assert_eq!(metric("{job=\"a\"}").unwrap().to_string(), "{job=\"a\"}");
        assert_eq!(metric("{}").unwrap(), LabelSet::empty());
        for bad in ["up{job=~\"a\"}", "sum(up)", "up + up", "-up", "up offset 5m"] {
            assert!(series(bad).is_err(), "{bad}");
        }
        assert!(series("{job=\"a\"}").is_err());
    }
}
