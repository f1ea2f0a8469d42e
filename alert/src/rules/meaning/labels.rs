//! Which labels the result of an expression can have.

use std::collections::BTreeSet;

use weir_query::syntax::ValueType;
use weir_query::syntax::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
};
use weir_query::{MatchOp, NAME};

/// The labels that a result can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Possible {
    /// Any but these.
    AllBut(BTreeSet<String>),
    /// These at most.
    Only(BTreeSet<String>),
}

impl Possible {
    /// The labels of an expression's result.
    pub(crate) fn of(expr: &Expr) -> Self {
        match expr.bare() {
            Expr::VectorSelector(selector) => Self::of_selector(selector),
            Expr::MatrixSelector(matrix) => Self::of_selector(&matrix.vs),
            Expr::Subquery(sub) => Self::of(&sub.expr),
            Expr::Unary(unary) => Self::of(&unary.expr).without([NAME]),
            Expr::Aggregate(aggregate) => Self::of_aggregate(aggregate),
            Expr::Binary(binary) => Self::of_binary(binary),
            Expr::Call(call) => Self::of_call(call),
            _ => Self::none(),
        }
    }

    /// Whether a result can have the label.
    pub(crate) fn has(&self, label: &str) -> bool {
        match self {
            Self::AllBut(without) => !without.contains(label),
            Self::Only(only) => only.contains(label),
        }
    }

    /// The labels in words.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Only(only) if only.is_empty() => "no label at all".to_owned(),
            Self::Only(only) => format!("only {}", list(only)),
            Self::AllBut(without) => format!("any label but {}", list(without)),
        }
    }

    fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    fn without<'a>(mut self, labels: impl IntoIterator<Item = &'a str>) -> Self {
        for label in labels {
            match &mut self {
                Self::AllBut(without) => without.insert(label.to_owned()),
                Self::Only(only) => only.remove(label),
            };
        }
        self
    }

    fn with<'a>(mut self, labels: impl IntoIterator<Item = &'a str>) -> Self {
        for label in labels {
            match &mut self {
                Self::AllBut(without) => without.remove(label),
                Self::Only(only) => only.insert(label.to_owned()),
            };
        }
        self
    }

    fn kept<'a>(&self, labels: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Only(labels.into_iter().filter(|label| self.has(label)).map(str::to_owned).collect())
    }

    fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Only(a), Self::Only(b)) => Self::Only(a.union(b).cloned().collect()),
            (Self::AllBut(a), Self::AllBut(b)) => Self::AllBut(a.intersection(b).cloned().collect()),
            (Self::AllBut(without), Self::Only(only)) | (Self::Only(only), Self::AllBut(without)) => {
                Self::AllBut(without.difference(only).cloned().collect())
            }
        }
    }

    fn of_selector(selector: &VectorSelector) -> Self {
        let empty = selector.matchers.iter().filter(|m| m.op == MatchOp::Equal && m.value.is_empty());
        Self::AllBut(empty.map(|matcher| matcher.name.clone()).collect())
    }

    fn of_aggregate(aggregate: &AggregateExpr) -> Self {
        let inner = Self::of(&aggregate.expr);
        let op = aggregate.op;
        if ["topk", "bottomk", "limitk", "limit_ratio"].contains(&op) {
            return inner;
        }
        let grouped = match &aggregate.modifier {
            None => Self::none(),
            Some(LabelModifier::Include(labels)) => inner.kept(labels.iter().map(String::as_str)),
            Some(LabelModifier::Exclude(labels)) => inner.without(labels.iter().map(String::as_str).chain([NAME])),
        };
        match aggregate.param.as_deref().map(Expr::bare) {
            Some(Expr::StringLiteral(label)) if op == "count_values" => grouped.with([label.val.as_str()]),
            _ => grouped,
        }
    }

    fn of_binary(binary: &BinaryExpr) -> Self {
        let (left, right) = (Self::of(&binary.lhs), Self::of(&binary.rhs));
        let returns_bool = binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool);
        let filters = binary.is_comparison() && !returns_bool;
        let named = |possible: Self| if filters { possible } else { possible.without([NAME]) };
        match (binary.lhs.value_type(), binary.rhs.value_type()) {
            (ValueType::Vector, ValueType::Vector) => {}
            (ValueType::Vector, _) => return named(left),
            _ => return named(right),
        }
        match binary.op {
            "and" | "unless" => return left,
            "or" => return left.or(&right),
            _ => {}
        }
        let Some(modifier) = &binary.modifier else { return named(left) };
        match &modifier.card {
            VectorMatchCardinality::ManyToOne(more) => named(left).with(more.iter().map(String::as_str)),
            VectorMatchCardinality::OneToMany(more) => named(right).with(more.iter().map(String::as_str)),
            _ => match &modifier.matching {
                Some(LabelModifier::Include(on)) => left.kept(on.iter().map(String::as_str)),
                Some(LabelModifier::Exclude(ignored)) => named(left).without(ignored.iter().map(String::as_str)),
                None => named(left),
            },
        }
    }

    fn of_call(call: &Call) -> Self {
        let args: Vec<&Expr> = call.args.iter().map(|arg| arg.bare()).collect();
        let text = |at: usize| match args.get(at) {
            Some(Expr::StringLiteral(text)) => text.val.as_str(),
            _ => "",
        };
        let vector = args.iter().find(|arg| matches!(arg.value_type(), ValueType::Vector | ValueType::Matrix));
        let inner = vector.map_or_else(Self::none, |vector| Self::of(vector));
        match call.func.name {
            "absent" | "absent_over_time" => args.first().map_or_else(Self::none, |arg| Self::fixed(arg)),
            "label_replace" | "label_join" => inner.with([text(1)]),
            "info" => Self::AllBut(BTreeSet::new()),
            "vector" | "scalar" | "time" | "pi" => Self::none(),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" | "last_over_time" | "first_over_time" => {
                inner
            }
            "histogram_quantile" | "histogram_fraction" => inner.without([NAME, "le"]),
            _ => inner.without([NAME]),
        }
    }

    /// The labels that a selector fixes by one equality each.
    fn fixed(arg: &Expr) -> Self {
        let selector = match arg {
            Expr::VectorSelector(selector) => selector,
            Expr::MatrixSelector(matrix) => &matrix.vs,
            _ => return Self::none(),
        };
        let matchers = &selector.matchers;
        let alone = |name: &str| matchers.iter().filter(|other| other.name == name).count() == 1;
        let fixed = matchers.iter().filter(|m| m.op == MatchOp::Equal && m.name != NAME && alone(&m.name));
        Self::Only(fixed.map(|matcher| matcher.name.clone()).collect())
    }
}

fn list(labels: &BTreeSet<String>) -> String {
    labels.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Expression;

    #[test]
    fn labels_of_results_are_known() {
        let check = |text: &str, has: &[&str], lacks: &[&str]| {
            let possible = Possible::of(Expression::parse(text).unwrap().tree());
            has.iter().for_each(|label| assert!(possible.has(label), "{text} can have {label}: {possible:?}"));
            lacks.iter().for_each(|label| assert!(!possible.has(label), "{text} has no {label}: {possible:?}"));
        };
        check("up == 0", &["job", "__name__"], &[]);
        check("up == bool 0", &["job"], &["__name__"]);
        check("rate(x[5m]) > 1", &["job"], &["__name__"]);
        check("sum by (bar) (x)", &["bar"], &["foo", "__name__"]);
        check("sum(x)", &[], &["foo"]);
        check("sum without (foo) (x)", &["bar"], &["foo"]);
        check("topk(3, sum by (bar) (x))", &["bar"], &["foo"]);
        check("count_values(\"version\", x)", &["version"], &["foo"]);
        check("sum by (a) (x) / on (a) group_left (team) y", &["a", "team"], &["b"]);
        check("x / on (a) y", &["a"], &["b"]);
        check("x / ignoring (a) y", &["b"], &["a"]);
        check("x and on (a) y", &["b"], &[]);
        check("sum by (a) (x) or sum by (b) (x)", &["a", "b"], &["c"]);
        check("label_replace(sum(x), \"dst\", \"$1\", \"src\", \"(.*)\")", &["dst"], &["src"]);
        check("absent(up{job=\"a\",host=~\"b.*\"})", &["job"], &["host", "instance"]);
        check("histogram_quantile(0.9, sum by (le, job) (rate(x[5m])))", &["job"], &["le"]);
        check("vector(1) > 0", &[], &["a"]);
        check("x{a=\"\"}", &["b"], &["a"]);
        check("1 < sum by (a) (x)", &["a"], &["b"]);
    }
}
