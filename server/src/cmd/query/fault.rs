//! A question that no server could read: its line, and a caret where it goes wrong.

use anyhow::{Error, anyhow};

/// The same error, with the place shown if it says one, as `1:7: parse error: …` does.
pub(crate) fn shown(promql: &str, error: Error) -> Error {
    let told = format!("{error:#}");
    match pointed(promql, &told) {
        Some(pointed) => anyhow!("{pointed}"),
        None => error,
    }
}

const MARK: &str = ": parse error: ";

fn pointed(promql: &str, told: &str) -> Option<String> {
    let (place, problem) = told.split_once(MARK)?;
    let (rest, column) = place.rsplit_once(':')?;
    let line = rest.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    let (number, column) = (line.parse::<usize>().ok()?, column.parse::<usize>().ok()?.checked_sub(1)?);
    let line = promql.split('\n').nth(number.checked_sub(1)?)?;
    // A tab is as wide as a tab.
    let before: String = line.chars().take(column).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let place = if promql.contains('\n') { format!(" in line {number}") } else { String::new() };
    Some(format!("parse error{place}: {problem}\n  {line}\n  {before}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_what_is_wrong() {
        let check = |promql: &str, told: &str, expected: Option<&str>| {
            assert_eq!(pointed(promql, told).as_deref(), expected, "{told}");
        };
        let told = r#"bad_data: invalid parameter "query": 1:5: parse error: unexpected "=""#;
        check("up{x=", told, Some("parse error: unexpected \"=\"\n  up{x=\n      ^"));
        check("a +\n\tä b", "2:4: parse error: no", Some("parse error in line 2: no\n  \tä b\n  \t  ^"));
        check("a", "9:1: parse error: no", None);
        check("a", "0:0: parse error: no", None);
        check("a", "execution: too many samples", None);
    }
}
