//! Who answers a rule's question: an engine over a store, or another system's API.

use weir_query::LabelSet;
use weir_sample::{Histogram, Timestamp};

use crate::evaluate::left_out::LeftOut;
use crate::evaluate::row::Row;
use crate::rules::Expression;

/// One element of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Its labels, the metric's name among them if the expression keeps it.
    pub labels: LabelSet,
    /// Its value; 0 of a distribution, as in Prometheus.
    pub value: f64,
    /// Whether it is a distribution, which has no one value.
    pub is_distribution: bool,
    /// The distribution, where the querier has it.
    pub histogram: Option<Box<Histogram>>,
}

/// A rule's result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Elements, each label set once, sorted by labels unless the expression sorts.
    pub elements: Vec<Element>,
    /// Series that were read to get there; `None` if that is not known.
    pub series_read: Option<u64>,
    /// Samples that were read.
    pub samples_read: u64,
    /// Data are known to be missing: a store did not answer.
    pub partial: bool,
}

/// Answers rules' questions.
pub trait Querier: Sync {
    /// The result of an expression at one time.
    ///
    /// # Errors
    /// Why there is none, for the person who wrote the rule.
    fn query(&self, expression: &Expression, at: Timestamp) -> Result<Found, String>;

    /// The result of an expression that a template asks.
    ///
    /// # Errors
    /// Why there is none.
    fn query_text(&self, text: &str, at: Timestamp) -> Result<Vec<Element>, String> {
        let expression = Expression::parse(text).map_err(|bad| bad.to_string())?;
        Ok(self.query(&expression, at)?.elements)
    }

    /// Whether an expression at this time reads anything that one of these hosts has sent. Who cannot tell says no.
    fn reads_from(&self, _expression: &Expression, _at: Timestamp, _hosts: &LeftOut) -> bool {
        false
    }

    /// Takes note of rows that later questions must see, though they are not stored yet.
    fn note(&self, _rows: &[Row]) {}
}
