//! A query's tree as `parse_query` gives it.

use serde_json::{Value, json};
use weir_query::syntax::{
    AtModifier, BinModifier, Expr, Function, LabelMatcher, LabelModifier, Offset, Variadic, VectorMatchCardinality,
    VectorSelector,
};

/// The node of an expression.
pub(super) fn of(expr: &Expr) -> Value {
    match expr {
        Expr::Aggregate(e) => {
            let (grouping, without) = labels(e.modifier.as_ref());
            json!({
                "type": "aggregation", "op": e.op, "expr": of(&e.expr), "param": e.param.as_deref().map(of),
                "grouping": grouping, "without": without,
            })
        }
        Expr::Unary(e) => json!({ "type": "unaryExpr", "op": "-", "expr": of(&e.expr) }),
        Expr::Binary(e) => json!({
            "type": "binaryExpr", "op": e.op, "lhs": of(&e.lhs), "rhs": of(&e.rhs),
            "matching": matching(e.modifier.as_ref(), expr), "bool": e.return_bool(),
        }),
        Expr::Paren(e) => json!({ "type": "parenExpr", "expr": of(&e.expr) }),
        Expr::Subquery(e) => json!({
            "type": "subquery", "expr": of(&e.expr), "range": e.range.as_millis() as u64,
            "offset": offset(e.offset), "step": e.step.map_or(0, |step| step.as_millis() as u64),
            "timestamp": timestamp(e.at), "startOrEnd": start_or_end(e.at),
        }),
        Expr::NumberLiteral(e) => json!({ "type": "numberLiteral", "val": number(e.val) }),
        Expr::StringLiteral(e) => json!({ "type": "stringLiteral", "val": e.val }),
        Expr::VectorSelector(e) => selector("vectorSelector", e),
        Expr::MatrixSelector(e) => {
            let mut node = selector("matrixSelector", &e.vs);
            node["range"] = json!(e.range.as_millis() as u64);
            node
        }
        Expr::Call(e) => json!({
            "type": "call", "func": function(e.func), "args": e.args.iter().map(of).collect::<Vec<_>>(),
        }),
    }
}

fn selector(kind: &str, selector: &VectorSelector) -> Value {
    let mut matchers: Vec<Value> = selector.matchers.iter().map(matcher).collect();
    if let Some(name) = &selector.name
        && !selector.matchers.iter().any(|matcher| matcher.name == "__name__")
    {
        matchers.push(json!({ "type": "=", "name": "__name__", "value": name }));
    }
    json!({
        "type": kind, "name": selector.name.as_deref().unwrap_or_default(), "offset": offset(selector.offset),
        "matchers": matchers, "timestamp": timestamp(selector.at), "startOrEnd": start_or_end(selector.at),
    })
}

fn matcher(matcher: &LabelMatcher) -> Value {
    json!({ "type": matcher.op.text(), "name": matcher.name, "value": matcher.value })
}

/// Null between scalars, as there is nothing to match.
fn matching(modifier: Option<&BinModifier>, expr: &Expr) -> Value {
    use weir_query::syntax::ValueType::Vector;
    let both = expr.children().iter().all(|side| side.value_type() == Vector);
    if !both {
        return Value::Null;
    }
    let usual = BinModifier::default();
    let BinModifier { card, matching, .. } = modifier.unwrap_or(&usual);
    let (labels, ignoring) = labels(matching.as_ref());
    let is_set = matches!(expr, Expr::Binary(e) if matches!(e.op, "and" | "or" | "unless"));
    let (card, include) = match card {
        VectorMatchCardinality::OneToOne if is_set => ("many-to-many", Vec::new()),
        VectorMatchCardinality::OneToOne => ("one-to-one", Vec::new()),
        VectorMatchCardinality::ManyToOne(include) => ("many-to-one", include.clone()),
        VectorMatchCardinality::OneToMany(include) => ("one-to-many", include.clone()),
    };
    let on = matching.is_some() && !ignoring;
    json!({ "card": card, "labels": labels, "on": on, "include": include })
}

fn labels(modifier: Option<&LabelModifier>) -> (Vec<String>, bool) {
    match modifier {
        None => (Vec::new(), false),
        Some(LabelModifier::Include(labels)) => (labels.clone(), false),
        Some(LabelModifier::Exclude(labels)) => (labels.clone(), true),
    }
}

fn function(function: &Function) -> Value {
    let types: Vec<String> = function.arg_types.iter().map(ToString::to_string).collect();
    let variadic = match function.variadic {
        Variadic::No => 0,
        Variadic::UpTo(most) => most as i64,
        Variadic::Any => -1,
    };
    json!({
        "name": function.name, "argTypes": types, "variadic": variadic,
        "returnType": function.return_type.to_string(),
    })
}

fn offset(offset: Option<Offset>) -> i64 {
    match offset {
        None => 0,
        Some(Offset::Pos(by)) => by.as_millis() as i64,
        Some(Offset::Neg(by)) => -(by.as_millis() as i64),
    }
}

fn timestamp(at: Option<AtModifier>) -> Option<i64> {
    if let Some(AtModifier::At(millis)) = at { Some(millis) } else { None }
}

fn start_or_end(at: Option<AtModifier>) -> Option<&'static str> {
    match at {
        Some(AtModifier::Start) => Some("start"),
        Some(AtModifier::End) => Some("end"),
        _ => None,
    }
}

fn number(value: f64) -> String {
    let mut text = String::new();
    weir_query::write_plain(&mut text, value);
    text
}

#[cfg(test)]
mod tests {
    use weir_query::syntax::parse;

    use super::*;

    #[test]
    fn trees_are_those_of_prometheus() {
        let tree = |text: &str| of(&parse(text).unwrap());
        assert_eq!(
            tree("sum by (a) (rate(x{b!~\"c\"}[5m] offset 1m))"),
            json!({
                "type": "aggregation", "op": "sum", "param": null, "grouping": ["a"], "without": false,
                "expr": {
                    "type": "call",
                    "func": { "name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector" },
                    "args": [{
                        "type": "matrixSelector", "name": "x", "range": 300_000, "offset": 60_000,
                        "matchers": [{ "type": "!~", "name": "b", "value": "c" }, { "type": "=", "name": "__name__", "value": "x" }],
                        "timestamp": null, "startOrEnd": null,
                    }],
                },
            })
        );
        let binary = tree("a / on (k) group_left (v) b");
        assert_eq!(binary["matching"], json!({ "card": "many-to-one", "labels": ["k"], "on": true, "include": ["v"] }));
        assert_eq!(tree("a or b")["matching"]["card"], "many-to-many");
        assert_eq!(tree("1 + 2")["matching"], Value::Null);
        assert_eq!(tree("1e3"), json!({ "type": "numberLiteral", "val": "1000" }));
        assert_eq!(tree("x @ end()")["startOrEnd"], "end");
    }
}
