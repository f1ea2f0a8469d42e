//! Whether the parts of an expression fit together.

use super::error::ParseError;
use super::functions::Variadic;
use super::tree::{AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality};
use super::value_type::ValueType;

fn expect(expr: &Expr, wanted: ValueType, context: &str, place: usize) -> Result<(), ParseError> {
    let found = expr.value_type();
    if found == wanted {
        return Ok(());
    }
    Err(ParseError::new(place, format!("expected type {} in {context}, got {}", wanted.told(), found.told())))
}

/// Aggregations that have a parameter.
pub(super) fn has_parameter(op: &str) -> bool {
    matches!(op, "topk" | "bottomk" | "limitk" | "limit_ratio" | "quantile" | "count_values")
}

pub(super) fn aggregate(e: &AggregateExpr) -> Result<(), ParseError> {
    expect(&e.expr, ValueType::Vector, "aggregation expression", e.place)?;
    let Some(param) = &e.param else { return Ok(()) };
    let wanted = if e.op == "count_values" { ValueType::String } else { ValueType::Scalar };
    expect(param, wanted, "aggregation parameter", e.place)
}

pub(super) fn call(e: &Call) -> Result<(), ParseError> {
    let (name, types, given) = (e.func.name, e.func.arg_types, e.args.len());
    let wrong =
        |amount: String| Err(ParseError::new(e.place, format!("expected {amount} in call to {name:?}, got {given}")));
    let least = types.len() - usize::from(e.func.variadic != Variadic::No);
    match e.func.variadic {
        Variadic::No if given != types.len() => return wrong(format!("{} argument(s)", types.len())),
        _ if given < least => return wrong(format!("at least {least} argument(s)")),
        Variadic::UpTo(more) if given > least + more => return wrong(format!("at most {} argument(s)", least + more)),
        _ => {}
    }
    if let ("info", [_, labels]) = (name, e.args.as_slice()) {
        let wrong = |problem: &str| Err(ParseError::new(labels.place(), problem));
        match labels {
            Expr::VectorSelector(selector) if selector.name.is_none() => {}
            Expr::VectorSelector(_) => return wrong("expected label selectors only, got vector selector instead"),
            _ => return wrong("expected label selectors only"),
        }
    }
    for (at, arg) in e.args.iter().enumerate() {
        expect(arg, types[at.min(types.len() - 1)], &format!("call to function {name:?}"), e.place)?;
    }
    Ok(())
}

pub(super) fn unary(expr: &Expr, place: usize) -> Result<(), ParseError> {
    match expr.value_type() {
        ValueType::Scalar | ValueType::Vector => Ok(()),
        other => Err(ParseError::new(
            place,
            format!(
                "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                other.told()
            ),
        )),
    }
}

pub(super) fn binary(e: &BinaryExpr) -> Result<(), ParseError> {
    let wrong = |problem: String| Err(ParseError::new(e.place, problem));
    let sides = [e.lhs.value_type(), e.rhs.value_type()];
    if sides.iter().any(|side| matches!(side, ValueType::Matrix | ValueType::String)) {
        return wrong("binary expression must contain only scalar and instant vector types".into());
    }
    let is_set = matches!(e.op, "and" | "or" | "unless");
    if e.return_bool() && !e.is_comparison() {
        return wrong("bool modifier can only be used on comparison operators".into());
    }
    if e.is_comparison() && !e.return_bool() && sides == [ValueType::Scalar; 2] {
        return wrong("comparisons between scalars must use BOOL modifier".into());
    }
    if is_set && sides.contains(&ValueType::Scalar) {
        return wrong(format!("set operator {:?} not allowed in binary scalar expression", e.op));
    }
    if matches!(e.op, "</" | ">/") && sides == [ValueType::Scalar; 2] {
        return wrong(format!("operator {:?} not allowed for Scalar operations", e.op));
    }
    let Some(modifier) = &e.modifier else { return Ok(()) };
    if modifier.fill_left.or(modifier.fill_right).is_some() {
        if sides.contains(&ValueType::Scalar) {
            return wrong("filling in missing series only allowed between instant vectors".into());
        }
        if is_set {
            return wrong("filling in missing series not allowed for set operators".into());
        }
    }
    if modifier.matching.is_some() && sides.contains(&ValueType::Scalar) {
        return wrong("vector matching only allowed between instant vectors".into());
    }
    let include = match &modifier.card {
        VectorMatchCardinality::OneToOne => return Ok(()),
        _ if is_set => return wrong(format!("no grouping allowed for {:?} operation", e.op)),
        VectorMatchCardinality::ManyToOne(include) | VectorMatchCardinality::OneToMany(include) => include,
    };
    if let Some(LabelModifier::Include(on)) = &modifier.matching
        && let Some(twice) = on.iter().find(|label| include.contains(label))
    {
        return wrong(format!("label {twice:?} must not occur in ON and GROUP clause at once"));
    }
    Ok(())
}
