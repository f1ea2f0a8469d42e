//! Regular expressions of rules, routes and silences.

use regex::Regex;

/// An expression as written.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|fault| format!("bad regular expression {text:?}: {}", last_line(&fault.to_string())))
}

/// One that must hold from the first character to the last.
pub(crate) fn whole(text: &str) -> Result<Regex, String> {
    pattern(text)?;
    pattern(&format!("^(?s:{text})$"))
}

/// The library draws the place over several lines; the last says what it is.
fn last_line(fault: &str) -> &str {
    fault.lines().last().unwrap_or(fault).trim_start_matches("error: ")
}
