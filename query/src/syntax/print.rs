//! An expression as text, as Prometheus prints it.

use std::fmt::{Display, Formatter, Result};

use super::strings::quoted;
use super::tree::{
    AggregateExpr, AtModifier, BinaryExpr, Edges, Expr, LabelMatcher, LabelModifier, Offset, VectorMatchCardinality,
    VectorSelector,
};
use super::value_type::ValueType;
use weir_sample::write_duration;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Aggregate(e) => aggregate(e, f),
            Self::Unary(e) => write!(f, "-{}", e.expr),
            Self::Binary(e) => binary(e, f),
            Self::Paren(e) => write!(f, "({})", e.expr),
            Self::Subquery(e) => {
                let step = e.step.map(write_duration).unwrap_or_default();
                write!(f, "{}[{}:{step}]{}", e.expr, write_duration(e.range), when(e.at, e.offset))
            }
            Self::NumberLiteral(e) => f.write_str(&plain(e.val)),
            Self::StringLiteral(e) => f.write_str(&quoted(&e.val)),
            Self::VectorSelector(e) => write!(f, "{}{}{}", series(e), edges(e.edges), when(e.at, e.offset)),
            Self::MatrixSelector(e) => {
                let (range, edges) = (write_duration(e.range), edges(e.vs.edges));
                write!(f, "{}[{range}]{edges}{}", series(&e.vs), when(e.vs.at, e.vs.offset))
            }
            Self::Call(e) => write!(f, "{}({})", e.func.name, list(&e.args)),
        }
    }
}

impl Display for ValueType {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Vector => "vector",
            Self::Scalar => "scalar",
            Self::Matrix => "matrix",
            Self::String => "string",
        })
    }
}

fn aggregate(e: &AggregateExpr, f: &mut Formatter<'_>) -> Result {
    f.write_str(e.op)?;
    match &e.modifier {
        Some(LabelModifier::Include(by)) if !by.is_empty() => write!(f, " by ({}) ", labels(by))?,
        Some(LabelModifier::Exclude(without)) => write!(f, " without ({}) ", labels(without))?,
        _ => {}
    }
    match &e.param {
        Some(param) => write!(f, "({param}, {})", e.expr),
        None => write!(f, "({})", e.expr),
    }
}

fn binary(e: &BinaryExpr, f: &mut Formatter<'_>) -> Result {
    write!(f, "{} {}", e.lhs, e.op)?;
    if let Some(modifier) = &e.modifier {
        f.write_str(if modifier.return_bool { " bool" } else { "" })?;
        match &modifier.matching {
            Some(LabelModifier::Include(on)) => write!(f, " on ({})", labels(on))?,
            Some(LabelModifier::Exclude(ignoring))
                if !ignoring.is_empty() || modifier.card != VectorMatchCardinality::OneToOne =>
            {
                write!(f, " ignoring ({})", labels(ignoring))?;
            }
            _ => {}
        }
        match &modifier.card {
            VectorMatchCardinality::OneToOne => {}
            VectorMatchCardinality::ManyToOne(include) => write!(f, " group_left ({})", labels(include))?,
            VectorMatchCardinality::OneToMany(include) => write!(f, " group_right ({})", labels(include))?,
        }
        match (modifier.fill_left, modifier.fill_right) {
            (None, None) => {}
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => write!(f, " fill ({})", plain(left))?,
            (left, right) => {
                left.map_or(Ok(()), |left| write!(f, " fill_left ({})", plain(left)))?;
                right.map_or(Ok(()), |right| write!(f, " fill_right ({})", plain(right)))?;
            }
        }
    }
    write!(f, " {}", e.rhs)
}

fn plain(number: f64) -> String {
    let mut text = String::new();
    crate::number::write_plain(&mut text, number);
    text
}

fn edges(edges: Edges) -> &'static str {
    match edges {
        Edges::Within => "",
        Edges::Anchored => " anchored",
        Edges::Smoothed => " smoothed",
    }
}

fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

fn labels(labels: &[String]) -> String {
    labels.iter().map(|name| label(name)).collect::<Vec<_>>().join(", ")
}

/// A label's name, in quotes where it is no word.
fn label(name: &str) -> String {
    if weir_sample::legal_label_name(name) == name { name.to_owned() } else { quoted(name) }
}

fn series(selector: &VectorSelector) -> String {
    let name = selector.name.as_deref().unwrap_or_default();
    let is_plain = weir_sample::legal_metric_name(name) == name;
    let quoted = selector.name.iter().filter(|_| !is_plain).map(|name| quoted(name));
    let conditions: Vec<_> = quoted.chain(selector.matchers.iter().map(LabelMatcher::to_string)).collect();
    let name = if is_plain { name } else { "" };
    if conditions.is_empty() && !name.is_empty() {
        name.to_owned()
    } else {
        format!("{name}{{{}}}", conditions.join(","))
    }
}

impl Display for LabelMatcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}{}", label(&self.name), self.op.text(), quoted(&self.value))
    }
}

fn when(at: Option<AtModifier>, offset: Option<Offset>) -> String {
    let at = match at {
        None => String::new(),
        Some(AtModifier::Start) => " @ start()".into(),
        Some(AtModifier::End) => " @ end()".into(),
        Some(AtModifier::At(millis)) => format!(" @ {:.3}", millis as f64 / 1e3),
    };
    match offset {
        None => at,
        Some(Offset::Pos(by)) => format!("{at} offset {}", write_duration(by)),
        Some(Offset::Neg(by)) => format!("{at} offset -{}", write_duration(by)),
    }
}
