//! What went wrong, with its causes.

use std::error::Error;

/// A fault and all that caused it, in one line.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

/// The same of an HTTP request, without its address: that may hold a secret.
pub(super) fn without_address(error: reqwest::Error) -> String {
    causes(&error.without_url())
}
