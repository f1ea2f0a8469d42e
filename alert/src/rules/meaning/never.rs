//! Expressions that can never have a result: contradictions that can be seen without data.

use weir_query::MatchOp;
use weir_query::syntax::ValueType;
use weir_query::syntax::{AggregateExpr, BinaryExpr, Call, Expr, VectorSelector};

use super::bounds::Bounds;

/// Why an expression can never have a result; `None` if it may.
pub(crate) fn never(expr: &Expr) -> Option<String> {
    let expr = expr.bare();
    let reason = match expr {
        Expr::VectorSelector(selector) => never_matches(selector),
        Expr::MatrixSelector(matrix) => never_matches(&matrix.vs),
        Expr::Call(call) => never_called(call),
        Expr::Binary(binary) => never_both(binary),
        // A sum of nothing is nothing, and so is what is made of it.
        Expr::Aggregate(aggregate) => never(&aggregate.expr),
        Expr::Unary(unary) => never(&unary.expr),
        Expr::Subquery(sub) => never(&sub.expr),
        _ => None,
    };
    reason.or_else(|| {
        let is_vector = expr.value_type() == ValueType::Vector;
        (is_vector && bounds(expr).is_empty()).then(|| format!("no number passes \"{expr}\""))
    })
}

/// Why parts of an expression that it can do without never have a result.
pub(crate) fn never_in_parts(expr: &Expr) -> Option<String> {
    let absent = matches!(expr.bare(), Expr::Call(call) if call.func.name.starts_with("absent"));
    let part = |child: &&Expr| child.value_type() != ValueType::Scalar && !absent;
    expr.children().into_iter().filter(part).find_map(|child| never(child).or_else(|| never_in_parts(child)))
}

fn never_matches(selector: &VectorSelector) -> Option<String> {
    let matchers = weir_query::matchers(selector).ok()?;
    let equal = matchers.iter().filter(|matcher| matcher.op() == MatchOp::Equal);
    for matcher in equal {
        let against = matchers.iter().find(|m| m.label() == matcher.label() && !m.accepts(matcher.value()));
        if against.is_some() {
            let (label, value) = (matcher.label(), matcher.value());
            return Some(format!("no series has {label}={value:?} and meets the other condition on {label}"));
        }
    }
    None
}

fn never_called(call: &Call) -> Option<String> {
    let args: Vec<&Expr> = call.args.iter().map(|arg| arg.bare()).collect();
    match (call.func.name, args.as_slice()) {
        ("absent", [arg]) if always_there(arg) => Some(format!("\"{arg}\" always has a result, so it is never absent")),
        ("absent" | "absent_over_time", _) => None,
        // The vector is the first argument or the last.
        (_, args) => args.iter().filter(|arg| arg.value_type() != ValueType::Scalar).find_map(|arg| never(arg)),
    }
}

fn never_both(binary: &BinaryExpr) -> Option<String> {
    let (left, right) = (binary.lhs.bare(), binary.rhs.bare());
    match binary.op {
        "or" => never(left).filter(|_| never(right).is_some()),
        "unless" if is_same_or_wider(right, left) => Some(format!("\"{right}\" has whatever \"{left}\" has")),
        "unless" => never(left),
        "and" => never(left).or_else(|| never(right)).or_else(|| {
            let both = base(left).to_string() == base(right).to_string() && binary.modifier_is_plain();
            let empty = both && bounds(left).and(bounds(right)).is_empty();
            empty.then(|| format!("no number passes both \"{left}\" and \"{right}\""))
        }),
        _ => [left, right].into_iter().filter(|side| side.value_type() == ValueType::Vector).find_map(never),
    }
}

trait Plain {
    fn modifier_is_plain(&self) -> bool;
}

impl Plain for BinaryExpr {
    fn modifier_is_plain(&self) -> bool {
        self.modifier.as_ref().is_none_or(|modifier| modifier.matching.is_none())
    }
}

/// What is compared with numbers: `x` in `(x > 1) < 3`.
fn base(expr: &Expr) -> &Expr {
    match expr.bare() {
        Expr::Binary(binary) if filters(binary) && binary.rhs.value_type() == ValueType::Scalar => base(&binary.lhs),
        Expr::Binary(binary) if filters(binary) && binary.lhs.value_type() == ValueType::Scalar => base(&binary.rhs),
        other => other,
    }
}

fn is_same_or_wider(wide: &Expr, narrow: &Expr) -> bool {
    let same = wide.to_string() == narrow.to_string();
    same || (base(narrow).to_string() == wide.to_string() && !matches!(wide, Expr::Binary(_)))
}

fn filters(binary: &BinaryExpr) -> bool {
    let bool_asked = binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool);
    binary.is_comparison() && !bool_asked
}

/// Whether an expression has a result whatever the data.
fn always_there(expr: &Expr) -> bool {
    match expr.bare() {
        Expr::Call(call) if call.func.name == "vector" => true,
        Expr::Call(call) => call.args.is_empty() && call.func.return_type == ValueType::Vector,
        Expr::Binary(binary) if binary.op == "or" => always_there(&binary.lhs) || always_there(&binary.rhs),
        Expr::Binary(binary) if !filters(binary) && !["and", "unless"].contains(&binary.op) => {
            let sides = [&*binary.lhs, &*binary.rhs];
            sides.iter().all(|side| side.value_type() == ValueType::Scalar || always_there(side))
        }
        Expr::Aggregate(aggregate) => aggregate.modifier.is_none() && always_there(&aggregate.expr),
        Expr::Unary(unary) => always_there(&unary.expr),
        _ => false,
    }
}

/// Between what numbers an expression's values are.
fn bounds(expr: &Expr) -> Bounds {
    match expr.bare() {
        Expr::NumberLiteral(number) if number.val.is_nan() => Bounds::NOTHING,
        Expr::NumberLiteral(number) => Bounds::between(number.val, number.val),
        Expr::Unary(unary) => Bounds::between(0.0, 0.0).computed("-", bounds(&unary.expr)),
        Expr::Aggregate(aggregate) => of_aggregate(aggregate),
        Expr::Binary(binary) => of_binary(binary),
        Expr::Call(call) => of_call(call),
        _ => Bounds::ANY,
    }
}

fn of_aggregate(aggregate: &AggregateExpr) -> Bounds {
    match aggregate.op {
        "count" | "count_values" => Bounds::from(1.0),
        "group" => Bounds::between(1.0, 1.0),
        "stddev" | "stdvar" => Bounds::from(0.0),
        "sum" if bounds(&aggregate.expr).and(Bounds::between(f64::NEG_INFINITY, 0.0)).only() == Some(0.0) => {
            Bounds::from(0.0)
        }
        "sum" | "quantile" => Bounds::ANY,
        _ => bounds(&aggregate.expr),
    }
}

fn of_binary(binary: &BinaryExpr) -> Bounds {
    let (left, right) = (bounds(&binary.lhs), bounds(&binary.rhs));
    let op = binary.op;
    let vectors = [&binary.lhs, &binary.rhs].map(|side| side.value_type() == ValueType::Vector);
    match op {
        "or" => left.or(right),
        "and" | "unless" => left,
        _ if !binary.is_comparison() => left.computed(op, right),
        _ if !filters(binary) => Bounds::between(0.0, 1.0),
        // `1 < x` keeps the values of x.
        _ if vectors == [false, true] => right.compared(mirrored(op), left),
        _ => left.compared(op, right),
    }
}

fn mirrored(op: &str) -> &str {
    match op {
        "<" => ">",
        ">" => "<",
        "<=" => ">=",
        ">=" => "<=",
        same => same,
    }
}

/// What functions promise. Rates are of counters, which only grow.
fn of_call(call: &Call) -> Bounds {
    let args: Vec<&Expr> = call.args.iter().map(|arg| arg.bare()).collect();
    match (call.func.name, args.as_slice()) {
        ("absent" | "absent_over_time" | "present_over_time", _) => Bounds::between(1.0, 1.0),
        ("count_over_time", _) => Bounds::from(1.0),
        ("rate" | "irate" | "increase" | "changes" | "resets" | "abs" | "exp" | "sqrt" | "stddev_over_time", _)
        | ("stdvar_over_time" | "histogram_count" | "time" | "mad_over_time", _) => Bounds::from(0.0),
        ("histogram_fraction", _) => Bounds::between(0.0, 1.0),
        ("sgn", _) => Bounds::between(-1.0, 1.0),
        ("hour", _) => Bounds::between(0.0, 23.0),
        ("minute", _) => Bounds::between(0.0, 59.0),
        ("month", _) => Bounds::between(1.0, 12.0),
        ("day_of_month" | "days_in_month", _) => Bounds::between(1.0, 31.0),
        ("day_of_week", _) => Bounds::between(0.0, 6.0),
        ("day_of_year", _) => Bounds::between(1.0, 366.0),
        ("clamp_min", [vector, low]) => bounds(vector).compared(">=", bounds(low)).or(bounds(low)),
        ("clamp_max", [vector, high]) => bounds(vector).compared("<=", bounds(high)).or(bounds(high)),
        ("vector" | "scalar" | "sort" | "sort_desc" | "label_replace" | "label_join", [inner, ..]) => bounds(inner),
        _ => Bounds::ANY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Expression;

    fn is_never(text: &str) -> bool {
        never(Expression::parse(text).unwrap().tree()).is_some()
    }

    #[test]
    fn contradictions_are_seen() {
        for text in [
            "x > 1 and x < 0",
            "(x > 1) and (0 > x)",
            "x > 5 < 3",
            "vector(1) == 0",
            "count(x) == 0",
            "count by (job) (x) < 1",
            "absent(x) == 0",
            "absent(vector(1))",
            "absent(sum(x) or vector(0))",
            "absent(sum(vector(1)))",
            "x{a=\"1\",a=\"2\"}",
            "rate(x{job=\"a\",job!~\"a|b\"}[5m]) > 0",
            "hour() > 24",
            "rate(x[5m]) < 0",
            "100 * sum(rate(x[5m])) < -1",
            "x unless x",
            "x > 3 unless x",
            "(x > bool 1) > 1",
            "sum(x > 1 and x < 0) > 5",
            "clamp_max(x, 10) > 10",
            "count(x) - 1 < 0",
            "x == NaN",
            "(x > 1 and x < 0) or vector(0) == 1",
        ] {
            assert!(is_never(text), "{text}");
        }
    }

    #[test]
    fn what_may_be_true_is_left_alone() {
        for text in [
            "x > 1 and x < 5",
            "x > 1 and on () x < 0",
            "x{a=\"1\"} > 1 and x{a=\"2\"} < 0",
            "x > 1 and y < 0",
            "x >= 1 <= 1",
            "vector(1)",
            "absent(x)",
            "absent(x) == 1",
            "absent(x > 1 and x < 0)",
            "count(x) > 0",
            "x > 1 or x < 0",
            "x unless x > 1",
            "x unless on (job) y",
            "hour() >= 23",
            "sum(x) < 0",
            "rate(x[5m]) <= 0",
            "clamp_min(x, 10) < 11",
            "-x > 1",
            "10 - count(x) < 5",
            "x != 1",
            "deriv(x[5m]) < 0",
            "x > y",
            "sum(x > 0 or vector(0)) > 1",
            "x / 0 > 1",
            "min(x) < 0",
            "time() - x > 5",
            "up{job=\"a\",job=~\"a|b\"} == 0",
        ] {
            assert!(!is_never(text), "{text}");
        }
    }

    #[test]
    fn parts_that_can_never_be_true_are_seen() {
        let part = |text: &str| never_in_parts(Expression::parse(text).unwrap().tree()).is_some();
        assert!(part("y or (x > 1 and x < 0)"));
        assert!(part("y unless count(x) == 0"));
        assert!(!part("y or x > 1"));
        assert!(!part("absent(x > 1 and x < 0)"));
    }
}
