//! Go's text/template, as rule files and Alertmanager's templates use it.
//!
//! Text enters and becomes a tree (`lex`, `parse`, `node`), the tree and a value become text (`eval`). Values print, compare and
//! are true or false as in Go. Nothing here runs without end: steps and output are counted, and an error names its line and column.

mod compare;
mod eval;
mod format;
mod functions;
mod lex;
mod mentions;
mod node;
mod parse;
mod print;
mod set;
#[cfg(test)]
mod tests;
mod time;
mod value;
mod world;

pub use lex::{Position, TemplateError};
pub use mentions::Mention;
pub use set::Templates;
pub use time::Moment;
pub use value::{Record, Table, Value};
pub use world::{Functions, Limits, World};
