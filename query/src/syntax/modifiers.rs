//! What stands between an operator and its right side, and after a selector.

use super::error::ParseError;
use super::lexer::Token;
use super::number::number;
use super::parser::Parser;
use super::tree::{BinModifier, Edges, Expr, LabelModifier, VectorMatchCardinality};

impl Parser<'_> {
    pub(super) fn bin_modifier(&mut self) -> Result<Option<BinModifier>, ParseError> {
        let mut modifier = BinModifier { return_bool: self.takes_word("bool"), ..BinModifier::default() };
        if self.takes_word("on") {
            modifier.matching = Some(LabelModifier::Include(self.labels()?));
        } else if self.takes_word("ignoring") {
            modifier.matching = Some(LabelModifier::Exclude(self.labels()?));
        }
        if modifier.matching.is_some() {
            let left = self.takes_word("group_left");
            if left || self.takes_word("group_right") {
                let include = if matches!(self.peek(), Token::Sign("(")) { self.labels()? } else { Vec::new() };
                modifier.card = match left {
                    true => VectorMatchCardinality::ManyToOne(include),
                    false => VectorMatchCardinality::OneToMany(include),
                };
            }
        }
        self.fill(&mut modifier)?;
        Ok(Some(modifier).filter(|modifier| *modifier != BinModifier::default()))
    }

    /// `fill(0)`, or `fill_left(0)` and `fill_right(0)` in any order. What no parenthesis follows is a metric's name.
    fn fill(&mut self, modifier: &mut BinModifier) -> Result<(), ParseError> {
        while let Token::Word(word) = *self.peek() {
            let sides = match word.to_ascii_lowercase().as_str() {
                "fill" => (true, true),
                "fill_left" => (true, false),
                "fill_right" => (false, true),
                _ => break,
            };
            let is_taken = sides.0 && modifier.fill_left.is_some() || sides.1 && modifier.fill_right.is_some();
            if is_taken || !matches!(self.tokens.get(self.next + 1), Some((Token::Sign("("), _))) {
                break;
            }
            self.take();
            self.take();
            let value = self.signed_number()?;
            self.expect(")")?;
            modifier.fill_left = if sides.0 { Some(value) } else { modifier.fill_left };
            modifier.fill_right = if sides.1 { Some(value) } else { modifier.fill_right };
        }
        Ok(())
    }

    fn signed_number(&mut self) -> Result<f64, ParseError> {
        let is_minus = self.takes("-");
        if !is_minus {
            self.takes("+");
        }
        let place = self.place();
        let value = match *self.peek() {
            Token::Number(text) => number(text).map_err(|problem| ParseError::new(place, problem))?,
            Token::Word(word) if word.eq_ignore_ascii_case("inf") => f64::INFINITY,
            Token::Word(word) if word.eq_ignore_ascii_case("nan") => f64::NAN,
            _ => return Err(self.unexpected("a number")),
        };
        self.take();
        Ok(if is_minus { -value } else { value })
    }

    /// A selector whose edges are asked for.
    pub(super) fn edged(&self, mut expr: Expr, edges: Edges, word: &str, place: usize) -> Result<Expr, ParseError> {
        let wrong = |problem: String| Err(ParseError::new(place, problem));
        let slot = match &mut expr {
            Expr::VectorSelector(vs) => &mut vs.edges,
            Expr::MatrixSelector(range) => &mut range.vs.edges,
            Expr::Subquery(_) => return wrong(format!("{word} modifier is not supported for subqueries")),
            _ => return wrong(format!("{word} modifier not implemented")),
        };
        if *slot != Edges::Within && *slot != edges {
            return wrong("anchored and smoothed modifiers cannot be used together".into());
        }
        *slot = edges;
        Ok(expr)
    }
}
