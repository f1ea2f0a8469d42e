//! Tokens to a tree, and the trees of what `define` and `block` name.

use std::collections::BTreeMap;

use super::functions::is_function;
use super::lex::{Fault, Position, Token, lex};
use super::node::{Branch, Command, Node, Operand, Pipe, Word};

/// What one text holds.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) body: Vec<Node>,
    pub(super) defined: BTreeMap<String, Vec<Node>>,
}

/// Reads a text. Variables in `known` are there before it begins.
pub(super) fn parse(text: &str, known: &[&str]) -> Result<Parsed, Fault> {
    let variables = known.iter().map(|&name| name.to_owned()).collect();
    let mut parser = Parser { tokens: lex(text)?, at: 0, defined: BTreeMap::new(), variables, depth: 0, loops: 0 };
    let (body, end) = parser.list()?;
    match end {
        Stop::OfText => Ok(Parsed { body, defined: parser.defined }),
        Stop::End(at) | Stop::Else(at) => Err((at, "an end or else without a beginning".into())),
    }
}

struct Parser {
    tokens: Vec<(Position, Token)>,
    at: usize,
    defined: BTreeMap<String, Vec<Node>>,
    /// In scope here; `$` is always.
    variables: Vec<String>,
    depth: usize,
    loops: usize,
}

enum Stop {
    OfText,
    End(Position),
    /// After the word `else`, before what follows it.
    Else(Position),
}

/// Deeper nesting is refused, so that no template can exhaust the stack.
const DEEPEST: usize = 100;

impl Parser {
    fn list(&mut self) -> Result<(Vec<Node>, Stop), Fault> {
        let mut nodes = Vec::new();
        while let Some((at, token)) = self.next() {
            match token {
                Token::Text(text) => nodes.push(Node::Text(text)),
                _ => {
                    self.space();
                    match self.keyword().as_str() {
                        "end" => return self.close().map(|()| (nodes, Stop::End(at))),
                        "else" => return Ok((nodes, Stop::Else(at))),
                        word => nodes.extend(self.action(word, at)?),
                    }
                }
            }
        }
        Ok((nodes, Stop::OfText))
    }

    fn action(&mut self, word: &str, at: Position) -> Result<Option<Node>, Fault> {
        let node = match word {
            "if" => Node::If(self.branch("if", at)?),
            "with" => Node::With(self.branch("with", at)?),
            "range" => Node::Range(self.branch("range", at)?),
            "define" => {
                let name = self.quoted(at, "define")?;
                self.close()?;
                self.define(name, at)?;
                return Ok(None);
            }
            "template" => Node::Call { at, name: self.quoted(at, "template")?, argument: self.argument()? },
            "block" => {
                let name = self.quoted(at, "block")?;
                let argument = self.argument()?;
                self.define(name.clone(), at)?;
                Node::Call { at, name, argument }
            }
            "break" | "continue" => {
                if self.loops == 0 {
                    return Err((at, format!("{word} outside of a range")));
                }
                self.close()?;
                if word == "break" { Node::Break } else { Node::Continue }
            }
            _ => {
                let pipe = self.pipe(at, false)?;
                self.close()?;
                Node::Print(pipe)
            }
        };
        Ok(Some(node))
    }

    fn define(&mut self, name: String, at: Position) -> Result<(), Fault> {
        let outer = std::mem::take(&mut self.variables);
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.deeper(at, Self::list)?;
        (self.variables, self.loops) = (outer, loops);
        match end {
            Stop::End(_) => {}
            _ => return Err((at, format!("the template {name:?} has no end"))),
        }
        self.defined.insert(name, body);
        Ok(())
    }

    fn branch(&mut self, word: &'static str, at: Position) -> Result<Branch, Fault> {
        let scope = self.variables.len();
        let pipe = self.pipe(at, word == "range")?;
        self.close()?;
        self.loops += usize::from(word == "range");
        let (body, end) = self.deeper(at, Self::list)?;
        self.loops -= usize::from(word == "range");
        let otherwise = match end {
            Stop::OfText => return Err((at, format!("this {word} has no end"))),
            Stop::End(_) => Vec::new(),
            Stop::Else(at) => self.otherwise(word, at)?,
        };
        self.variables.truncate(scope);
        Ok(Branch { pipe, body, otherwise })
    }

    /// What follows an `else`: a list of its own, or `else if` and `else with`, which share the end.
    fn otherwise(&mut self, word: &'static str, at: Position) -> Result<Vec<Node>, Fault> {
        self.space();
        match (self.keyword().as_str(), word) {
            ("if", "if") => Ok(vec![Node::If(self.deeper(at, |parser| parser.branch("if", at))?)]),
            ("with", "with") => Ok(vec![Node::With(self.deeper(at, |parser| parser.branch("with", at))?)]),
            ("", _) => {
                self.close()?;
                match self.deeper(at, Self::list)? {
                    (nodes, Stop::End(_)) => Ok(nodes),
                    _ => Err((at, format!("the else of this {word} has no end"))),
                }
            }
            (other, _) => Err((at, format!("else {other} does not follow {word}"))),
        }
    }

    fn argument(&mut self) -> Result<Option<Pipe>, Fault> {
        self.space();
        let here = self.here();
        if self.peek() == Some(&Token::Close) {
            self.close()?;
            return Ok(None);
        }
        let pipe = self.pipe(here, false)?;
        self.close()?;
        Ok(Some(pipe))
    }

    fn pipe(&mut self, at: Position, ranges: bool) -> Result<Pipe, Fault> {
        self.space();
        let (names, assigns) = self.declaration(ranges)?;
        let mut commands = vec![self.command()?];
        while self.peek() == Some(&Token::Pipe) {
            self.at += 1;
            self.space();
            let here = self.here();
            let command = self.command()?;
            if !matches!(
                command.words[0].operand,
                Operand::Function(_) | Operand::Dot | Operand::Variable(_) | Operand::Pipe(_)
            ) {
                return Err((here, "a pipe leads to a function only".into()));
            }
            commands.push(command);
        }
        if !assigns {
            self.variables.extend(names.iter().cloned());
        }
        Ok(Pipe { at, names, assigns, commands })
    }

    /// `$a :=`, `$a =` or, in a range, `$i, $v :=`.
    fn declaration(&mut self, ranges: bool) -> Result<(Vec<String>, bool), Fault> {
        let (start, mut names) = (self.at, Vec::new());
        while let Some(Token::Variable(name)) = self.peek().cloned() {
            let here = self.here();
            self.at += 1;
            self.space();
            names.push(name);
            match self.peek() {
                Some(Token::Comma) if ranges && names.len() == 1 => {
                    self.at += 1;
                    self.space();
                }
                Some(token @ (Token::Declare | Token::Assign)) => {
                    let assigns = *token == Token::Assign;
                    self.at += 1;
                    self.space();
                    let unknown = names.iter().find(|name| assigns && !self.variables.contains(name));
                    return unknown.map_or(Ok((names.clone(), assigns)), |name| {
                        Err((here, format!("undefined variable \"${name}\"")))
                    });
                }
                _ => break,
            }
        }
        self.at = start;
        Ok((Vec::new(), false))
    }

    fn command(&mut self) -> Result<Command, Fault> {
        let mut words = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(Token::Close | Token::Pipe | Token::ParenClose) | None => break,
                _ => words.push(self.word()?),
            }
        }
        if words.is_empty() {
            return Err((self.here(), "missing value".into()));
        }
        Ok(Command { words })
    }

    fn word(&mut self) -> Result<Word, Fault> {
        let Some((at, token)) = self.next() else { return Err((self.here(), "unclosed action".into())) };
        let mut fields = Vec::new();
        let operand = match token {
            Token::Dot => Operand::Dot,
            Token::Field(name) => {
                fields.push(name);
                Operand::Dot
            }
            Token::Int(number) => Operand::Int(number),
            Token::Float(number) => Operand::Float(number),
            Token::Quoted(text) => Operand::Text(text),
            Token::Variable(name) if name.is_empty() || self.variables.contains(&name) => Operand::Variable(name),
            Token::Variable(name) => return Err((at, format!("undefined variable \"${name}\""))),
            Token::Word(word) => named(word, at)?,
            Token::ParenOpen => {
                let pipe = self.deeper(at, |parser| parser.pipe(at, false))?;
                self.space();
                match self.next() {
                    Some((_, Token::ParenClose)) => Operand::Pipe(Box::new(pipe)),
                    _ => return Err((at, "unclosed left paren".into())),
                }
            }
            other => return Err((at, format!("unexpected {other:?} where a value is wanted"))),
        };
        while let Some(Token::Field(name)) = self.peek().cloned() {
            self.at += 1;
            fields.push(name);
        }
        Ok(Word { at, operand, fields })
    }

    fn deeper<T>(&mut self, at: Position, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEEPEST {
            return Err((at, format!("nested deeper than {DEEPEST}")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// The word here if it begins a control action, else nothing; it is passed.
    fn keyword(&mut self) -> String {
        match self.peek() {
            Some(Token::Word(word)) if KEYWORDS.contains(&word.as_str()) => {
                let word = word.clone();
                self.at += 1;
                word
            }
            _ => String::new(),
        }
    }

    fn quoted(&mut self, at: Position, of: &str) -> Result<String, Fault> {
        self.space();
        match self.next() {
            Some((_, Token::Quoted(name))) => Ok(name),
            _ => Err((at, format!("{of} wants a name in quotes"))),
        }
    }

    fn close(&mut self) -> Result<(), Fault> {
        self.space();
        let here = self.here();
        match self.next() {
            Some((_, Token::Close)) => Ok(()),
            _ => Err((here, "more than belongs to this action".into())),
        }
    }

    fn space(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.at += 1;
        }
    }

    fn here(&self) -> Position {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(Position { line: 1, column: 1 }, |(at, _)| *at)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn next(&mut self) -> Option<(Position, Token)> {
        let token = self.tokens.get(self.at).cloned()?;
        self.at += 1;
        Some(token)
    }
}

const KEYWORDS: [&str; 10] = ["if", "with", "range", "define", "template", "block", "end", "else", "break", "continue"];

fn named(word: String, at: Position) -> Result<Operand, Fault> {
    match word.as_str() {
        "nil" => Ok(Operand::Nil),
        "true" => Ok(Operand::Bool(true)),
        "false" => Ok(Operand::Bool(false)),
        name if is_function(name) => Ok(Operand::Function(word)),
        _ => Err((at, format!("function {word:?} not defined"))),
    }
}
