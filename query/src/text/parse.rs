//! Text to syntax tree: nothing that the parser or the evaluator could choke on gets past here.

use std::panic::catch_unwind;

use promql_parser::parser::{Expr, parse as parse_promql};

use crate::error::QueryError;

/// Longest query; dashboards with long value lists reach a few kilobytes.
const MAX_BYTES: usize = 64 << 10;

/// Operators and parentheses in a query. Parsing and dropping the tree recurse, and stacks are 2 MiB.
const MAX_NESTING_TOKENS: usize = 1_500;

/// Depth of a tree that is evaluated.
const MAX_DEPTH: usize = 128;

/// Parses a query.
pub(crate) fn parse(query: &str) -> Result<Expr, QueryError> {
    if query.len() > MAX_BYTES {
        return Err(QueryError::parse(format!("query is longer than {MAX_BYTES} bytes")));
    }
    if nesting_tokens(query) > MAX_NESTING_TOKENS {
        return Err(QueryError::parse(format!("query has more than {MAX_NESTING_TOKENS} operators and parentheses")));
    }
    // The parser turns some numbers into durations without a check, which panics when they are negative or too large.
    let parsed = catch_unwind(|| parse_promql(query));
    let expr = parsed.unwrap_or_else(|_| Err("a duration or number is out of range".into()));
    let expr = expr.map_err(QueryError::parse)?;
    check_depth(&expr)?;
    Ok(expr)
}

/// Counts what can nest, outside of quoted strings.
fn nesting_tokens(query: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    let mut count = 0;
    let mut previous = b' ';
    for byte in query.bytes() {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(b'"' | b'\''), b'\\') => escaped = true,
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'(' | b'[' | b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'=' | b'<' | b'>' | b'!') => count += 1,
            // Operators that are words stand between spaces.
            (None, byte) => count += usize::from(byte.is_ascii_whitespace() && !previous.is_ascii_whitespace()),
        }
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

fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(e) => e.param.iter().map(|param| &**param).chain([&*e.expr]).collect(),
        Expr::Unary(e) => vec![&e.expr],
        Expr::Binary(e) => vec![&e.lhs, &e.rhs],
        Expr::Paren(e) => vec![&e.expr],
        Expr::Subquery(e) => vec![&e.expr],
        Expr::Call(e) => e.args.args.iter().map(|arg| &**arg).collect(),
        _ => Vec::new(),
    }
}

/// The expression inside any parentheses.
pub(crate) fn unwrap_parens(mut expr: &Expr) -> &Expr {
    while let Expr::Paren(inner) = expr {
        expr = &inner.expr;
    }
    expr
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Result<(), &str>) {
        let got = parse(query).map(|_| ()).map_err(|error| error.to_string());
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
        check(&format!("x{{a=~\"{}\"}}", "-+(".repeat(10_000)), Err("regex"));
    }

    #[test]
    fn large_but_flat_queries_are_taken() {
        check(&format!("x{{a=~\"{}\"}}", "a-b|".repeat(10_000)), Ok(()));
        check(&format!("x{}", " or x".repeat(100)), Ok(()));
    }
}
