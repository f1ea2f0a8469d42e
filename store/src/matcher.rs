//! Which series a reader asks for.

use regex::Regex;
use weir_sample::Series;

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

/// One condition on one label; a label that a series does not have counts as empty.
#[derive(Clone, Debug)]
pub struct Matcher {
    label: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

/// A regular expression that does not compile.
#[derive(Clone, Debug, thiserror::Error)]
#[error("matcher on {label}: {problem}")]
pub struct BadMatcher {
    label: String,
    problem: String,
}

/// The label that stands for the metric name.
pub const NAME: &str = "__name__";

impl Matcher {
    /// A condition; `__name__` is the metric name. Regular expressions must match the whole value.
    ///
    /// # Errors
    /// [`BadMatcher`] when a regular expression does not compile or would take too much memory.
    pub fn new(label: &str, op: MatchOp, value: &str) -> Result<Self, BadMatcher> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(
                Regex::new(&format!("^(?s:{value})$"))
                    .map_err(|error| BadMatcher { label: label.into(), problem: error.to_string() })?,
            ),
        };
        Ok(Self { label: label.into(), op, value: value.into(), regex })
    }

    /// The label it looks at.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value of the label meets the condition.
    pub fn accepts(&self, value: &str) -> bool {
        let matches = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => value == self.value,
            MatchOp::NotEqual => value != self.value,
            MatchOp::Regex => matches(),
            MatchOp::NotRegex => !matches(),
        }
    }

    /// Whether a series meets the condition.
    pub fn matches(&self, series: &Series) -> bool {
        let value = if self.label == NAME { Some(series.name()) } else { series.label(&self.label) };
        self.accepts(value.unwrap_or_default())
    }
}
