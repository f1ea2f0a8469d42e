//! Which series a rule speaks of: patterns on the name and on labels.

use std::fmt;

use crate::Series;

/// A text in which each `*` stands for any characters, also none.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Every text is a pattern; without a `*` it matches itself only.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether every text fits.
    pub fn is_any(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte == b'*')
    }

    /// Whether the whole of `text` fits.
    pub fn matches(&self, text: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return *self.0 == *text };
        let Some(mut text) = text.strip_prefix(head) else { return false };
        let mut pieces = rest.split('*').peekable();
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return text.ends_with(piece);
            }
            // The earliest place leaves most room to what follows.
            let Some(at) = text.find(piece) else { return false };
            text = &text[at + piece.len()..];
        }
        true
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The series whose name and labels fit all patterns. A label that a series lacks has the empty value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Of the metric name.
    pub name: Pattern,
    /// Of the values of labels.
    pub labels: Vec<(String, Pattern)>,
}

impl Selector {
    /// Whether the series is among them.
    pub fn matches(&self, series: &Series) -> bool {
        let fits = |(label, pattern): &(String, Pattern)| pattern.matches(series.label(label).unwrap_or_default());
        self.name.matches(series.name()) && self.labels.iter().all(fits)
    }
}

impl fmt::Display for Selector {
    /// As a selector of PromQL looks, with patterns for values: `debug_*{env="dev*"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        for (place, (label, pattern)) in self.labels.iter().enumerate() {
            write!(f, "{}{label}={pattern:?}", if place == 0 { "{" } else { "," })?;
        }
        f.write_str(if self.labels.is_empty() { "" } else { "}" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let check = |pattern: &str, text: &str, fits: bool| {
            assert_eq!(Pattern::new(pattern).matches(text), fits, "{pattern} on {text}");
        };
        check("http_requests_total", "http_requests_total", true);
        check("http_requests", "http_requests_total", false);
        check("", "", true);
        check("", "x", false);
        check("*", "", true);
        check("*", "anything", true);
        check("http_*", "http_", true);
        check("http_*", "ahttp_x", false);
        check("*_total", "http_total", true);
        check("*_total", "http_total_x", false);
        check("a*b*c", "a_b_b_c", true);
        check("a*b*c", "acb", false);
        check("a*a", "a", false);
        check("*ab", "aab", true);
        check("*a*", "bab", true);
        check("**", "x", true);
    }

    #[test]
    fn patterns_of_stars_fit_anything_and_are_known_for_it() {
        let any = ["*", "**", "", "a*", "*a"].map(|text| Pattern::new(text).is_any());
        assert_eq!(any, [true, true, false, false, false]);
        let labels = vec![("env".into(), Pattern::new("dev*")), ("pod".into(), Pattern::new(""))];
        assert_eq!(Selector { name: Pattern::new("x_*"), labels }.to_string(), r#"x_*{env="dev*",pod=""}"#);
        assert_eq!(Selector { name: Pattern::new("*"), labels: Vec::new() }.to_string(), "*");
    }

    #[test]
    fn all_patterns_must_fit() {
        let labels = vec![("env".into(), Pattern::new("dev*")), ("pod".into(), Pattern::new(""))];
        let selector = Selector { name: Pattern::new("x"), labels };
        let check = |series: Series, fits: bool| assert_eq!(selector.matches(&series), fits, "{series}");
        check(Series::new("x", [("env", "dev1")]), true);
        check(Series::new("y", [("env", "dev1")]), false);
        check(Series::new("x", [("env", "prod")]), false);
        check(Series::new("x", [("env", "dev1"), ("pod", "1")]), false);
        check(Series::named("x"), false);
    }
}
