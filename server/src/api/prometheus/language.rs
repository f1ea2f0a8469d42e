//! `format_query` and `parse_query`: a query as Prometheus writes it, and as a tree.

use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use weir_query::QueryError;
use weir_query::syntax::{Expr, parse as parse_text};

use super::tree;
use crate::api::query::{Form, Parameters, refuse};

pub(super) async fn format(RawQuery(url): RawQuery, Form(form): Form) -> Response {
    answered(&Parameters::of(url.as_deref(), &form), |expr| Value::from(pretty(expr, 0)))
}

pub(super) async fn parse(RawQuery(url): RawQuery, Form(form): Form) -> Response {
    answered(&Parameters::of(url.as_deref(), &form), tree::of)
}

fn answered(parameters: &Parameters, answer: impl FnOnce(&Expr) -> Value) -> Response {
    let text = parameters.get("query").unwrap_or_default();
    match parse_text(text) {
        Ok(expr) => axum::Json(json!({ "status": "success", "data": answer(&expr) })).into_response(),
        Err(error) => refuse(&QueryError::Parse(error.told(text))),
    }
}

/// Lines are broken where they would be longer than this, as Prometheus does it.
const LINE: usize = 100;

/// An expression on as many lines as it needs, its parts indented by two.
fn pretty(expr: &Expr, depth: usize) -> String {
    let (plain, indent) = (expr.to_string(), "  ".repeat(depth));
    if plain.len() <= LINE {
        return format!("{indent}{plain}");
    }
    let inside = |parts: &[&Expr]| {
        let parts: Vec<String> = parts.iter().map(|part| pretty(part, depth + 1)).collect();
        parts.join(",\n")
    };
    // What an expression says before and after its parts.
    let around =
        |open: &str, parts: &[&Expr], close: &str| format!("{indent}{open}\n{}\n{indent}{close}", inside(parts));
    match expr {
        Expr::Aggregate(e) => {
            let head = plain.split_once('(').map_or("", |_| head_of(&plain, e.modifier.is_some()));
            let parts: Vec<&Expr> = e.param.iter().map(|param| &**param).chain([&*e.expr]).collect();
            around(head, &parts, ")")
        }
        Expr::Call(e) => around(&format!("{}(", e.func.name), &e.args.iter().collect::<Vec<_>>(), ")"),
        Expr::Paren(e) => around("(", &[&e.expr], ")"),
        Expr::Binary(e) => {
            let (left, right) = (pretty(&e.lhs, depth + 1), pretty(&e.rhs, depth + 1));
            let (lhs, rhs) = (e.lhs.to_string(), e.rhs.to_string());
            let operator = plain[lhs.len()..plain.len() - rhs.len()].trim();
            format!("{left}\n{indent}{operator}\n{right}")
        }
        Expr::Subquery(e) => {
            let tail = &plain[e.expr.to_string().len()..];
            format!("{}{tail}", pretty(&e.expr, depth))
        }
        Expr::Unary(e) => format!("{indent}-{}", pretty(&e.expr, depth).trim_start()),
        _ => format!("{indent}{plain}"),
    }
}

/// `sum by (a) (` of an aggregation's text.
fn head_of(plain: &str, has_labels: bool) -> &str {
    let labels = if has_labels { plain.find(") (").map(|at| at + 3) } else { None };
    let end = labels.or_else(|| plain.find('(').map(|at| at + 1));
    &plain[..end.unwrap_or(plain.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_queries_are_broken_into_lines_and_mean_the_same() {
        let check = |text: &str, expected: &str| {
            let expr = parse_text(text).unwrap();
            let made = pretty(&expr, 0);
            assert_eq!(made, expected, "{text}");
            assert_eq!(parse_text(&made).unwrap().to_string(), expr.to_string());
        };
        check("sum(rate(x[5m]))by(a)", "sum by (a) (rate(x[5m]))");
        let long =
            "x{aaaaaaaaaaaaaaaaaaaa=\"bbbbbbbbbbbbbbbbbbbbbbbbbbb\",ccccccccccccccccccccc=\"dddddddddddddddddddd\"}";
        check(
            &format!("sum by (a) (rate({long}[5m])) / on (a) count({long})"),
            &format!("  sum by (a) (\n    rate(\n      {long}[5m]\n    )\n  )\n/ on (a)\n  count(\n    {long}\n  )"),
        );
    }
}
