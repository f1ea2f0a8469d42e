//! How the evaluation of a rule went.

use std::time::Duration;

/// How the last evaluation of a rule went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// Its event time in milliseconds; `None` before the first.
    pub evaluated_at: Option<i64>,
    /// Why it failed, or what of its result was left out.
    pub last_error: Option<String>,
    /// What it took.
    pub duration: Duration,
    /// Elements of the result.
    pub elements: usize,
    /// Series read; `None` if the engine does not say.
    pub series_read: Option<u64>,
    /// Samples read.
    pub samples_read: u64,
    /// The result is empty, and so is everything it was made of: that is no good news.
    pub no_data: bool,
    /// Failures since the start.
    pub failures: u64,
    /// Template errors since the start.
    pub template_errors: u64,
}

impl Health {
    /// Prometheus' word: `ok`, `err` or `unknown`.
    pub fn word(&self) -> &'static str {
        match (&self.last_error, self.evaluated_at) {
            (Some(_), _) => "err",
            (None, Some(_)) => "ok",
            (None, None) => "unknown",
        }
    }
}
