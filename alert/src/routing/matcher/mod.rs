//! Matchers: a label's name, an operator and a value, in both of Alertmanager's notations.

mod classic;
mod list;
mod one;
mod utf8;

pub use list::{read_one, read_several};
pub use one::{Labels, Matcher, Operator, all_match};
