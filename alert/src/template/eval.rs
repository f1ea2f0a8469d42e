//! A tree and a value become text.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::functions::{call, escape_html, field};
use super::lex::{Fault, Position};
use super::node::{Branch, Command, Node, Operand, Pipe, Word};
use super::print::print;
use super::value::Value;
use super::world::{Limits, World};

/// Where values are printed into HTML, they are escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Html,
}

pub(super) struct Run<'r> {
    pub(super) templates: &'r BTreeMap<String, Arc<Vec<Node>>>,
    pub(super) world: World<'r>,
    pub(super) limits: Limits,
    pub(super) form: Form,
    pub(super) variables: Vec<(String, Value)>,
    pub(super) out: String,
    pub(super) depth: usize,
}

enum Flow {
    On,
    Break,
    Continue,
}

const TOO_MANY_STEPS: &str = "the template takes too many steps";
/// Go lets 100,000; each of ours takes a stretch of the stack.
const DEEPEST_CALL: usize = 50;

impl Run<'_> {
    pub(super) fn text(&mut self, nodes: &[Node], dot: &Value) -> Result<(), Fault> {
        self.list(nodes, dot).map(drop)
    }

    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Fault> {
        let scope = self.variables.len();
        for node in nodes {
            match self.node(node, dot)? {
                Flow::On => {}
                other => {
                    self.variables.truncate(scope);
                    return Ok(other);
                }
            }
        }
        self.variables.truncate(scope);
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, Fault> {
        match node {
            Node::Text(text) => self.write(text, Position::default())?,
            Node::Print(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.names.is_empty() {
                    self.print(&value, pipe.at)?;
                }
            }
            Node::If(branch) | Node::With(branch) => {
                let scope = self.variables.len();
                let value = self.pipe(&branch.pipe, dot)?;
                let flow = match (node, value.is_true()) {
                    (_, false) => self.list(&branch.otherwise, dot)?,
                    (Node::With(_), true) => self.list(&branch.body, &value)?,
                    (_, true) => self.list(&branch.body, dot)?,
                };
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Range(branch) => return self.range(branch, dot),
            Node::Call { at, name, argument } => {
                let value = argument.as_ref().map_or(Ok(Value::Nil), |pipe| self.pipe(pipe, dot))?;
                self.invoke(name, value, *at)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Fault> {
        let scope = self.variables.len();
        let pipe = &branch.pipe;
        let items: Vec<(Value, Value)> = match self.bare(pipe, dot)? {
            Value::List(values) => {
                values.iter().enumerate().map(|(n, value)| (Value::Int(n as i64), value.clone())).collect()
            }
            Value::Map(table) => {
                table.entries.iter().map(|(key, value)| (Value::Text(key.clone()), value.clone())).collect()
            }
            Value::Int(count) if count > i64::from(self.limits.steps) => {
                return Err((pipe.at, TOO_MANY_STEPS.to_owned()));
            }
            Value::Int(count) => (0..count).map(|n| (Value::Int(n), Value::Int(n))).collect(),
            Value::Nil => Vec::new(),
            other => return Err((pipe.at, format!("range can't iterate over {}", print(&other)))),
        };
        if items.is_empty() {
            return self.list(&branch.otherwise, dot);
        }
        for (key, value) in items {
            self.step(pipe.at)?;
            match pipe.names.as_slice() {
                [] => {}
                [one] => self.bind(one, value.clone(), pipe.assigns),
                [first, second, ..] => {
                    self.bind(first, key, pipe.assigns);
                    self.bind(second, value.clone(), pipe.assigns);
                }
            }
            let flow = self.list(&branch.body, &value)?;
            self.variables.truncate(scope);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(Flow::On)
    }

    /// Carries out the template of that name with a fresh set of variables.
    pub(super) fn invoke(&mut self, name: &str, dot: Value, at: Position) -> Result<(), Fault> {
        let Some(nodes) = self.templates.get(name) else { return Err((at, format!("template {name:?} not defined"))) };
        if self.depth == DEEPEST_CALL {
            return Err((at, format!("templates that call each other deeper than {DEEPEST_CALL}")));
        }
        let outer = std::mem::replace(&mut self.variables, vec![(String::new(), dot.clone())]);
        self.depth += 1;
        self.list(nodes, &dot)?;
        self.depth -= 1;
        self.variables = outer;
        Ok(())
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let value = self.bare(pipe, dot)?;
        if let Some(name) = pipe.names.first() {
            self.bind(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    /// A pipeline's value, with nothing bound.
    fn bare(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn bind(&mut self, name: &str, value: Value, assigns: bool) {
        let there = self.variables.iter_mut().rev().find(|(known, _)| assigns && known == name);
        match there {
            Some((_, old)) => *old = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    fn command(&mut self, command: &Command, dot: &Value, last: Option<Value>) -> Result<Value, Fault> {
        let Some((first, others)) = command.words.split_first() else { return Ok(Value::Nil) };
        if let Operand::Function(name) = &first.operand {
            let value = self.function(name, first.at, others, dot, last)?;
            return first.fields.iter().try_fold(value, |value, name| self.field(&value, name, &[], first.at));
        }
        let mut arguments = self.words(others, dot)?;
        arguments.extend(last);
        match first.fields.split_last() {
            Some((method, path)) => {
                let mut value = self.operand(first, dot)?;
                for name in path {
                    value = self.field(&value, name, &[], first.at)?;
                }
                self.field(&value, method, &arguments, first.at)
            }
            None if arguments.is_empty() => self.operand(first, dot),
            None => Err((first.at, "can't give argument to non-function".into())),
        }
    }

    fn function(
        &mut self,
        name: &str,
        at: Position,
        others: &[Word],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, Fault> {
        self.step(at)?;
        if name == "and" || name == "or" {
            return self.logic(name == "or", others, dot, last, at);
        }
        let mut arguments = self.words(others, dot)?;
        arguments.extend(last);
        if name == "tmpl" {
            return self.template_as_value(&arguments, at);
        }
        let value =
            call(name, &arguments, &self.world).map_err(|fault| (at, format!("error calling {name}: {fault}")))?;
        if let Value::Text(text) | Value::Html(text) = &value {
            self.charge(text.len(), at)?;
        }
        Ok(value)
    }

    /// `and` and `or` stop at the first word that decides.
    fn logic(
        &mut self,
        until: bool,
        words: &[Word],
        dot: &Value,
        last: Option<Value>,
        at: Position,
    ) -> Result<Value, Fault> {
        let mut value = None;
        for word in words {
            let next = self.word(word, dot)?;
            if next.is_true() == until {
                return Ok(next);
            }
            value = Some(next);
        }
        last.or(value).ok_or_else(|| (at, "wrong number of args: want at least 1".into()))
    }

    /// `tmpl name data`: a template's text as a value.
    fn template_as_value(&mut self, arguments: &[Value], at: Position) -> Result<Value, Fault> {
        let [Value::Text(name), data] = arguments else { return Err((at, "tmpl wants a name and a value".into())) };
        let start = self.out.len();
        self.invoke(name, data.clone(), at)?;
        Ok(Value::Html(self.out.split_off(start).into()))
    }

    fn words(&mut self, words: &[Word], dot: &Value) -> Result<Vec<Value>, Fault> {
        words.iter().map(|word| self.word(word, dot)).collect()
    }

    fn word(&mut self, word: &Word, dot: &Value) -> Result<Value, Fault> {
        let value = match &word.operand {
            Operand::Function(name) => self.function(name, word.at, &[], dot, None)?,
            _ => self.operand(word, dot)?,
        };
        word.fields.iter().try_fold(value, |value, name| self.field(&value, name, &[], word.at))
    }

    fn operand(&mut self, word: &Word, dot: &Value) -> Result<Value, Fault> {
        self.step(word.at)?;
        Ok(match &word.operand {
            Operand::Dot => dot.clone(),
            Operand::Nil | Operand::Function(_) => Value::Nil,
            Operand::Bool(truth) => Value::Bool(*truth),
            Operand::Int(number) => Value::Int(*number),
            Operand::Float(number) => Value::Float(*number),
            Operand::Text(text) => Value::text(text),
            Operand::Variable(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                found
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| (word.at, format!("undefined variable \"${name}\"")))?
            }
            Operand::Pipe(pipe) => self.pipe(pipe, dot)?,
        })
    }

    fn field(&self, value: &Value, name: &str, arguments: &[Value], at: Position) -> Result<Value, Fault> {
        field(value, name, arguments).map_err(|fault| (at, fault))
    }

    fn print(&mut self, value: &Value, at: Position) -> Result<(), Fault> {
        let text = match value {
            Value::Nil => "<no value>".into(),
            other => print(other),
        };
        match (self.form, value) {
            (Form::Html, Value::Html(_)) | (Form::Text, _) => self.write(&text, at),
            (Form::Html, _) => self.write(&escape_html(&text), at),
        }
    }

    fn write(&mut self, text: &str, at: Position) -> Result<(), Fault> {
        self.charge(text.len(), at)?;
        self.out.push_str(text);
        Ok(())
    }

    fn step(&mut self, at: Position) -> Result<(), Fault> {
        self.limits.steps = self.limits.steps.checked_sub(1).ok_or_else(|| (at, TOO_MANY_STEPS.to_owned()))?;
        Ok(())
    }

    fn charge(&mut self, bytes: usize, at: Position) -> Result<(), Fault> {
        let left = self.limits.size_bytes.checked_sub(bytes);
        self.limits.size_bytes = left.ok_or_else(|| (at, "the template's text grows too large".to_owned()))?;
        Ok(())
    }
}
