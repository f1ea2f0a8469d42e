//! Text to syntax tree: nothing that the parser or the evaluator could choke on gets past here.

use std::panic::catch_unwind;

use promql_parser::parser::{Expr, VectorSelector, parse as parse_promql};
use weir_store::Matcher;

use crate::error::QueryError;
use crate::text::literals::Taken;
use crate::text::matchers::{Clock, matchers};
use crate::text::tree::children;
use crate::text::{numbers, plus};

/// Longest query; dashboards with long value lists reach a few kilobytes.
const MAX_BYTES: usize = 64 << 10;

/// Operators and parentheses in a query. Parsing and dropping the tree recurse, and stacks are 2 MiB.
const MAX_NESTING_TOKENS: usize = 1_500;

/// Depth of a tree that is evaluated.
const MAX_DEPTH: usize = 128;

/// Parses a query.
pub(crate) fn parse(query: &str, clock: Clock<'_>) -> Result<Expr, QueryError> {
    if query.len() > MAX_BYTES {
        return Err(QueryError::parse(format!("query is longer than {MAX_BYTES} bytes")));
    }
    let taken = Taken::out_of(query).map_err(QueryError::parse)?;
    if nesting_tokens(&taken.text) > MAX_NESTING_TOKENS {
        return Err(QueryError::parse(format!("query has more than {MAX_NESTING_TOKENS} operators and parentheses")));
    }
    if let Some(number) = numbers::too_large(&taken.text) {
        return Err(QueryError::parse(format!("number {number} is out of range")));
    }
    let tree = |text: &str| tree(text).map_err(|error| QueryError::parse(taken.in_error(&error)));
    if let Some(signed) = plus::as_minus(&taken.text) {
        tree(&signed)?;
    }
    let mut expr = tree(&taken.text)?;
    check_depth(&expr)?;
    taken.put_into(&mut expr);
    check_selectors(&expr, clock)?;
    Ok(expr)
}

/// The conditions of a series selector such as `x{host="a"}`, as the API's `match[]` has it.
///
/// # Errors
/// [`QueryError::Parameter`] if the text is no selector, or one that an instant makes no sense of.
pub fn selector(text: &str) -> Result<Vec<Matcher>, QueryError> {
    selector_within(text, &|| Ok(()))
}

/// As [`selector`], while there is time.
pub(crate) fn selector_within(text: &str, clock: Clock<'_>) -> Result<Vec<Matcher>, QueryError> {
    let wrong =
        |problem: &dyn std::fmt::Display| QueryError::Parameter(format!("invalid parameter \"match[]\": {problem}"));
    let expr = parse(text, clock).map_err(|error| match error {
        QueryError::Parse(problem) => wrong(&problem),
        error => error,
    })?;
    match expr {
        Expr::VectorSelector(selector) if selector.at.is_none() && selector.offset.is_none() => {
            matchers(&selector, clock)
        }
        _ => Err(wrong(&format_args!("{text} is no series selector"))),
    }
}

/// The parser turns some numbers into durations without a check, which panics when they are negative or too large.
fn tree(text: &str) -> Result<Expr, String> {
    catch_unwind(|| parse_promql(text)).unwrap_or_else(|_| Err("a duration or number is out of range".into()))
}

/// Counts what can nest; strings have been taken out.
fn nesting_tokens(query: &str) -> usize {
    let mut count = 0;
    let mut previous = b' ';
    for byte in query.bytes() {
        count += match byte {
            b'(' | b'[' | b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'=' | b'<' | b'>' | b'!' => 1,
            // Operators that are words stand between spaces.
            byte => usize::from(byte.is_ascii_whitespace() && !previous.is_ascii_whitespace()),
        };
        previous = byte;
    }
    count
}

fn check_depth(root: &Expr) -> Result<(), QueryError> {
    let mut open = vec![(root, 1)];
    while let Some((expr, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(QueryError::parse(format!("query nests deeper than {MAX_DEPTH} levels")));
        }
        open.extend(children(expr).into_iter().map(|child| (child, depth + 1)));
    }
    Ok(())
}

/// What the parser cannot know of selectors whose texts it has not seen.
fn check_selectors(root: &Expr, clock: Clock<'_>) -> Result<(), QueryError> {
    let mut open = vec![root];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::VectorSelector(selector) => check_selector(selector, clock)?,
            Expr::MatrixSelector(range) => check_selector(&range.vs, clock)?,
            _ => {}
        }
        open.extend(children(expr));
    }
    Ok(())
}

fn check_selector(selector: &VectorSelector, clock: Clock<'_>) -> Result<(), QueryError> {
    let matchers = matchers(selector, clock)?;
    if selector.name.is_none() && matchers.iter().all(|matcher| matcher.accepts("")) {
        return Err(QueryError::parse("vector selector must contain at least one non-empty matcher"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_needs_one_condition_that_no_empty_value_meets() {
        let is_right = |query: &str| parse(query, &|| Ok(())).is_ok();
        for right in
            [r#"{host!=""}"#, r#"{host!~""}"#, r#"{a!~".*"}"#, r#"{a!="",b!="x"}"#, r#"{a=~".+"}"#, r#"x{a!="b"}"#]
        {
            assert!(is_right(right), "{right}");
        }
        for wrong in ["{}", r#"{a=""}"#, r#"{a!="x"}"#, r#"{a=~".*"}"#, r#"{a!~".+"}"#] {
            assert!(!is_right(wrong), "{wrong}");
        }
    }

    fn check(query: &str, expected: Result<(), &str>) {
        let got = parse(query, &|| Ok(())).map(|_| ()).map_err(|error| error.to_string());
        match (&got, expected) {
            (Ok(()), Ok(())) => {}
            (Err(got), Err(part)) if got.contains(part) => {}
            _ => panic!("{}: {got:?}, not {expected:?}", &query[..query.len().min(60)]),
        }
    }

    #[test]
    fn hostile_queries_are_refused() {
        check("x[5m", Err("parse error"));
        check("", Err("no expression"));
        check("x[-5m]", Err("parse error"));
        check("x[1e300]", Err("out of range"));
        check("x offset 1e300", Err("out of range"));
        check(&"(".repeat(100_000), Err("longer than"));
        check(&"(".repeat(60_000), Err("operators"));
        check(&format!("{}x", "-".repeat(1_400)), Err("deeper"));
        check(&format!("{}1{}", "(".repeat(1_400), ")".repeat(1_400)), Err("deeper"));
        check(&format!("1{}", "+1".repeat(1_400)), Err("deeper"));
        check(&format!("x{{a=~\"{}\"}}", "-+(".repeat(10_000)), Err("nests too deeply"));
        check("+up[5m]", Err("unary expression only allowed"));
        check("up == 1e400", Err("out of range"));
        check("{job=~\".*\"}", Err("non-empty matcher"));
        check("up{a=`x", Err("unterminated raw string"));
    }

    #[test]
    fn large_but_flat_queries_are_taken() {
        check(&format!("x{{a=~\"{}\"}}", "a-b|".repeat(10_000)), Ok(()));
        check(&format!("x{}", " or x".repeat(100)), Ok(()));
        check("sum by (\"a\") (+up{i=~`a\\.b{x}.*`} + 1e+5)", Ok(()));
    }
}
