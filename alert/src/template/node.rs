//! The tree of a template.

use super::lex::Position;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    /// A pipeline whose result is printed, unless it only declares or assigns.
    Print(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    /// `template "name" pipeline`
    Call {
        at: Position,
        name: String,
        argument: Option<Pipe>,
    },
    Break,
    Continue,
}

#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(super) struct Pipe {
    pub(super) at: Position,
    pub(super) names: Vec<String>,
    /// `=` and not `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

/// Words parted by spaces: a function and its arguments, or one operand.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
}

#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) at: Position,
    pub(super) operand: Operand,
    /// Fields asked of the operand, from left to right.
    pub(super) fields: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Variable(String),
    Function(String),
    Pipe(Box<Pipe>),
}
