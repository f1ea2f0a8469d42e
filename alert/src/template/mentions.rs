//! Which labels a template asks for, so that a check can tell those that no series has.

use super::lex::Position;
use super::node::{Node, Operand, Pipe};
use super::parse::Parsed;

/// One label that a template asks of `$labels` or `.Labels`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Its name.
    pub label: String,
    /// Where.
    pub at: Position,
}

pub(super) fn mentions(parsed: &Parsed) -> Vec<Mention> {
    let mut found = Vec::new();
    // What a named template or a loop calls `.` is not known here, so only the text's own level tells of `.Labels`.
    list(&parsed.body, true, &mut found);
    parsed.defined.values().for_each(|nodes| list(nodes, false, &mut found));
    found
}

fn list(nodes: &[Node], own_dot: bool, found: &mut Vec<Mention>) {
    for node in nodes {
        match node {
            Node::Print(piped) => pipe(piped, own_dot, found),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                pipe(&branch.pipe, own_dot, found);
                list(&branch.body, own_dot && matches!(node, Node::If(_)), found);
                list(&branch.otherwise, own_dot, found);
            }
            Node::Call { argument: Some(piped), .. } => pipe(piped, own_dot, found),
            Node::Call { argument: None, .. } | Node::Text(_) | Node::Break | Node::Continue => {}
        }
    }
}

fn pipe(piped: &Pipe, own_dot: bool, found: &mut Vec<Mention>) {
    for word in piped.commands.iter().flat_map(|command| &command.words) {
        let label = match (&word.operand, word.fields.as_slice()) {
            (Operand::Variable(name), [label, ..]) if name == "labels" => Some(label),
            (Operand::Variable(name), [first, label, ..]) if name.is_empty() && first == "Labels" => Some(label),
            (Operand::Dot, [first, label, ..]) if own_dot && first == "Labels" => Some(label),
            (Operand::Pipe(inner), _) => {
                pipe(inner, own_dot, found);
                None
            }
            _ => None,
        };
        found.extend(label.map(|label| Mention { label: label.clone(), at: word.at }));
    }
}
