//! One matcher.

use std::fmt;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::event::Pairs;
use crate::pattern::whole;

/// Something that has labels. One that is not there is an empty text.
pub trait Labels {
    /// A label's value.
    fn label(&self, name: &str) -> &str;
}

impl Labels for Pairs {
    fn label(&self, name: &str) -> &str {
        self.get(name).map_or("", String::as_str)
    }
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, over the whole value.
    Regex,
    /// `!~`
    NotRegex,
}

impl Operator {
    /// True of `!=` and `!~`.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotRegex)
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// A condition on one label.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Matcher {
    name: String,
    operator: Operator,
    value: String,
    regex: Option<Regex>,
}

impl Matcher {
    /// A matcher of these parts.
    ///
    /// # Errors
    /// An expression that is none, or no name.
    pub fn new(name: &str, operator: Operator, value: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Err("a matcher has no label name".into());
        }
        let is_regex = matches!(operator, Operator::Regex | Operator::NotRegex);
        let regex = if is_regex { Some(whole(value)?) } else { None };
        Ok(Self { name: name.into(), operator, value: value.into(), regex })
    }

    /// The label's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operator.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The value as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label of this value is meant.
    pub fn matches(&self, value: &str) -> bool {
        let same = self.regex.as_ref().map_or(value == self.value, |regex| regex.is_match(value));
        same != self.operator.is_negative()
    }

    fn parts(&self) -> (&str, Operator, &str) {
        (&self.name, self.operator, &self.value)
    }
}

/// True if every one of `matchers` holds.
pub fn all_match(matchers: &[Matcher], labels: &impl Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.label(&matcher.name)))
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Matcher {}

impl PartialOrd for Matcher {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Matcher {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{:?}", self.name, self.operator.symbol(), self.value)
    }
}

/// A matcher as Alertmanager's API has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "equal")]
    is_equal: bool,
}

fn equal() -> bool {
    true
}

impl TryFrom<Written> for Matcher {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let operator = match (written.is_regex, written.is_equal) {
            (false, true) => Operator::Equal,
            (false, false) => Operator::NotEqual,
            (true, true) => Operator::Regex,
            (true, false) => Operator::NotRegex,
        };
        Self::new(&written.name, operator, &written.value)
    }
}

impl From<Matcher> for Written {
    fn from(matcher: Matcher) -> Self {
        let is_regex = matcher.regex.is_some();
        Self { is_regex, is_equal: !matcher.operator.is_negative(), name: matcher.name, value: matcher.value }
    }
}
