//! Which metric names the elements of an expression have, and with it: where two of them may come to have the same labels.

use crate::syntax::ValueType;
use crate::syntax::{AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector};
use weir_store::MatchOp;

use crate::labels::METRIC_NAME;

/// The metric names of an expression's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names<'e> {
    /// None has one.
    Nameless,
    /// All have this one.
    Only(&'e str),
    Various,
}

/// Whether elements of an expression may end up with the same labels, which is an error where both have values at a step.
pub(crate) fn may_double(expr: &Expr) -> bool {
    let of = |inner: &Expr| names(inner) == Names::Various;
    match expr {
        Expr::Unary(e) => of(&e.expr),
        Expr::Binary(e) => match (drops_name(e), e.lhs.value_type(), e.rhs.value_type()) {
            (true, ValueType::Vector, ValueType::Scalar) => of(&e.lhs),
            (true, ValueType::Scalar, ValueType::Vector) => of(&e.rhs),
            _ => false,
        },
        Expr::Call(call) if keeps_name(call) || call.func.name.starts_with("absent") => false,
        Expr::Call(call) => argument(call).is_some_and(of),
        _ => false,
    }
}

/// Whether what an expression yields at all steps comes as one row per label set.
pub(crate) fn is_joined(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(e) => is_joined(&e.expr),
        Expr::Unary(_) => true,
        Expr::Binary(e) => match (e.op, e.lhs.value_type(), e.rhs.value_type()) {
            ("or", ..) => false,
            ("and" | "unless", ..) => is_joined(&e.lhs),
            (_, ValueType::Vector, ValueType::Vector) => false,
            (_, ValueType::Scalar, _) => is_joined(&e.rhs),
            _ => is_joined(&e.lhs),
        },
        Expr::Aggregate(e) => !passes_elements(e) || is_joined(&e.expr),
        Expr::Call(call) if call.func.name.starts_with("histogram_") => false,
        Expr::Call(call) => match argument(call) {
            Some(vector) if vector.value_type() == ValueType::Vector => is_joined(vector),
            _ => true,
        },
        _ => true,
    }
}

/// Whether elements come one for each series that is read, in the order in which those are read.
pub(crate) fn is_streamed(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(e) => is_streamed(&e.expr),
        Expr::VectorSelector(_) => true,
        Expr::Call(call) => {
            let ranges = |arg: &Expr| matches!(arg.bare(), Expr::MatrixSelector(_));
            let over_time = argument(call).is_some_and(ranges) && !call.func.name.starts_with("absent");
            over_time && !may_double(expr)
        }
        Expr::Binary(e) => {
            let side = match (e.lhs.value_type(), e.rhs.value_type()) {
                (ValueType::Vector, ValueType::Scalar) => Some(&e.lhs),
                (ValueType::Scalar, ValueType::Vector) => Some(&e.rhs),
                _ => None,
            };
            side.is_some_and(|side| is_streamed(side)) && !may_double(expr)
        }
        _ => false,
    }
}

fn names(expr: &Expr) -> Names<'_> {
    match expr {
        Expr::Paren(e) => names(&e.expr),
        Expr::VectorSelector(selector) => selected(selector),
        Expr::MatrixSelector(range) => selected(&range.vs),
        Expr::Subquery(e) => names(&e.expr),
        Expr::Aggregate(e) => aggregated(e),
        Expr::Binary(e) => operated(e),
        Expr::Call(call) if keeps_name(call) => match argument(call) {
            Some(vector) if !sets_name(call) => names(vector),
            _ => Names::Various,
        },
        _ => Names::Nameless,
    }
}

fn selected(selector: &VectorSelector) -> Names<'_> {
    let exact = selector.matchers.iter().find(|m| m.name == METRIC_NAME && m.op == MatchOp::Equal);
    match selector.name.as_deref().or(exact.map(|matcher| matcher.value.as_str())) {
        Some(name) => Names::Only(name),
        None => Names::Various,
    }
}

fn aggregated(e: &AggregateExpr) -> Names<'_> {
    if passes_elements(e) {
        return names(&e.expr);
    }
    let by_name = matches!(&e.modifier, Some(LabelModifier::Include(by)) if by.iter().any(|l| l == METRIC_NAME));
    let counted = matches!(e.param.as_deref(), Some(Expr::StringLiteral(label)) if label.val == METRIC_NAME);
    if by_name || counted { Names::Various } else { Names::Nameless }
}

fn operated(e: &BinaryExpr) -> Names<'_> {
    let (lhs, rhs) = (e.lhs.value_type(), e.rhs.value_type());
    match e.op {
        "or" if names(&e.lhs) == names(&e.rhs) => names(&e.lhs),
        "or" => Names::Various,
        "and" | "unless" => names(&e.lhs),
        _ if drops_name(e) => Names::Nameless,
        _ if lhs == ValueType::Scalar => names(&e.rhs),
        _ if rhs == ValueType::Scalar => names(&e.lhs),
        _ => match e.modifier.as_ref().map(|modifier| &modifier.card) {
            // Labels that are matched or included may bring any name.
            Some(VectorMatchCardinality::ManyToOne(_) | VectorMatchCardinality::OneToMany(_)) => Names::Various,
            _ if e.modifier.as_ref().is_some_and(|modifier| modifier.matching.is_some()) => Names::Various,
            _ => names(&e.lhs),
        },
    }
}

fn drops_name(e: &BinaryExpr) -> bool {
    let filters =
        matches!(e.op, "==" | "!=" | "<" | "<=" | ">" | ">=") && !e.return_bool() || matches!(e.op, "</" | ">/");
    !filters && !matches!(e.op, "and" | "or" | "unless")
}

fn passes_elements(e: &AggregateExpr) -> bool {
    matches!(e.op, "topk" | "bottomk" | "limitk" | "limit_ratio")
}

fn keeps_name(call: &Call) -> bool {
    let name = call.func.name;
    name.starts_with("sort")
        || matches!(name, "last_over_time" | "first_over_time" | "label_replace" | "label_join" | "info")
}

/// Whether the metric name is what a function over labels writes.
fn sets_name(call: &Call) -> bool {
    let target = call.args.get(1);
    matches!(target, Some(Expr::StringLiteral(label)) if label.val == METRIC_NAME)
}

/// The vector or range that a function looks at.
fn argument(call: &Call) -> Option<&Expr> {
    let many = |expr: &&Expr| matches!(expr.value_type(), ValueType::Vector | ValueType::Matrix);
    call.args.iter().find(many)
}
