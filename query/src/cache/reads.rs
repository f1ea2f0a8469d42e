//! What a query reads for a step: without a bound for that, nothing is known of when its value changes.

use crate::read::select::millis;
use crate::syntax::{AtModifier, Call, Edges, Expr, Offset, SubqueryExpr, VectorSelector};

/// Reasons why an answer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// `@`, `start()`, `end()`, `range()`: a step's value depends on more than its own time.
    Fixed,
    /// A function that reads series which its expression does not name, or labels results by their first step.
    Function,
    /// Nothing is read, so nothing is saved.
    NoSeries,
    /// A coarser tier answers: which one depends on where the range begins, and its last point on where it ends.
    Tier,
    /// It reads longer than is kept track of.
    Long,
    /// The source cannot tell of changes, and no lifetime is set.
    Untold,
    /// The answer has warnings or infos, which depend on all of its steps.
    Notes,
}

/// The words for [`Doubt`] in metrics, in its order.
pub(crate) const DOUBTS: [&str; 7] = ["fixed_time", "function", "no_series", "tier", "long", "untold", "notes"];

/// The samples that the values of a step are made of.
#[derive(Debug)]
pub(crate) struct Reads<'e> {
    /// The step at `t` looks at samples from `t - before` to `t + after`, in milliseconds.
    pub(crate) before: i64,
    pub(crate) after: i64,
    /// Each selector, and how much later than a step it looks.
    pub(crate) selectors: Vec<(&'e VectorSelector, i64)>,
}

/// How much earlier and later than a step an expression is evaluated for it.
#[derive(Clone, Copy)]
struct At {
    earlier: i64,
    later: i64,
}

impl<'e> Reads<'e> {
    /// What an expression reads, if that is certain.
    pub(crate) fn of(expr: &'e Expr, lookback: i64) -> Result<Self, Doubt> {
        let mut reads = Self { before: i64::MIN, after: i64::MIN, selectors: Vec::new() };
        reads.add(expr, At { earlier: 0, later: 0 }, lookback)?;
        if reads.selectors.is_empty() { Err(Doubt::NoSeries) } else { Ok(reads) }
    }

    /// First and last instant that is read for the steps from one to another.
    pub(crate) fn span(&self, first: i64, last: i64) -> (i64, i64) {
        (first.saturating_sub(self.before), last.saturating_add(self.after))
    }

    fn add(&mut self, expr: &'e Expr, at: At, lookback: i64) -> Result<(), Doubt> {
        match expr {
            Expr::VectorSelector(selector) => return self.select(selector, at, 0, lookback),
            Expr::MatrixSelector(selector) => return self.select(&selector.vs, at, millis(selector.range), lookback),
            Expr::Subquery(e) => return self.add(&e.expr, inner(e, at)?, lookback),
            Expr::Call(call) => check(call)?,
            _ => {}
        }
        expr.children().into_iter().try_for_each(|child| self.add(child, at, lookback))
    }

    fn select(&mut self, selector: &'e VectorSelector, at: At, range: i64, lookback: i64) -> Result<(), Doubt> {
        let At { earlier, later } = shifted(at, selector.at.as_ref(), selector.offset.as_ref())?;
        // An instant looks back; so does a range beyond its edges, and a smoothed one ahead too.
        let back = if range > 0 && selector.edges == Edges::Within { range } else { range.saturating_add(lookback) };
        let ahead = if selector.edges == Edges::Smoothed { lookback } else { 0 };
        self.before = self.before.max(earlier.saturating_add(back));
        self.after = self.after.max(later.saturating_add(ahead));
        self.selectors.push((selector, later.saturating_add(ahead)));
        Ok(())
    }
}

/// When the expression of a subquery is evaluated.
fn inner(e: &SubqueryExpr, at: At) -> Result<At, Doubt> {
    let at = shifted(at, e.at.as_ref(), e.offset.as_ref())?;
    Ok(At { earlier: at.earlier.saturating_add(millis(e.range)), ..at })
}

fn shifted(at: At, fixed: Option<&AtModifier>, offset: Option<&Offset>) -> Result<At, Doubt> {
    let earlier = match offset {
        Some(Offset::Pos(by)) => millis(*by),
        Some(Offset::Neg(by)) => -millis(*by),
        None => 0,
    };
    match fixed {
        Some(_) => Err(Doubt::Fixed),
        None => Ok(At { earlier: at.earlier.saturating_add(earlier), later: at.later.saturating_sub(earlier) }),
    }
}

fn check(call: &Call) -> Result<(), Doubt> {
    match call.func.name {
        "start" | "end" | "range" => Err(Doubt::Fixed),
        "info" => Err(Doubt::Function),
        "histogram_quantiles" if !call.args.iter().skip(2).all(|arg| matches!(arg, Expr::NumberLiteral(_))) => {
            Err(Doubt::Function)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse;

    const LOOKBACK: i64 = 300_000;

    #[test]
    fn the_samples_of_a_step_are_bounded() {
        let check = |text: &str, before_s: i64, after_s: i64| {
            let expr = parse(text).unwrap();
            let reads = Reads::of(&expr, LOOKBACK).unwrap();
            assert_eq!((reads.before, reads.after), (before_s * 1_000, after_s * 1_000), "{text}");
        };
        check("x", 300, 0);
        check("rate(x[1m])", 60, 0);
        check("x offset 1h", 3_900, -3_600);
        check("x offset -1h", -3_300, 3_600);
        check("x - x offset 1h", 3_900, 0);
        check("x / rate(y[10m] offset -1m)", 540, 60);
        check("rate(x[1m] anchored)", 360, 0);
        check("x smoothed", 300, 300);
        check("rate(x[1m] smoothed)", 360, 300);
        check("max_over_time(rate(x[1m])[1h:10s] offset 5m)", 3_960, -300);
        check("max_over_time(min_over_time(x[5m:])[1h:] offset -1d)", 4_200 - 86_400, 86_400);
        check("topk(scalar(y offset 1h), x)", 3_900, 0);
    }

    #[test]
    fn what_has_no_bound_is_doubted() {
        let check = |text: &str, doubt: Doubt| {
            assert_eq!(Reads::of(&parse(text).unwrap(), LOOKBACK).err(), Some(doubt), "{text}");
        };
        check("x @ start()", Doubt::Fixed);
        check("x + y @ 100", Doubt::Fixed);
        check("rate(x[5m] @ end())", Doubt::Fixed);
        check("max_over_time(x[1h:] @ end())", Doubt::Fixed);
        check("info(x)", Doubt::Function);
        check("time()", Doubt::NoSeries);
        check("1", Doubt::NoSeries);
    }
}
