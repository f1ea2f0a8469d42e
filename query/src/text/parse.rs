//! Text to syntax tree: nothing that the parser or the evaluator could choke on gets past here.

use weir_store::Matcher;

use crate::error::QueryError;
use crate::syntax::{Asked, Expr, ParseError, VectorSelector};
use crate::text::matchers::{Clock, matchers};

/// Longest query; dashboards with long value lists reach a few kilobytes.
const MAX_BYTES: usize = 64 << 10;

/// Parses a query that is asked so.
pub(crate) fn parse(query: &str, asked: Asked, clock: Clock<'_>) -> Result<Expr, QueryError> {
    parse_within(query, asked, clock)?.map_err(|error| QueryError::Parse(error.told(query)))
}

/// As [`parse`], while there is time.
pub(super) fn parse_within(
    query: &str,
    asked: Asked,
    clock: Clock<'_>,
) -> Result<Result<Expr, ParseError>, QueryError> {
    if query.len() > MAX_BYTES {
        return Ok(Err(ParseError { at: 0, problem: format!("query is longer than {MAX_BYTES} bytes") }));
    }
    let expr = match crate::syntax::parse_for(query, asked) {
        Ok(expr) => expr,
        Err(error) => return Ok(Err(error)),
    };
    let mut open = vec![&expr];
    while let Some(inner) = open.pop() {
        let selector = match inner {
            Expr::VectorSelector(selector) => Some(selector),
            Expr::MatrixSelector(range) => Some(&range.vs),
            _ => None,
        };
        if let Some(selector) = selector
            && let Some(problem) = wrong_selector(selector, true, clock)?
        {
            return Ok(Err(ParseError { at: selector.place, problem }));
        }
        match inner {
            Expr::Call(call) if call.func.name == "info" => {
                if let Some(Expr::VectorSelector(labels)) = call.args.get(1)
                    && let Some(problem) = wrong_selector(labels, false, clock)?
                {
                    return Ok(Err(ParseError { at: labels.place, problem }));
                }
                open.extend(call.args.first());
            }
            _ => open.extend(inner.children()),
        }
    }
    Ok(Ok(expr))
}

/// What is wrong with the conditions of a selector, which may have to leave something out. They have expressions of their own,
/// which take time.
fn wrong_selector(selector: &VectorSelector, selects: bool, clock: Clock<'_>) -> Result<Option<String>, QueryError> {
    let matchers = match matchers(selector, clock) {
        Err(QueryError::Parse(problem)) => return Ok(Some(problem)),
        outcome => outcome?,
    };
    let is_empty = selects && selector.name.is_none() && matchers.iter().all(|matcher| matcher.accepts(""));
    Ok(is_empty.then(|| "vector selector must contain at least one non-empty matcher".into()))
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
    let expr = parse(text, Asked::default(), clock).map_err(|error| match error {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_needs_one_condition_that_no_empty_value_meets() {
        let is_right = |query: &str| parse(query, Asked::default(), &|| Ok(())).is_ok();
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
        let got = parse(query, Asked::default(), &|| Ok(())).map(|_| ()).map_err(|error| error.to_string());
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
