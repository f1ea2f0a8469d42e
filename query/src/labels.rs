//! The identity of a result: a label set whose metric name may be gone.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use weir_sample::Series;

/// Labels that say of what type and unit a metric is.
const ABOUT_METRIC: [&str; 2] = ["__type__", "__unit__"];

/// Whether a label is of the metric rather than of the series: its name, type or unit.
pub(crate) fn is_about_metric(label: &str) -> bool {
    label == METRIC_NAME || ABOUT_METRIC.contains(&label)
}

/// The label that stands for the metric name.
pub(crate) const METRIC_NAME: &str = "__name__";

const LABEL: char = '\u{1}';
const VALUE: char = '\u{2}';

/// A label set in the canonical text of [`Series::key`], except that the metric name may be empty.
/// Its copies share the text.
#[derive(Clone)]
pub struct LabelSet {
    text: Arc<str>,
    /// Where the set starts: past the metric name once that is dropped, so that dropping it copies nothing.
    from: u32,
}

impl LabelSet {
    /// The set of no labels at all.
    pub fn empty() -> Self {
        Self { text: "".into(), from: 0 }
    }

    /// A set from a metric name (may be empty) and labels in any order; a label with an empty value is left out and the
    /// last of several values counts.
    pub fn new<'a>(name: &'a str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut pairs: Vec<(&str, &str)> = labels.into_iter().collect();
        pairs.sort_by_key(|(label, _)| *label);
        let mut text = clean(name);
        for (i, (label, value)) in pairs.iter().enumerate() {
            let overruled = pairs.get(i + 1).is_some_and(|(next, _)| next == label);
            if !value.is_empty() && !overruled {
                push_label(&mut text, label, &clean(value));
            }
        }
        Self { text: text.into(), from: 0 }
    }

    /// A set from its canonical text.
    pub fn from_key(key: &str) -> Self {
        Self { text: key.into(), from: 0 }
    }

    /// The canonical text: two sets are equal when their texts are.
    pub fn key(&self) -> &str {
        &self.text[self.from as usize..]
    }

    /// The metric name; empty if there is none.
    pub fn name(&self) -> &str {
        let key = self.key();
        &key[..key.find(LABEL).unwrap_or(key.len())]
    }

    /// Labels in order of their names, without the metric name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.key().split(LABEL).skip(1).filter_map(|pair| pair.split_once(VALUE))
    }

    /// The value of a label, `__name__` included; empty if the label is not set.
    pub fn value(&self, label: &str) -> &str {
        if label == METRIC_NAME {
            return self.name();
        }
        self.labels().find_map(|(name, value)| (name == label).then_some(value)).unwrap_or_default()
    }

    /// The same set without the metric name, and without the labels that tell of the metric's type and unit.
    pub fn without_name(mut self) -> Self {
        self.from += self.name().len() as u32;
        // In order, no label that tells of the metric comes after the first that begins with a small letter.
        let may_tell = self.key().as_bytes().get(1).is_some_and(|first| *first <= b'_');
        if !may_tell || !ABOUT_METRIC.iter().any(|label| self.key().contains(label)) {
            return self;
        }
        Self::new("", self.labels().filter(|(label, _)| !is_about_metric(label)))
    }

    /// The same set with one label (or `__name__`) set; an empty value takes it away.
    pub fn with(&self, label: &str, value: &str) -> Self {
        match label {
            METRIC_NAME => Self::new(value, self.labels()),
            _ => Self::new(self.name(), self.labels().chain([(label, value)])),
        }
    }

    /// Bytes that this set holds on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.text.len()
    }
}

impl From<&Series> for LabelSet {
    fn from(series: &Series) -> Self {
        Self::from_key(series.key())
    }
}

impl PartialEq for LabelSet {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for LabelSet {}

impl PartialOrd for LabelSet {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LabelSet {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(other.key())
    }
}

impl Hash for LabelSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// PromQL's spelling: `name{label="value"}`.
impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, mut open) = (self.name(), "{");
        if name.is_empty() || weir_sample::legal_metric_name(name) == name {
            f.write_str(name)?;
        } else {
            write!(f, "{{{name:?}")?;
            open = ", ";
        }
        for (label, value) in self.labels() {
            match weir_sample::legal_label_name(label) == label {
                true => write!(f, "{open}{label}={value:?}")?,
                false => write!(f, "{open}{label:?}={value:?}")?,
            }
            open = ", ";
        }
        f.write_str(match (open, name) {
            ("{", "") => "{}",
            ("{", _) => "",
            _ => "}",
        })
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A choice of labels: these, or all but these.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    names: Vec<String>,
    keep: bool,
}

impl Choice {
    /// Only `names`.
    pub(crate) fn only(names: &[String]) -> Self {
        Self { names: sorted(names), keep: true }
    }

    /// All but `names`; the metric's name, type and unit are left out as well.
    pub(crate) fn all_but(names: &[String]) -> Self {
        Self { names: sorted(names), keep: false }
    }

    /// Writes the canonical text of what is chosen from `labels` over `key`.
    pub(crate) fn write(&self, labels: &LabelSet, key: &mut String) {
        key.clear();
        if self.keep && self.has(METRIC_NAME) {
            key.push_str(labels.name());
        }
        if self.keep && self.names.is_empty() {
            return;
        }
        for (label, value) in labels.labels() {
            if self.has(label) == self.keep && (self.keep || !ABOUT_METRIC.contains(&label)) {
                push_label(key, label, value);
            }
        }
    }

    /// The chosen part of `labels`.
    pub(crate) fn of(&self, labels: &LabelSet) -> LabelSet {
        let mut key = String::new();
        self.write(labels, &mut key);
        LabelSet::from_key(&key)
    }

    fn has(&self, label: &str) -> bool {
        self.names.iter().any(|name| name == label)
    }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    names
}

fn push_label(text: &mut String, label: &str, value: &str) {
    text.push(LABEL);
    text.push_str(label);
    text.push(VALUE);
    text.push_str(value);
}

/// The separators of the canonical text are no part of any name or value.
fn clean(text: &str) -> String {
    text.replace([LABEL, VALUE], "\u{FFFD}")
}

/// Whether a label may have this name.
pub(crate) fn is_label_name(name: &str) -> bool {
    weir_sample::is_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_without_its_name_equals_one_that_never_had_it() {
        let named = LabelSet::new("x", [("b", "2"), ("a", "1"), ("gone", "")]);
        assert_eq!(named.to_string(), r#"x{a="1", b="2"}"#);
        assert_eq!(named.clone().without_name(), LabelSet::new("", [("a", "1"), ("b", "2")]));
        assert_eq!(LabelSet::new("x", []).without_name(), LabelSet::empty());
        assert_eq!(LabelSet::empty().to_string(), "{}");
        assert_eq!(LabelSet::new("a.b", [("c", "1"), ("d e", "2")]).to_string(), r#"{"a.b", c="1", "d e"="2"}"#);
    }

    #[test]
    fn labels_are_set_and_taken_away() {
        let set = LabelSet::new("x", [("a", "1")]);
        assert_eq!(set.with("b", "2").with("a", "").to_string(), r#"x{b="2"}"#);
        assert_eq!(set.with("__name__", "y").to_string(), r#"y{a="1"}"#);
        assert_eq!((set.value("a"), set.value("__name__"), set.value("c")), ("1", "x", ""));
    }

    #[test]
    fn choices_keep_or_leave_labels() {
        let set = LabelSet::new("x", [("a", "1"), ("b", "2")]);
        let check = |choice: Choice, expected: &str| assert_eq!(choice.of(&set).to_string(), expected);
        let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        check(Choice::only(&names(&["b", "c"])), r#"{b="2"}"#);
        check(Choice::only(&names(&["__name__"])), "x");
        check(Choice::only(&[]), "{}");
        check(Choice::all_but(&names(&["b"])), r#"{a="1"}"#);
        check(Choice::all_but(&[]), r#"{a="1", b="2"}"#);
    }
}
