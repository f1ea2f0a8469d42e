//! One query on its way: from its tree to the values of an answer.

use std::cell::RefCell;

use crate::syntax::{Expr, ValueType};
use weir_sample::Timestamp;
use weir_store::{Hint, Tier};

use crate::answer::{Answer, Data, Line, Point, Sample};
use crate::budget::Budget;
use crate::collect::Collected;
use crate::error::QueryError;
use crate::evaluate::{Evaluator, string};
use crate::functions::order::{is_ordered, sorts};
use crate::functions::over_time::edges::shown;
use crate::labels::LabelSet;
use crate::read::reach::Reach;
use crate::read::samples::{Points, Ranges, Samples};
use crate::read::source::Source;
use crate::row::{Row, Steps, is_present};

/// One query on its way.
pub(crate) struct Evaluation<'a> {
    evaluator: Evaluator<'a>,
    steps: Steps,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(source: &'a dyn Source, budget: &'a Budget, steps: Steps, text: &'a str) -> Self {
        let is_ordered = false;
        Self {
            evaluator: Evaluator { source, budget, query: steps, text, is_ordered, tiers: RefCell::default() },
            steps,
        }
    }

    /// The same, where what comes to one step does not depend on which other steps there are: to the last bit.
    pub(crate) fn ordered(mut self) -> Self {
        self.evaluator.is_ordered = true;
        self
    }

    /// The tiers that answered so far.
    pub(crate) fn tiers(&self) -> Vec<Tier> {
        self.evaluator.tiers.borrow().clone()
    }

    pub(crate) fn answer(self, data: Data) -> Result<Answer, QueryError> {
        let budget = self.evaluator.budget;
        budget.check_answer(data.text_bytes())?;
        let (warnings, infos) = (budget.warnings(), budget.infos());
        Ok(Answer { warnings, infos, tiers: self.evaluator.tiers.take(), ..Answer::of(data) })
    }

    pub(crate) fn instant(&self, expr: &Expr, time: Timestamp) -> Result<Data, QueryError> {
        Ok(match expr.value_type() {
            ValueType::String => Data::String(time, string(expr)?.to_owned()),
            ValueType::Scalar => Data::Scalar(time, self.evaluator.scalar(expr, self.steps)?[0]),
            ValueType::Matrix => Data::Matrix(self.raw(expr)?),
            ValueType::Vector => {
                let mut rows = self.collect(expr)?;
                if !is_ordered(expr) {
                    rows.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
                }
                Data::Vector(rows.into_iter().filter_map(|row| sample(row, time)).collect())
            }
        })
    }

    pub(crate) fn range(&self, expr: &Expr) -> Result<Data, QueryError> {
        let mut rows = match expr.value_type() {
            ValueType::Vector => self.collect(expr)?,
            ValueType::Scalar => {
                vec![Row::of_floats(LabelSet::empty(), self.evaluator.scalar(expr, self.steps)?)]
            }
            other => {
                let message = format!(
                    "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                    other.told()
                );
                return Err(QueryError::Parse(message));
            }
        };
        rows.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        for place in sorts(expr) {
            let what = "sort is ineffective for range queries since results are always ordered by labels";
            self.evaluator.warn_at(place, what);
        }
        let line = |row: Row| {
            // The points of a line take twice the room of its row's numbers.
            self.evaluator.budget.hold(row.floats.len() * size_of::<(i64, f64)>())?;
            Ok(line(row, self.steps))
        };
        Ok(Data::Matrix(rows.into_iter().map(line).collect::<Result<_, QueryError>>()?))
    }

    fn collect(&self, expr: &Expr) -> Result<Vec<Row>, QueryError> {
        let mut rows = Collected::new(self.evaluator.budget);
        self.evaluator.vector(expr, self.steps, &mut |row| rows.add(row.named()))?;
        Ok(rows.into_rows())
    }

    /// The samples of a range expression as they are.
    fn raw(&self, expr: &Expr) -> Result<Vec<Line>, QueryError> {
        let mut lines = Vec::new();
        let reach = self.evaluator.reach(expr);
        self.evaluator.ranges(expr, self.steps, Hint::Raw, &mut |mut samples, ranges| {
            if let Some(reach) = reach {
                samples = with_edges(samples, (ranges, reach))?;
            }
            self.evaluator.budget.hold(samples.len() * size_of::<(i64, f64)>())?;
            lines.push(samples.into_line(ranges, reach.is_some()));
            Ok(())
        })?;
        lines.retain(|line| !line.floats.is_empty() || !line.histograms.is_empty());
        lines.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        Ok(lines)
    }
}

/// The samples of an anchored or smoothed range.
fn with_edges(mut samples: Samples, reaching: (Ranges, Reach)) -> Result<Samples, QueryError> {
    if !samples.histograms.is_empty() {
        let word = if reaching.1.is_smoothed { "smoothed" } else { "anchored" };
        return Err(QueryError::execution(format!("{word} modifier is not supported with histograms")));
    }
    let (times, values) = shown(&samples.floats, reaching).into_iter().unzip();
    samples.floats = Points { times, values, starts: Vec::new() };
    Ok(samples)
}

fn sample(mut row: Row, time: Timestamp) -> Option<Sample> {
    let value = match row.float(0) {
        value if is_present(value) => Point::Float(value),
        _ => Point::Histogram(row.histograms.first_mut()?.take()?),
    };
    Some(Sample { labels: row.labels, time, value })
}

fn line(row: Row, steps: Steps) -> Line {
    let times = || steps.instants().map(Timestamp);
    Line {
        labels: row.labels,
        floats: times().zip(row.floats).filter(|(_, value)| is_present(*value)).collect(),
        histograms: times().zip(row.histograms).filter_map(|(time, histogram)| Some((time, histogram?))).collect(),
    }
}
