//! `eq`, `lt` and their kin, for kinds that Go compares.

use std::cmp::Ordering;

use super::value::Value;

/// `eq`: the first with any of the others.
pub(super) fn equal_to_any(values: &[Value]) -> Result<bool, String> {
    let (first, others) = values.split_first().ok_or("missing argument for comparison")?;
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Time(a), Value::Time(b)) => Ok(a.at == b.at),
        _ => ordered(a, b).map(Ordering::is_eq),
    }
}

/// `lt` and its kin; numbers that are none are in no order.
pub(super) fn order(values: &[Value], wanted: impl Fn(Ordering) -> bool) -> Result<bool, String> {
    let [a, b] = values else { return Err("wrong number of args for a comparison: want 2".into()) };
    if let (Value::Float(a), Value::Float(b)) = (a, b) {
        return Ok(a.partial_cmp(b).is_some_and(wanted));
    }
    ordered(a, b).map(wanted)
}

fn ordered(a: &Value, b: &Value) -> Result<Ordering, String> {
    match (a, b) {
        (Value::Int(a) | Value::Span(a), Value::Int(b) | Value::Span(b)) => Ok(a.cmp(b)),
        (Value::Text(a) | Value::Html(a), Value::Text(b) | Value::Html(b)) => Ok(a.cmp(b)),
        _ if std::mem::discriminant(a) == std::mem::discriminant(b) => Err("invalid type for comparison".into()),
        _ => Err(format!("incompatible types for comparison: {} and {}", a.kind(), b.kind())),
    }
}
