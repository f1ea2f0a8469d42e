//! Series as promtool's tests write them: `up{job="a"}` and `0 1+2x3 _x4 stale`.

use weir_query::syntax::Expr;
use weir_query::{LabelSet, MatchOp};
use weir_sample::{STALE, Series};

use crate::rules::Expression;

/// Most samples that one series of a test may have.
const MOST_SAMPLES: usize = 1_000_000;

/// Reads a metric: name and labels, either of which may be missing.
pub(crate) fn metric(text: &str) -> Result<LabelSet, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.trim_start_matches('{').trim_end_matches('}').trim().is_empty() {
        return Ok(LabelSet::empty());
    }
    let expression = Expression::parse(trimmed).map_err(|bad| format!("{text:?} is no metric: {bad}"))?;
    let reads = expression.reads().map_err(|error| error.to_string())?;
    let is_plain = matches!(expression.tree(), Expr::VectorSelector(s) if s.offset.is_none() && s.at.is_none());
    let Some(reads) = reads.first().filter(|_| is_plain) else { return Err(format!("{text:?} is no metric")) };
    if let Some(other) = reads.matchers.iter().find(|matcher| matcher.op() != MatchOp::Equal) {
        return Err(format!("{text:?} is no metric: label {} has no \"=\"", other.label()));
    }
    let labels = reads.matchers.iter().filter(|m| m.label() != "__name__").map(|m| (m.label(), m.value()));
    Ok(LabelSet::new(reads.name.as_deref().unwrap_or_default(), labels))
}

/// Reads a series of a test.
pub(crate) fn series(text: &str) -> Result<Series, String> {
    let labels = metric(text)?;
    if labels.name().is_empty() {
        return Err(format!("series {text:?} has no metric name"));
    }
    Ok(Series::new(labels.name(), labels.labels()))
}

/// Reads values; `None` where there is no sample.
pub(crate) fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    for word in text.split_whitespace() {
        if word.starts_with("{{") {
            return Err(format!("{word:?}: native histograms cannot be written in tests yet; take series of buckets"));
        }
        let (start, step, times) = parts(word).ok_or_else(|| format!("{word:?} is no value of a series"))?;
        if values.len() + times > MOST_SAMPLES {
            return Err(format!("{word:?} makes more than {MOST_SAMPLES} samples"));
        }
        let mut value = start;
        for _ in 0..times {
            values.push(value);
            value = value.map(|value| if value.to_bits() == STALE.to_bits() { value } else { value + step });
        }
    }
    Ok(values)
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
        let check = |text: &str, expected: &[Option<f64>]| assert_eq!(values(text).unwrap(), expected, "{text}");
        check("1 2.5 -3", &[Some(1.0), Some(2.5), Some(-3.0)]);
        check("1x2", &[Some(1.0), Some(1.0), Some(1.0)]);
        check("0+10x2", &[Some(0.0), Some(10.0), Some(20.0)]);
        check("5-2x2", &[Some(5.0), Some(3.0), Some(1.0)]);
        check("-1+1x1", &[Some(-1.0), Some(0.0)]);
        check("1e3-1e-1x1", &[Some(1000.0), Some(999.9)]);
        check("_ 1 _x2 2", &[None, Some(1.0), None, None, Some(2.0)]);
        check("0x10", &[Some(0.0); 11]);
        check("Inf -Inf", &[Some(f64::INFINITY), Some(f64::NEG_INFINITY)]);
        assert_eq!(values("stale").unwrap()[0].unwrap().to_bits(), STALE.to_bits());
        assert_eq!(values("stalex2").unwrap().len(), 3);
        assert!(values("NaN").unwrap()[0].unwrap().is_nan());
        for bad in ["a", "1+x3", "1x", "1xa", "{{schema:0}}", "1x99999999"] {
            assert!(values(bad).is_err(), "{bad}");
        }
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
