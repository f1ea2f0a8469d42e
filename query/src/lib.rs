//! PromQL evaluation: a query and a [`Source`] enter, an [`Answer`] leaves.
//!
//! Series are consumed as the source hands them over: a selector turns each into one row of values per step, functions
//! pass rows on, aggregations fold them into a row per group. Only operators that need both of their sides at hand, and
//! the result itself, keep rows, within the query's [`Limits`].

mod aggregate;
mod answer;
mod budget;
mod cache;
mod call;
mod collect;
mod engine;
mod error;
mod evaluate;
mod evaluation;
mod functions;
mod labels;
mod notes;
mod number;
mod operators;
mod presence;
mod read;
mod row;
pub mod syntax;
pub mod table;
mod text;

pub use aggregate::told::told_histogram;
pub use answer::{Answer, Cost, Data, Line, Point, Sample};
pub use budget::{Held, Limits};
pub use cache::answering::Remembered;
pub use cache::proof::Lifetime;
pub use cache::results::ResultCache;
pub use engine::Engine;
pub use error::{Bound, QueryError};
pub use labels::LabelSet;
pub use number::write_plain;
pub use read::source::{Allow, Each, Source};
pub use text::parse::selector;
pub use text::query::{Query, matchers};
pub use weir_store::{Answered, Column, Hint, MatchOp, Matcher, NAME, Selection, SeriesData, Stamp, Tier};
