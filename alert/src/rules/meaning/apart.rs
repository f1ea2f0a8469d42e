//! Whether an expression keeps the values of a label apart: then each element of its result is made of series alone that have the
//! element's own value, and nothing of others changes it.

use weir_query::syntax::{AggregateExpr, BinaryExpr, Call, Expr, LabelModifier};

/// Whether every element with the label is made of series alone that have its value.
pub(crate) fn keeps_apart(expr: &Expr, label: &str) -> bool {
    match expr.bare() {
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) | Expr::NumberLiteral(_) | Expr::StringLiteral(_) => true,
        Expr::Subquery(sub) => keeps_apart(&sub.expr, label),
        Expr::Unary(unary) => keeps_apart(&unary.expr, label),
        Expr::Aggregate(aggregate) => aggregate_does(aggregate, label),
        Expr::Binary(binary) => binary_does(binary, label),
        Expr::Call(call) => call_does(call, label),
        Expr::Paren(_) => false,
    }
}

fn aggregate_does(aggregate: &AggregateExpr, label: &str) -> bool {
    // Without `by` even `topk` lets elements displace one another.
    let groups_by_it = match &aggregate.modifier {
        None => false,
        Some(LabelModifier::Include(by)) => by.iter().any(|one| one == label),
        Some(LabelModifier::Exclude(without)) => !without.iter().any(|one| one == label),
    };
    let parameter = aggregate.param.as_deref().is_none_or(|param| keeps_apart(param, label));
    groups_by_it && parameter && keeps_apart(&aggregate.expr, label)
}

fn binary_does(binary: &BinaryExpr, label: &str) -> bool {
    let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
    let matches_on_it = match matching {
        None => true,
        Some(LabelModifier::Include(on)) => on.iter().any(|one| one == label),
        Some(LabelModifier::Exclude(ignoring)) => !ignoring.iter().any(|one| one == label),
    };
    matches_on_it && keeps_apart(&binary.lhs, label) && keeps_apart(&binary.rhs, label)
}

fn call_does(call: &Call, label: &str) -> bool {
    let arguments = &call.args;
    match call.func.name {
        // What these give has no label of what they read, and stands for all of it.
        "absent" | "absent_over_time" | "scalar" | "info" => false,
        "label_replace" | "label_join" if is_text(arguments.get(1), label) => false,
        _ => arguments.iter().all(|argument| keeps_apart(argument, label)),
    }
}

fn is_text(expr: Option<&Expr>, text: &str) -> bool {
    matches!(expr.map(Expr::bare), Some(Expr::StringLiteral(literal)) if literal.val == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Expression;

    #[test]
    fn hosts_are_kept_apart_unless_something_puts_them_together() {
        let check = |text: &str, apart: bool| {
            assert_eq!(keeps_apart(Expression::parse(text).unwrap().tree(), "host"), apart, "{text}");
        };
        check("rate(x{a='b'}[5m]) > 5", true);
        check("sum by (host) (x) / sum by (host) (y) > 0.5", true);
        check("sum without (cpu) (x) > 5 and y == 1", true);
        check("quantile by (host) (0.9, max_over_time(x[1h:1m]))", true);
        check("x / on (host) group_left () y", true);
        check("x / ignoring (cpu) y unless on (host, job) z", true);
        check("label_replace(x, 'h', '$1', 'host', '(.*)') > time() - 3", true);
        check("sum(x) > 5", false);
        check("sum by (job) (x)", false);
        check("sum without (host) (x)", false);
        check("topk(3, x)", false);
        check("x > scalar(avg(x))", false);
        check("x > on () group_left () avg(x)", false);
        check("x > ignoring (host) group_left () y", false);
        check("label_replace(x, 'host', '$1', 'instance', '(.*)')", false);
        check("x or absent(y)", false);
        check("quantile by (host) (scalar(y), x)", false);
    }
}
