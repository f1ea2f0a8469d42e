//! A series' identity: metric name and sorted labels, in one canonical string.

use std::borrow::Cow;
use std::fmt;

/// A metric name and its label set, labels sorted by name, empty values left out. Names are any UTF-8, as Prometheus 3 has them.
///
/// Kept as one string, `name ␁ label ␂ value ␁ label ␂ value …`, so that equality, ordering, hashing and front coding
/// are plain byte operations. ␁ and ␂ (U+0001, U+0002) sort before every character of a name, and are replaced in values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series(Box<str>);

const LABEL: char = '\u{1}';
const VALUE: char = '\u{2}';

impl Series {
    /// A series without labels.
    pub fn named(name: &str) -> Self {
        SeriesBuilder::new(name).build()
    }

    /// A series from its name and labels in any order; a label named twice keeps its last value.
    pub fn new<'a>(name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut builder = SeriesBuilder::new(name);
        for (label, value) in labels {
            builder.label(label, value);
        }
        builder.build()
    }

    /// Takes a canonical key as written by [`Series::key`]; `None` if it is not canonical.
    pub fn from_key(key: &str) -> Option<Self> {
        let mut parts = key.split(LABEL);
        if !is_name(parts.next()?) {
            return None;
        }
        let mut previous = "";
        for part in parts {
            let (label, value) = part.split_once(VALUE)?;
            if value.is_empty() || value.contains(VALUE) || !is_name(label) || label <= previous {
                return None;
            }
            previous = label;
        }
        Some(Self(key.into()))
    }

    /// Takes a key that was put together from checked parts in the right order.
    pub fn from_checked_key(key: String) -> Self {
        debug_assert!(Self::from_key(&key).is_some(), "{key:?} is not canonical");
        Self(key.into_boxed_str())
    }

    /// The canonical string.
    pub fn key(&self) -> &str {
        &self.0
    }

    /// The metric name.
    pub fn name(&self) -> &str {
        self.0.split(LABEL).next().unwrap_or_default()
    }

    /// Labels in order of their names, without the metric name.
    pub fn labels(&self) -> Labels<'_> {
        let rest = self.0.find(LABEL).map_or("", |at| &self.0[at + 1..]);
        Labels { rest }
    }

    /// The value of one label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels().find_map(|(label, value)| (label == name).then_some(value))
    }

    /// The same series with one label set; an empty value takes the label away.
    pub fn with_label(&self, name: &str, value: &str) -> Self {
        let mut builder = SeriesBuilder::from(self);
        builder.label(name, value);
        builder.build()
    }

    /// The same labels under another metric name.
    pub fn with_name(&self, name: &str) -> Self {
        let labels = self.0.find(LABEL).map_or("", |at| &self.0[at..]);
        Self(format!("{}{labels}", clean_name(name)).into())
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// PromQL's spelling: `name{label="value"}`, or `{"a name","a label"="value"}`.
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut open = "{";
        if is_legal_metric_name(self.name()) {
            f.write_str(self.name())?;
        } else {
            write!(f, "{{{:?}", self.name())?;
            open = ",";
        }
        for (label, value) in self.labels() {
            match is_legal_label_name(label) {
                true => write!(f, "{open}{label}={value:?}")?,
                false => write!(f, "{open}{label:?}={value:?}")?,
            }
            open = ",";
        }
        f.write_str(if open == "," { "}" } else { "" })
    }
}

/// Iterator over the labels of a [`Series`].
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Labels<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (pair, rest) = self.rest.split_once(LABEL).unwrap_or((self.rest, ""));
        self.rest = rest;
        pair.split_once(VALUE)
    }
}

/// Collects a name and labels in any order. What no name may hold is replaced, and an empty one becomes `_`.
#[derive(Clone, Debug, Default)]
pub struct SeriesBuilder {
    name: String,
    labels: Vec<(String, String)>,
}

impl SeriesBuilder {
    /// Starts a series.
    pub fn new(name: &str) -> Self {
        Self { name: clean_name(name).into_owned(), labels: Vec::new() }
    }

    /// Sets a label; an empty value takes it away.
    pub fn label(&mut self, name: &str, value: &str) -> &mut Self {
        let name = clean_name(name);
        let value = value.replace([LABEL, VALUE], "\u{FFFD}");
        match self.labels.binary_search_by(|(label, _)| label.as_str().cmp(&name)) {
            Ok(at) => self.labels[at].1 = value,
            Err(at) => self.labels.insert(at, (name.into_owned(), value)),
        }
        self
    }

    /// The finished series.
    pub fn build(&self) -> Series {
        let mut key = self.name.clone();
        for (label, value) in self.labels.iter().filter(|(_, value)| !value.is_empty()) {
            key.push(LABEL);
            key.push_str(label);
            key.push(VALUE);
            key.push_str(value);
        }
        Series(key.into())
    }
}

impl From<&Series> for SeriesBuilder {
    fn from(series: &Series) -> Self {
        let labels = series.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { name: series.name().to_owned(), labels }
    }
}

/// Whether a metric or a label may have this name: any text without U+0000, U+0001 and U+0002.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.bytes().any(|byte| byte <= VALUE as u8)
}

fn clean_name(name: &str) -> Cow<'_, str> {
    match name {
        "" => Cow::Borrowed("_"),
        _ if is_name(name) => Cow::Borrowed(name),
        _ => Cow::Owned(name.replace(|c| c <= VALUE, "\u{FFFD}")),
    }
}

/// The name with every character outside `[a-zA-Z0-9_:]` replaced by `_`; a leading digit gets a `_` before it.
pub fn legal_metric_name(name: &str) -> Cow<'_, str> {
    mend(name, is_legal_metric_name, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// The label name with every character outside `[a-zA-Z0-9_]` replaced by `_`; a leading digit gets a `_` before it.
pub fn legal_label_name(name: &str) -> Cow<'_, str> {
    mend(name, is_legal_label_name, |c| c.is_ascii_alphanumeric() || c == '_')
}

fn mend(name: &str, legal: fn(&str) -> bool, keep: fn(char) -> bool) -> Cow<'_, str> {
    if legal(name) {
        return Cow::Borrowed(name);
    }
    let mut mended = String::with_capacity(name.len() + 1);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        mended.push('_');
    }
    mended.extend(name.chars().map(|c| if keep(c) { c } else { '_' }));
    Cow::Owned(mended)
}

fn is_legal_metric_name(name: &str) -> bool {
    is_legal(name, |b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

fn is_legal_label_name(name: &str) -> bool {
    is_legal(name, |b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_legal(name: &str, keep: fn(u8) -> bool) -> bool {
    name.as_bytes().first().is_some_and(|first| !first.is_ascii_digit()) && name.bytes().all(keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_of_labels_does_not_matter_and_the_last_value_wins() {
        let a = Series::new("x", [("b", "2"), ("a", "1")]);
        let b = Series::new("x", [("a", "0"), ("a", "1"), ("b", "2"), ("empty", "")]);
        assert_eq!(a, b);
        assert_eq!(a.to_string(), r#"x{a="1",b="2"}"#);
        assert_eq!((a.name(), a.label("b"), a.label("c")), ("x", Some("2"), None));
    }

    #[test]
    fn illegal_names_are_mended() {
        let check = |name: &str, expected: &str| assert_eq!(legal_metric_name(name), expected);
        check("jobs.done-total", "jobs_done_total");
        check("9lives", "_9lives");
        check("", "_");
        check("a:b", "a:b");
        assert_eq!(legal_label_name("a:b é"), "a_b__");
    }

    #[test]
    fn names_stand_as_they_are_and_are_quoted_where_they_are_no_words() {
        let check = |series: Series, expected: &str| assert_eq!(series.to_string(), expected);
        check(Series::named("k6.a"), r#"{"k6.a"}"#);
        check(Series::new("k6.a", [("b", "1"), ("ä c", "2")]), r#"{"k6.a",b="1","ä c"="2"}"#);
        check(Series::new("x", [("b.c", "1")]), r#"x{"b.c"="1"}"#);
        check(Series::new("", [("\u{1}", "1")]), "_{\"\u{FFFD}\"=\"1\"}");
        assert_ne!(Series::named("k6.a"), Series::named("k6_a"));
    }

    #[test]
    fn labels_can_be_set_and_taken_away() {
        let series = Series::named("x").with_label("host", "a");
        assert_eq!(series.to_string(), r#"x{host="a"}"#);
        assert_eq!(series.with_label("host", ""), Series::named("x"));
        assert_eq!(series.with_name("y").to_string(), r#"y{host="a"}"#);
    }

    #[test]
    fn only_canonical_keys_are_taken_back() {
        let check = |key: &str, ok: bool| assert_eq!(Series::from_key(key).is_some(), ok, "{key:?}");
        check("x", true);
        check("x\u{1}a\u{2}1\u{1}b\u{2}2", true);
        check("x\u{1}b\u{2}1\u{1}a\u{2}2", false);
        check("x\u{1}a\u{2}1\u{1}a\u{2}2", false);
        check("x\u{1}a\u{2}", false);
        check("x\u{1}a", false);
        check("x\u{1}a\u{2}1\u{2}", false);
        check("", false);
        check("a.b\u{1}é 2\u{2}1", true);
        check("a\u{2}", false);
        check("x\u{1}a\u{0}\u{2}1", false);
    }

    proptest! {
        #[test]
        fn whatever_is_built_is_canonical(name in ".{0,12}", labels in prop::collection::vec((".{0,8}", ".{0,8}"), 0..6)) {
            let series = Series::new(&name, labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            prop_assert_eq!(Series::from_key(series.key()), Some(series.clone()));
            prop_assert_eq!(Series::new(series.name(), series.labels()), series);
        }
    }
}
