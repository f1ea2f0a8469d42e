//! Tokens to a tree, by recursive descent.

use super::check;
use super::error::ParseError;
use super::functions::function;
use super::lexer::{Placed, Token, tokens};
use super::number::number;
use super::tree::{
    AggregateExpr, BinaryExpr, Call, Edges, Expr, LabelModifier, NumberLiteral, ParenExpr, StringLiteral, UnaryExpr,
};

/// Depth to which expressions may stand in one another; each level takes some stack.
const MAX_DEPTH: usize = 128;

/// Operators and brackets of an expression. Where they do not nest, the tree is as deep all the same.
const MAX_OPERATORS: usize = 1_500;

/// How a query is asked, which `step()` and `range()` tell in its durations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Asked {
    /// Seconds from one step to the next; zero at an instant.
    pub step: f64,
    /// Seconds from the first step to the last.
    pub range: f64,
}

/// Parses an expression that is asked at an instant, and checks that its parts fit together.
///
/// # Errors
/// What is wrong, and where.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    parse_for(text, Asked::default())
}

/// As [`parse`], for a query that is asked so.
///
/// # Errors
/// What is wrong, and where.
pub fn parse_for(text: &str, asked: Asked) -> Result<Expr, ParseError> {
    let tokens = tokens(text)?;
    if tokens.len() == 1 {
        return Err(ParseError::new(0, "no expression found in input"));
    }
    let nests = |token: &Token<'_>| match token {
        Token::Sign(sign) => !matches!(*sign, ")" | "}" | "]" | "," | ":" | "@" | "{"),
        Token::Word(word) => binary_operator(word).is_some(),
        _ => false,
    };
    if tokens.iter().filter(|(token, _)| nests(token)).count() > MAX_OPERATORS {
        return Err(ParseError::new(0, format!("query has more than {MAX_OPERATORS} operators and parentheses")));
    }
    let mut parser = Parser { tokens, next: 0, depth: 0, asked };
    let expr = parser.binary(0)?;
    parser.end_with(&Token::End, "an operator or the end of the query")?;
    check_depth(&expr)?;
    Ok(expr)
}

fn check_depth(root: &Expr) -> Result<(), ParseError> {
    let mut open = vec![(root, 1)];
    while let Some((expr, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(too_deep(0));
        }
        open.extend(expr.children().into_iter().map(|child| (child, depth + 1)));
    }
    Ok(())
}

fn too_deep(place: usize) -> ParseError {
    ParseError::new(place, format!("query nests deeper than {MAX_DEPTH} levels"))
}

pub(super) struct Parser<'t> {
    pub(super) tokens: Vec<Placed<'t>>,
    pub(super) next: usize,
    depth: usize,
    pub(super) asked: Asked,
}

/// How tightly the operators bind; those of one number from the left, but for the power.
const POWER: u8 = 6;

/// An operator with its strength.
fn binary_operator(word: &str) -> Option<(&'static str, u8)> {
    const OPERATORS: [(&str, u8); 18] = [
        ("or", 1),
        ("and", 2),
        ("unless", 2),
        ("==", 3),
        ("!=", 3),
        ("<", 3),
        ("<=", 3),
        (">", 3),
        (">=", 3),
        ("</", 3),
        (">/", 3),
        ("+", 4),
        ("-", 4),
        ("*", 5),
        ("/", 5),
        ("%", 5),
        ("atan2", 5),
        ("^", POWER),
    ];
    OPERATORS.into_iter().find(|(operator, _)| operator.eq_ignore_ascii_case(word))
}

fn aggregation(word: &str) -> Option<&'static str> {
    const AGGREGATIONS: [&str; 14] = [
        "sum",
        "avg",
        "count",
        "min",
        "max",
        "group",
        "stddev",
        "stdvar",
        "topk",
        "bottomk",
        "count_values",
        "quantile",
        "limitk",
        "limit_ratio",
    ];
    AGGREGATIONS.into_iter().find(|aggregation| aggregation.eq_ignore_ascii_case(word))
}

/// Words that are no metric's name where an expression begins.
fn is_reserved(word: &str) -> bool {
    ["bool", "on", "ignoring", "group_left", "group_right", "atan2"].iter().any(|one| one.eq_ignore_ascii_case(word))
}

impl<'t> Parser<'t> {
    pub(super) fn peek(&self) -> &Token<'t> {
        &self.tokens[self.next].0
    }

    pub(super) fn place(&self) -> usize {
        self.tokens[self.next].1
    }

    pub(super) fn take(&mut self) -> Token<'t> {
        let token = self.tokens[self.next].0.clone();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        token
    }

    pub(super) fn takes(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Token::Sign(next) if *next == sign);
        if is {
            self.take();
        }
        is
    }

    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let is = matches!(self.peek(), Token::Word(next) if next.eq_ignore_ascii_case(word));
        if is {
            self.take();
        }
        is
    }

    pub(super) fn unexpected(&self, wanted: &str) -> ParseError {
        ParseError::new(self.place(), format!("unexpected {}, expected {wanted}", self.peek().told()))
    }

    fn end_with(&mut self, token: &Token<'_>, wanted: &str) -> Result<(), ParseError> {
        if self.peek() != token {
            return Err(self.unexpected(wanted));
        }
        self.take();
        Ok(())
    }

    pub(super) fn expect(&mut self, sign: &'static str) -> Result<(), ParseError> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(&format!("{sign:?}"))) }
    }

    /// What nests, as far as it may.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(self.place()));
        }
        let outcome = read(self)?;
        self.depth -= 1;
        Ok(outcome)
    }

    /// An expression whose operators bind as tightly as `least`.
    fn binary(&mut self, least: u8) -> Result<Expr, ParseError> {
        self.deeper(|parser| parser.operators(least))
    }

    fn operators(&mut self, least: u8) -> Result<Expr, ParseError> {
        let mut lhs = self.unary()?;
        loop {
            let operator = match self.peek() {
                Token::Sign(sign) => binary_operator(sign),
                Token::Word(word) => binary_operator(word),
                _ => None,
            };
            let Some((op, strength)) = operator.filter(|(_, strength)| *strength >= least) else { break };
            let place = self.place();
            self.take();
            let modifier = self.bin_modifier()?;
            let rhs = self.binary(if strength == POWER { strength } else { strength + 1 })?;
            let e = BinaryExpr { op, lhs: lhs.into(), rhs: rhs.into(), modifier, place };
            check::binary(&e)?;
            lhs = Expr::Binary(e);
        }
        Ok(lhs)
    }

    /// A sign binds as tightly as a multiplication: `-a ^ b` is `-(a ^ b)`.
    fn unary(&mut self) -> Result<Expr, ParseError> {
        let place = self.place();
        let is_minus = self.takes("-");
        if !is_minus && !self.takes("+") {
            return self.postfix();
        }
        let expr = self.binary(POWER)?;
        check::unary(&expr, place)?;
        Ok(match expr {
            expr if !is_minus => expr,
            Expr::NumberLiteral(number) => Expr::NumberLiteral(NumberLiteral { val: -number.val, place }),
            expr => Expr::Unary(UnaryExpr { expr: expr.into(), place }),
        })
    }

    fn postfix(&mut self) -> Result<Expr, ParseError> {
        let mut expr = self.primary()?;
        loop {
            let place = self.place();
            expr = if self.takes("[") {
                self.range(expr, place)?
            } else if self.takes_word("offset") {
                self.offset(expr, place)?
            } else if self.takes("@") {
                self.at(expr, place)?
            } else if self.takes_word("anchored") {
                self.edged(expr, Edges::Anchored, "anchored", place)?
            } else if self.takes_word("smoothed") {
                self.edged(expr, Edges::Smoothed, "smoothed", place)?
            } else {
                return Ok(expr);
            };
        }
    }

    fn primary(&mut self) -> Result<Expr, ParseError> {
        let place = self.place();
        match self.peek().clone() {
            Token::Number(text) => {
                let val = number(text).map_err(|problem| ParseError::new(place, problem))?;
                self.take();
                Ok(Expr::NumberLiteral(NumberLiteral { val, place }))
            }
            Token::Text(val) => {
                self.take();
                Ok(Expr::StringLiteral(StringLiteral { val, place }))
            }
            Token::Sign("(") => {
                self.take();
                let expr = self.binary(0)?;
                self.expect(")")?;
                Ok(Expr::Paren(ParenExpr { expr: expr.into(), place }))
            }
            Token::Sign("{") => self.selector(None, place),
            Token::Word(word) if !is_reserved(word) => {
                self.take();
                self.word(word, place)
            }
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn word(&mut self, word: &'t str, place: usize) -> Result<Expr, ParseError> {
        let is_called = matches!(self.peek(), Token::Sign("("));
        let is_grouped =
            matches!(self.peek(), Token::Word(next) if ["by", "without"].iter().any(|w| w.eq_ignore_ascii_case(next)));
        if let Some(op) = aggregation(word).filter(|_| is_called || is_grouped) {
            return self.aggregate(op, place);
        }
        if is_called {
            return self.call(word, place);
        }
        let constant = |val| Ok(Expr::NumberLiteral(NumberLiteral { val, place }));
        match word.to_ascii_lowercase().as_str() {
            "inf" => constant(f64::INFINITY),
            "nan" => constant(f64::NAN),
            _ => self.selector(Some(word), place),
        }
    }

    fn aggregate(&mut self, op: &'static str, place: usize) -> Result<Expr, ParseError> {
        let mut modifier = self.grouping()?;
        let mut args = self.arguments()?;
        if modifier.is_none() {
            modifier = self.grouping()?;
        }
        let wanted = if check::has_parameter(op) { 2 } else { 1 };
        if args.is_empty() {
            return Err(ParseError::new(place, "no arguments for aggregate expression provided"));
        }
        if args.len() != wanted {
            let given = args.len();
            let problem =
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {given}");
            return Err(ParseError::new(place, problem));
        }
        let Some(expr) = args.pop() else { return Err(self.unexpected("an expression")) };
        let e = AggregateExpr { op, expr: expr.into(), param: args.pop().map(Box::new), modifier, place };
        check::aggregate(&e)?;
        Ok(Expr::Aggregate(e))
    }

    fn grouping(&mut self) -> Result<Option<LabelModifier>, ParseError> {
        if self.takes_word("by") {
            return Ok(Some(LabelModifier::Include(self.labels()?)));
        }
        if self.takes_word("without") { Ok(Some(LabelModifier::Exclude(self.labels()?))) } else { Ok(None) }
    }

    fn call(&mut self, name: &str, place: usize) -> Result<Expr, ParseError> {
        let func =
            function(name).ok_or_else(|| ParseError::new(place, format!("unknown function with name {name:?}")))?;
        let args = self.arguments()?;
        let e = Call { func, args, place };
        check::call(&e)?;
        Ok(Expr::Call(e))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, ParseError> {
        self.expect("(")?;
        let mut args = Vec::new();
        while !self.takes(")") {
            if !args.is_empty() {
                if !self.takes(",") {
                    return Err(self.unexpected("\",\" or \")\""));
                }
                if matches!(self.peek(), Token::Sign(")")) {
                    return Err(ParseError::new(self.place(), "trailing commas not allowed in function call args"));
                }
            }
            args.push(self.binary(0)?);
        }
        Ok(args)
    }

    /// Label names in parentheses; a comma may follow the last.
    pub(super) fn labels(&mut self) -> Result<Vec<String>, ParseError> {
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.takes(")") {
            if !labels.is_empty() {
                if !self.takes(",") {
                    return Err(self.unexpected("\",\" or \")\""));
                }
                if self.takes(")") {
                    break;
                }
            }
            labels.push(self.label()?);
        }
        Ok(labels)
    }

    pub(super) fn label(&mut self) -> Result<String, ParseError> {
        match self.peek().clone() {
            Token::Word(word) if !word.contains(':') => {
                self.take();
                Ok(word.to_owned())
            }
            Token::Text(text) if !text.is_empty() => {
                self.take();
                Ok(text)
            }
            _ => Err(self.unexpected("a label name")),
        }
    }
}
