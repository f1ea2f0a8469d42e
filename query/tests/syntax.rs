//! Random expressions are understood as another parser of the language understands them.

use promql_parser::parser as other;
use proptest::prelude::*;
use weir_query::syntax::{Expr, parse};

/// Texts that are mostly expressions.
fn text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("x".to_owned()),
        Just("a:b".to_owned()),
        Just("x{a=\"b\",c!~\"d.*\"}".to_owned()),
        Just("{a=\"b\"}".to_owned()),
        Just("x[5m]".to_owned()),
        Just("x offset 1h".to_owned()),
        Just("x @ end()".to_owned()),
        Just("sum".to_owned()),
        Just("2".to_owned()),
        Just("1.5e3".to_owned()),
        Just("0x10".to_owned()),
        Just("Inf".to_owned()),
        Just("\"text\"".to_owned()),
        Just("time()".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            "==",
            "!=",
            "<",
            ">=",
            "and",
            "or",
            "unless",
            "atan2",
            "> bool",
            "+ on (a)",
            "* ignoring (a) group_left (b)",
            "/ on (a) group_right",
            "and on ()",
            "== bool on (a, b)",
        ]);
        let function = prop::sample::select(vec![
            "rate",
            "abs",
            "sum",
            "avg by (a)",
            "count without (b,)",
            "vector",
            "scalar",
            "sort_desc",
            "round",
            "absent_over_time",
        ]);
        let two = prop::sample::select(vec![
            "topk",
            "quantile",
            "count_values",
            "clamp_min",
            "histogram_quantile",
            "round",
            "quantile_over_time",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(lhs, op, rhs)| format!("{lhs} {op} {rhs}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("-{inner}")),
            inner.clone().prop_map(|inner| format!("{inner}[1h:1m]")),
            inner.clone().prop_map(|inner| format!("{inner} offset 5m")),
            (function, inner.clone()).prop_map(|(name, inner)| format!("{name}({inner})")),
            (two, inner.clone(), inner).prop_map(|(name, one, two)| format!("{name}({one}, {two})")),
        ]
    })
}

/// Who stands in whom, without what the two print in different ways.
fn shape(expr: &Expr) -> String {
    let parts = expr.children().iter().map(|child| shape(child)).collect::<Vec<_>>().join(" ");
    match expr {
        Expr::Aggregate(e) => format!("[{} {parts}]", e.op),
        Expr::Binary(e) => format!("[{} {} {parts}]", e.op, e.return_bool()),
        Expr::Unary(_) => format!("[minus {parts}]"),
        Expr::Paren(_) => format!("[paren {parts}]"),
        Expr::Subquery(e) => format!("[subquery {:?} {:?} {} {parts}]", e.range, e.step, e.offset.is_some()),
        Expr::Call(e) => format!("[{} {parts}]", e.func.name),
        Expr::NumberLiteral(e) => format!("{}", e.val),
        Expr::StringLiteral(e) => format!("{:?}", e.val),
        Expr::VectorSelector(e) => format!("{:?} {} {}", e.name, e.matchers.len(), e.offset.is_some()),
        Expr::MatrixSelector(e) => format!("{:?} {:?} {}", e.vs.name, e.range, e.vs.offset.is_some()),
    }
}

fn others(expr: &other::Expr) -> String {
    use other::Expr as E;
    match expr {
        E::Aggregate(e) => {
            let parts: Vec<_> = e.param.iter().chain([&e.expr]).map(|part| others(part)).collect();
            format!("[{} {}]", e.op, parts.join(" "))
        }
        E::Binary(e) => format!("[{} {} {} {}]", e.op, e.return_bool(), others(&e.lhs), others(&e.rhs)),
        E::Unary(e) => match &*e.expr {
            E::NumberLiteral(number) => format!("{}", -number.val),
            inner => format!("[minus {}]", others(inner)),
        },
        E::Paren(e) => format!("[paren {}]", others(&e.expr)),
        E::Subquery(e) => format!("[subquery {:?} {:?} {} {}]", e.range, e.step, e.offset.is_some(), others(&e.expr)),
        E::Call(e) => {
            let parts: Vec<_> = e.args.args.iter().map(|part| others(part)).collect();
            format!("[{} {}]", e.func.name, parts.join(" "))
        }
        E::NumberLiteral(e) => format!("{}", e.val),
        E::StringLiteral(e) => format!("{:?}", e.val),
        E::VectorSelector(e) => format!("{:?} {} {}", e.name, e.matchers.matchers.len(), e.offset.is_some()),
        E::MatrixSelector(e) => format!("{:?} {:?} {}", e.vs.name, e.range, e.vs.offset.is_some()),
        E::Extension(_) => unreachable!("nobody made one"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn both_take_the_same_and_see_the_same_in_it(text in text()) {
        match (parse(&text), other::parse(&text)) {
            (Ok(ours), Ok(theirs)) => {
                prop_assert_eq!(shape(&ours), others(&theirs), "{}", text);
                // What is printed is read the same.
                let again = parse(&ours.to_string());
                prop_assert_eq!(again.map(|again| shape(&again)), Ok(shape(&ours)), "{}", text);
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{text}: {ours:?} {theirs:?}"),
        }
    }
}
