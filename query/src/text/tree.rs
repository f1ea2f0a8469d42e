//! The parts of an expression.

use promql_parser::parser::Expr;

/// The expressions directly inside another.
pub(crate) fn children(expr: &Expr) -> Vec<&Expr> {
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

/// As [`children`], to be changed.
pub(super) fn children_mut(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::Aggregate(e) => e.param.iter_mut().map(|param| &mut **param).chain([&mut *e.expr]).collect(),
        Expr::Unary(e) => vec![&mut e.expr],
        Expr::Binary(e) => vec![&mut e.lhs, &mut e.rhs],
        Expr::Paren(e) => vec![&mut e.expr],
        Expr::Subquery(e) => vec![&mut e.expr],
        Expr::Call(e) => e.args.args.iter_mut().map(|arg| &mut **arg).collect(),
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
