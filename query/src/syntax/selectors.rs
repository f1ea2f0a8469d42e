//! Selectors, and what follows an expression: its range, its offset, its instant.

use std::time::Duration;

use weir_store::MatchOp;

use crate::labels::METRIC_NAME;

use super::error::ParseError;
use super::lexer::Token;
use super::number::{number, seconds};
use super::parser::Parser;
use super::tree::{AtModifier, Edges, Expr, LabelMatcher, MatrixSelector, Offset, SubqueryExpr, VectorSelector};
use super::value_type::ValueType;

impl Parser<'_> {
    pub(super) fn selector(&mut self, name: Option<&str>, place: usize) -> Result<Expr, ParseError> {
        let mut selector = VectorSelector {
            name: name.map(str::to_owned),
            matchers: Vec::new(),
            offset: None,
            at: None,
            edges: Edges::Within,
            place,
        };
        if self.takes("{") {
            let mut first = true;
            while !self.takes("}") {
                if !first {
                    if !self.takes(",") {
                        return Err(self.unexpected("\",\" or \"}\""));
                    }
                    if self.takes("}") {
                        break;
                    }
                }
                first = false;
                self.condition(&mut selector)?;
            }
        }
        Ok(Expr::VectorSelector(selector))
    }

    fn condition(&mut self, selector: &mut VectorSelector) -> Result<(), ParseError> {
        let (place, is_text) = (self.place(), matches!(self.peek(), Token::Text(_)));
        let name = self.label()?;
        let op = match self.peek() {
            Token::Sign("=") => MatchOp::Equal,
            Token::Sign("!=") => MatchOp::NotEqual,
            Token::Sign("=~") => MatchOp::Regex,
            Token::Sign("!~") => MatchOp::NotRegex,
            // A text alone is the metric's name.
            Token::Sign("," | "}") if is_text => {
                return match &selector.name {
                    Some(before) => Err(set_twice(before, &name, place)),
                    None => {
                        selector.name = Some(name);
                        Ok(())
                    }
                };
            }
            _ => return Err(self.unexpected("one of =, !=, =~ and !~")),
        };
        self.take();
        let Token::Text(value) = self.peek().clone() else { return Err(self.unexpected("a string")) };
        self.take();
        if name == METRIC_NAME
            && op == MatchOp::Equal
            && let Some(before) = &selector.name
        {
            return Err(set_twice(before, &value, place));
        }
        selector.matchers.push(LabelMatcher { name, op, value });
        Ok(())
    }

    /// What follows an opening bracket.
    pub(super) fn range(&mut self, expr: Expr, place: usize) -> Result<Expr, ParseError> {
        let range = self.span()?;
        if self.takes(":") {
            let step = if matches!(self.peek(), Token::Sign("]")) { None } else { Some(self.span()?) };
            self.expect("]")?;
            if expr.value_type() != ValueType::Vector {
                let found = expr.value_type().told();
                return Err(ParseError::new(
                    place,
                    format!("subquery is only allowed on instant vector, got {found} instead"),
                ));
            }
            return Ok(Expr::Subquery(SubqueryExpr { expr: expr.into(), range, step, offset: None, at: None }));
        }
        if !self.takes("]") {
            return Err(self.unexpected("\":\" or \"]\""));
        }
        let wrong = |problem: &str| Err(ParseError::new(place, problem));
        match expr {
            Expr::VectorSelector(vs) if vs.offset.is_some() => wrong("no offset modifiers allowed before range"),
            Expr::VectorSelector(vs) if vs.at.is_some() => wrong("no @ modifiers allowed before range"),
            Expr::VectorSelector(vs) => Ok(Expr::MatrixSelector(MatrixSelector { vs, range })),
            _ => wrong("ranges only allowed for vector selectors"),
        }
    }

    /// A duration above zero, which may be computed.
    fn span(&mut self) -> Result<Duration, ParseError> {
        let place = self.place();
        let span = self.seconds(0)?;
        if span <= 0.0 {
            return Err(ParseError::new(place, "duration must be greater than 0"));
        }
        as_duration(span, place)
    }

    /// A computed number of seconds, of operators that bind as tightly as `least`.
    fn seconds(&mut self, least: u8) -> Result<f64, ParseError> {
        // As among numbers, a power binds tighter than a sign.
        let mut lhs = if self.takes("-") {
            -self.deeper(|parser| parser.seconds(3))?
        } else {
            self.takes("+");
            self.seconds_of_one()?
        };
        while let Token::Sign(sign) = *self.peek() {
            let Some(strength) = arithmetic(sign).filter(|strength| *strength >= least) else { break };
            let place = self.place();
            self.take();
            let rhs = self.seconds(if sign == "^" { strength } else { strength + 1 })?;
            lhs = match sign {
                "+" => lhs + rhs,
                "-" => lhs - rhs,
                "*" => lhs * rhs,
                "/" | "%" if rhs == 0.0 => return Err(ParseError::new(place, "division by zero")),
                "/" => lhs / rhs,
                "%" => lhs % rhs,
                _ => lhs.powf(rhs),
            };
        }
        Ok(lhs)
    }

    /// A duration, a number of seconds, or what parentheses have of them.
    fn seconds_of_one(&mut self) -> Result<f64, ParseError> {
        let place = self.place();
        if self.takes("-") {
            return Ok(-self.deeper(Self::seconds_of_one)?);
        }
        if self.takes("+") {
            return self.deeper(Self::seconds_of_one);
        }
        if self.takes("(") {
            let inner = self.deeper(|parser| parser.seconds(0))?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Token::Word(word) = *self.peek() {
            return self.seconds_of_word(word);
        }
        let Token::Number(text) = *self.peek() else { return Err(self.unexpected("a duration")) };
        let seconds = number(text).map_err(|problem| ParseError::new(place, problem))?;
        self.take();
        Ok(seconds)
    }

    /// `step()`, `range()`, and the smaller or larger of two.
    fn seconds_of_word(&mut self, word: &str) -> Result<f64, ParseError> {
        let of_two: fn(f64, f64) -> f64 = match word.to_ascii_lowercase().as_str() {
            "step" | "range" => {
                let seconds = if word.eq_ignore_ascii_case("step") { self.asked.step } else { self.asked.range };
                self.take();
                self.expect("(")?;
                self.expect(")")?;
                return Ok(seconds);
            }
            "min_of" => f64::min,
            "max_of" => f64::max,
            _ => return Err(self.unexpected("a duration")),
        };
        self.take();
        self.expect("(")?;
        let one = self.deeper(|parser| parser.seconds(0))?;
        self.expect(",")?;
        let other = self.deeper(|parser| parser.seconds(0))?;
        self.expect(")")?;
        Ok(of_two(one, other))
    }

    pub(super) fn offset(&mut self, mut expr: Expr, place: usize) -> Result<Expr, ParseError> {
        let by = self.seconds_of_one()?;
        let length = as_duration(by.abs(), place)?;
        let offset = if by < 0.0 { Offset::Neg(length) } else { Offset::Pos(length) };
        let slot = match &mut expr {
            Expr::VectorSelector(vs) => &mut vs.offset,
            Expr::MatrixSelector(range) => &mut range.vs.offset,
            Expr::Subquery(e) => &mut e.offset,
            _ => return Err(misplaced("offset", place)),
        };
        if slot.replace(offset).is_some() {
            return Err(ParseError::new(place, "offset may not be set multiple times"));
        }
        Ok(expr)
    }

    pub(super) fn at(&mut self, mut expr: Expr, place: usize) -> Result<Expr, ParseError> {
        let at = self.instant()?;
        let slot = match &mut expr {
            Expr::VectorSelector(vs) => &mut vs.at,
            Expr::MatrixSelector(range) => &mut range.vs.at,
            Expr::Subquery(e) => &mut e.at,
            _ => return Err(misplaced("@", place)),
        };
        if slot.replace(at).is_some() {
            return Err(ParseError::new(place, "@ <timestamp> may not be set multiple times"));
        }
        Ok(expr)
    }

    fn instant(&mut self) -> Result<AtModifier, ParseError> {
        let place = self.place();
        for (word, at) in [("start", AtModifier::Start), ("end", AtModifier::End)] {
            if self.takes_word(word) {
                self.expect("(")?;
                self.expect(")")?;
                return Ok(at);
            }
        }
        let is_minus = self.takes("-");
        if !is_minus {
            self.takes("+");
        }
        let number = match self.peek() {
            Token::Number(text) => number(text).map_err(|problem| ParseError::new(place, problem))?,
            Token::Word(word) if word.eq_ignore_ascii_case("inf") => f64::INFINITY,
            Token::Word(word) if word.eq_ignore_ascii_case("nan") => f64::NAN,
            _ => return Err(self.unexpected("a timestamp, start() or end()")),
        };
        self.take();
        let millis = (if is_minus { -number } else { number } * 1e3).round();
        if millis.is_nan() || millis.abs() >= i64::MAX as f64 {
            return Err(ParseError::new(place, format!("timestamp out of bounds for @ modifier: {number}")));
        }
        Ok(AtModifier::At(millis as i64))
    }
}

/// How tightly an operator between durations binds.
fn arithmetic(sign: &str) -> Option<u8> {
    match sign {
        "+" | "-" => Some(1),
        "*" | "/" | "%" => Some(2),
        "^" => Some(3),
        _ => None,
    }
}

fn as_duration(number: f64, place: usize) -> Result<Duration, ParseError> {
    seconds(number).ok_or_else(|| ParseError::new(place, format!("duration {number:e}s is out of range")))
}

fn set_twice(one: &str, other: &str, place: usize) -> ParseError {
    ParseError::new(place, format!("metric name must not be set twice: {one:?} or {other:?}"))
}

fn misplaced(modifier: &str, place: usize) -> ParseError {
    let problem = format!(
        "{modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery"
    );
    ParseError::new(place, problem)
}
