//! What is wrong with a text, and where.

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The byte at which it goes wrong.
    pub at: usize,
    /// What is wrong.
    pub problem: String,
}

impl ParseError {
    pub(super) fn new(at: usize, problem: impl Into<String>) -> Self {
        Self { at, problem: problem.into() }
    }

    /// `line:column: parse error: …`, as Prometheus says it; both count from one.
    pub fn told(&self, text: &str) -> String {
        format!("{}: parse error: {}", place(text, self.at), self.problem)
    }
}

/// Line and column of a byte, from one.
pub fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    format!("{line}:{}", before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}
