//! Conditions on labels.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use regex::{Regex, RegexBuilder};
use weir_sample::Series;
use weir_sample::re2::{Engine, anchored};

/// Kind of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends.
    Regex,
    /// `!~`, anchored at both ends.
    NotRegex,
}

impl MatchOp {
    /// As PromQL writes it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// One condition on one label; a label that a series does not have counts as empty.
#[derive(Clone, Debug)]
pub struct Matcher {
    label: String,
    op: MatchOp,
    value: String,
    form: Form,
    patience: Option<Arc<Patience>>,
}

/// Says whether anybody still waits for what is searched.
pub type Wanted = Arc<dyn Fn() -> bool + Send + Sync>;

/// An expression may take long for each of millions of values: now and then it is asked whether the answer is wanted.
struct Patience {
    wanted: Wanted,
    tried: AtomicUsize,
    over: AtomicBool,
}

/// Values tried between two such questions.
const TRIES: usize = 64;

#[derive(Clone, Debug)]
enum Form {
    /// One of a few values. Most regular expressions that people write are `a|b|c`.
    Literals(Vec<String>),
    Pattern(Regex),
}

/// A regular expression that does not compile, or would take too much memory.
#[derive(Clone, Debug, thiserror::Error)]
#[error("matcher on {label}: {problem}")]
pub struct BadMatcher {
    label: String,
    problem: String,
}

/// The label that stands for the metric name.
pub const NAME: &str = "__name__";

/// Compiled size of the largest pattern taken: far more than anyone types, far less than would hurt.
const PATTERN_BYTES: usize = 4 << 20;

impl Matcher {
    /// The metric name, if only one satisfies.
    pub(crate) fn exact_name(&self) -> Option<&str> {
        (self.op == MatchOp::Equal && self.label == NAME).then_some(self.value.as_str())
    }

    /// A condition; `__name__` is the metric name. Regular expressions must match the whole value.
    ///
    /// # Errors
    /// [`BadMatcher`] when a regular expression does not compile.
    pub fn new(label: &str, op: MatchOp, value: &str) -> Result<Self, BadMatcher> {
        let form = match op {
            MatchOp::Equal | MatchOp::NotEqual => Form::Literals(vec![value.to_owned()]),
            MatchOp::Regex | MatchOp::NotRegex if is_plain(value) => {
                Form::Literals(value.split('|').map(str::to_owned).collect())
            }
            MatchOp::Regex | MatchOp::NotRegex => {
                Form::Pattern(compile_regex(value).map_err(|problem| BadMatcher { label: label.to_owned(), problem })?)
            }
        };
        Ok(Self { label: label.to_owned(), op, value: value.to_owned(), form, patience: None })
    }

    /// The same condition, which names nothing more once its answer is not wanted: whoever says so must not take what it
    /// found for all.
    #[must_use]
    pub fn while_wanted(self, wanted: Wanted) -> Self {
        let patience = Patience { wanted, tried: AtomicUsize::new(0), over: AtomicBool::new(false) };
        Self { patience: Some(Arc::new(patience)), ..self }
    }

    /// The label it looks at.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its kind of comparison.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The value that it compares with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value of the label meets the condition.
    pub fn accepts(&self, value: &str) -> bool {
        self.names(value) != self.is_negative()
    }

    /// Whether a series meets the condition.
    pub fn matches(&self, series: &Series) -> bool {
        let value = if self.label == NAME { Some(series.name()) } else { series.label(&self.label) };
        self.accepts(value.unwrap_or_default())
    }

    /// Whether the condition, taken without its negation, names the value.
    pub(crate) fn names(&self, value: &str) -> bool {
        match &self.form {
            Form::Literals(literals) => literals.iter().any(|literal| literal == value),
            Form::Pattern(pattern) => {
                !self.patience.as_ref().is_some_and(|patience| patience.is_over()) && pattern.is_match(value)
            }
        }
    }

    /// The only values that [`Matcher::names`] can be true of, if they are few.
    pub(crate) fn literals(&self) -> Option<&[String]> {
        match &self.form {
            Form::Literals(literals) => Some(literals),
            Form::Pattern(_) => None,
        }
    }

    pub(crate) fn is_negative(&self) -> bool {
        matches!(self.op, MatchOp::NotEqual | MatchOp::NotRegex)
    }
}

/// An expression in RE2's dialect that must match the whole text, within bounds of memory.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn compile_regex(expression: &str) -> Result<Regex, String> {
    let translated = anchored(expression, Engine::Full).map_err(|error| error.to_string())?;
    let built = RegexBuilder::new(&translated).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
    built.map_err(|error| error.to_string())
}

impl Patience {
    fn is_over(&self) -> bool {
        if self.tried.fetch_add(1, Relaxed).is_multiple_of(TRIES) && !(self.wanted)() {
            self.over.store(true, Relaxed);
        }
        self.over.load(Relaxed)
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("over", &self.over).finish_non_exhaustive()
    }
}

fn is_plain(pattern: &str) -> bool {
    !pattern.contains(|c: char| regex_syntax_char(c) && c != '|')
}

fn regex_syntax_char(c: char) -> bool {
    matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_for_whole_values() {
        let check = |op: MatchOp, pattern: &str, value: &str, expected: bool| {
            let matcher = Matcher::new("x", op, pattern).unwrap();
            assert_eq!(matcher.accepts(value), expected, "{op:?} {pattern:?} on {value:?}");
        };
        check(MatchOp::Equal, "a.c", "abc", false);
        check(MatchOp::NotEqual, "a", "", true);
        check(MatchOp::Regex, "a.c", "abc", true);
        check(MatchOp::Regex, "a.c", "abcd", false);
        check(MatchOp::Regex, "a|bc", "bc", true);
        check(MatchOp::Regex, "a|bc", "a|bc", false);
        check(MatchOp::Regex, "", "", true);
        check(MatchOp::Regex, ".+", "", false);
        check(MatchOp::Regex, ".*", "two\nlines", true);
        check(MatchOp::NotRegex, "a|b", "c", true);
        check(MatchOp::NotRegex, "a|b", "b", false);
        assert!(Matcher::new("x", MatchOp::Regex, "(").is_err());
    }

    #[test]
    fn a_search_that_nobody_waits_for_ends() {
        let matcher = Matcher::new("x", MatchOp::Regex, "a.*").unwrap();
        let left = AtomicUsize::new(2);
        let wanted = move || left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
        let matcher = matcher.while_wanted(Arc::new(wanted));
        assert_eq!((0..1_000).filter(|_| matcher.accepts("ab")).count(), 2 * TRIES);
    }

    #[test]
    fn expressions_are_those_of_re2() {
        let check = |pattern: &str, value: &str, expected: bool| {
            let matcher = Matcher::new("x", MatchOp::Regex, pattern).unwrap();
            assert_eq!(matcher.accepts(value), expected, "{pattern:?} on {value:?}");
        };
        check("/x/{id}", "/x/{id}", true);
        check("[d&&e]", "&", true);
        check("[[d]x", "[x", true);
        check(r"\Qa.b\E", "a.b", true);
        check(r"\Qa.b\E", "aab", false);
        check(r"\d", "٣", false);
        check(r"\pN", "٣", true);
        check(r"\w", "é", false);
        check(r"[^\w]", "é", true);
        check(r"\s", "\u{B}", false);
        check(r"\s", "\u{A0}", false);
        check("(?i)k", "\u{212A}", true);
        check(r".+\b.+", "aé", true);
        check(r".+\B.+", "ab", true);
        check(r"\p{Greek}+", "αβ", true);
        check(r"[[:word:]\D]+", "a-", true);
        ["x**", "x{1001}", "(?x)a", "[a--b]", r"\C", r"\p{Alphabetic}", r"(\pL{1000}){2}"]
            .iter()
            .for_each(|refused| assert!(Matcher::new("x", MatchOp::Regex, refused).is_err(), "{refused}"));
    }
}
