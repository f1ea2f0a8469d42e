//! PromQL evaluation: a query and a [`Source`] enter, an [`Answer`] leaves.
//!
//! Series are consumed as the source hands them over: a selector turns each into one row of values per step, functions
//! pass rows on, aggregations fold them into a row per group. Only operators that need both of their sides at hand, and
//! the result itself, keep rows, within the query's [`Limits`].

mod absent;
mod aggregate;
mod answer;
mod arithmetic;
mod average;
mod binary;
mod budget;
mod calendar;
mod call;
mod collect;
mod engine;
mod error;
mod evaluate;
mod fold;
mod histogram;
mod label_functions;
mod labels;
mod matching;
mod maths;
mod number;
mod order;
mod over_time;
mod parse;
mod presence;
mod quantile;
mod ranking;
mod rate;
mod regression;
mod row;
mod select;
mod set;
mod sketches;
mod source;
mod subquery;
mod summation;
mod window;

pub use answer::{Answer, Data, Line, Point, Sample};
pub use budget::Limits;
pub use engine::Engine;
pub use error::QueryError;
pub use histogram::{Bin, bins};
pub use labels::LabelSet;
pub use number::write_plain;
pub use select::selector;
pub use source::{Each, Source};
pub use weir_store::{Answered, Column, Hint, MatchOp, Matcher, Selection, SeriesData, Tier};
