//! Text to tokens: what stands between `{{` and `}}`, with trim markers and comments taken out.

use std::fmt;

/// A place in a template: line and column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.line, self.column)
    }
}

/// A template that cannot be read or carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{template}:{at}: {fault}")]
pub struct TemplateError {
    /// The template's name.
    pub template: String,
    /// Where in it.
    pub at: Position,
    /// What is wrong.
    pub fault: String,
}

/// What can go wrong before the template's name is known.
pub(super) type Fault = (Position, String);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// Text outside of any action.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// A name: a keyword, `true`, `nil` or a function.
    Word(String),
    /// `.a` with no dot alone: a field.
    Field(String),
    /// `.`
    Dot,
    /// `$` or `$name`.
    Variable(String),
    Quoted(String),
    Int(i64),
    Float(f64),
    Pipe,
    Comma,
    Declare,
    Assign,
    ParenOpen,
    ParenClose,
    /// White space inside an action; it parts arguments.
    Space,
}

pub(super) fn lex(text: &str) -> Result<Vec<(Position, Token)>, Fault> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1, column: 1, tokens: Vec::new() };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: u32,
    column: u32,
    tokens: Vec<(Position, Token)>,
}

impl Lexer {
    fn run(&mut self) -> Result<(), Fault> {
        let mut trim = false;
        loop {
            let here = self.position();
            let mut text = String::new();
            while self.at < self.chars.len() && !self.sees("{{") {
                text.extend(self.step());
            }
            let done = self.at == self.chars.len();
            let trims_before = !done && self.sees("{{-") && self.peek(3).is_some_and(char::is_whitespace);
            let mut kept = text.as_str();
            if trim {
                kept = kept.trim_start_matches(GO_SPACE);
            }
            if trims_before {
                kept = kept.trim_end_matches(GO_SPACE);
            }
            if !kept.is_empty() {
                self.tokens.push((here, Token::Text(kept.to_owned())));
            }
            if done {
                return Ok(());
            }
            trim = self.action(trims_before)?;
        }
    }

    /// Reads one action from its `{{` on; true if white space after it is to go.
    fn action(&mut self, trims_before: bool) -> Result<bool, Fault> {
        let here = self.position();
        self.skip(if trims_before { 4 } else { 2 });
        if self.sees("/*") {
            while !self.sees("*/") {
                self.step().ok_or_else(|| (here, "unclosed comment".to_owned()))?;
            }
            self.skip(2);
            return self.close().ok_or_else(|| (here, "comment ends before closing delimiter".to_owned()));
        }
        self.tokens.push((here, Token::Open));
        loop {
            let here = self.position();
            if let Some(trim) = self.close() {
                self.tokens.push((here, Token::Close));
                return Ok(trim);
            }
            let token = self.token(here)?;
            self.tokens.push((here, token));
        }
    }

    /// `}}`, or ` -}}` that trims what follows.
    fn close(&mut self) -> Option<bool> {
        let mut ahead = self.at;
        while self.chars.get(ahead).is_some_and(|c| c.is_whitespace()) {
            ahead += 1;
        }
        let rest =
            |from: usize, text: &str| text.chars().enumerate().all(|(n, c)| self.chars.get(from + n) == Some(&c));
        let trims = ahead > self.at && rest(ahead, "-}}");
        if !trims && !rest(self.at, "}}") {
            return None;
        }
        self.skip(if trims { ahead - self.at + 3 } else { 2 });
        Some(trims)
    }

    fn token(&mut self, here: Position) -> Result<Token, Fault> {
        let Some(first) = self.peek(0) else { return Err((here, "unclosed action".into())) };
        let second = self.peek(1);
        match first {
            c if c.is_whitespace() => {
                self.take_while(char::is_whitespace);
                Ok(Token::Space)
            }
            '"' => self.quoted(here),
            '`' => self.raw(here),
            '\'' => self.character(here),
            '|' => self.one(Token::Pipe),
            ',' => self.one(Token::Comma),
            '(' => self.one(Token::ParenOpen),
            ')' => self.one(Token::ParenClose),
            '=' => self.one(Token::Assign),
            ':' if second == Some('=') => {
                self.skip(2);
                Ok(Token::Declare)
            }
            '$' => {
                self.step();
                Ok(Token::Variable(self.take_while(is_word)))
            }
            '.' if !second.is_some_and(|c| c.is_ascii_digit()) => {
                self.step();
                let name = self.take_while(is_word);
                Ok(if name.is_empty() { Token::Dot } else { Token::Field(name) })
            }
            c if c.is_ascii_digit() || "+-.".contains(c) => self.number(here),
            c if is_word(c) => Ok(Token::Word(self.take_while(is_word))),
            c => Err((here, format!("unexpected {c:?} in an action"))),
        }
    }

    fn number(&mut self, here: Position) -> Result<Token, Fault> {
        let mut text = String::new();
        while let Some(c) = self.peek(0) {
            let sign_of_exponent =
                "+-".contains(c) && (text.is_empty() || text.ends_with(['e', 'E']) && !text.starts_with("0x"));
            if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign_of_exponent) {
                break;
            }
            text.extend(self.step());
        }
        number(&text.replace('_', "")).ok_or_else(|| (here, format!("bad number syntax: {text:?}")))
    }

    fn quoted(&mut self, here: Position) -> Result<Token, Fault> {
        self.step();
        let mut text = String::new();
        loop {
            match self.step() {
                None | Some('\n') => return Err((here, "unterminated quoted string".into())),
                Some('"') => return Ok(Token::Quoted(text)),
                Some('\\') => text.push(self.escape(here)?),
                Some(c) => text.push(c),
            }
        }
    }

    fn raw(&mut self, here: Position) -> Result<Token, Fault> {
        self.step();
        let text = self.take_while(|c| c != '`');
        self.step().map(|_| Token::Quoted(text)).ok_or_else(|| (here, "unterminated raw quoted string".into()))
    }

    fn character(&mut self, here: Position) -> Result<Token, Fault> {
        self.step();
        let c = match self.step() {
            Some('\\') => self.escape(here)?,
            Some(c) => c,
            None => '\'',
        };
        if self.step() == Some('\'') {
            Ok(Token::Int(i64::from(u32::from(c))))
        } else {
            Err((here, "unterminated character constant".into()))
        }
    }

    fn escape(&mut self, here: Position) -> Result<char, Fault> {
        let digits = |lexer: &mut Self, count, radix| {
            let text: String = (0..count).filter_map(|_| lexer.step()).collect();
            u32::from_str_radix(&text, radix).ok().and_then(char::from_u32)
        };
        let kind = self.step();
        let plain = match kind {
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('a') => Some('\x07'),
            Some('b') => Some('\x08'),
            Some('f') => Some('\x0c'),
            Some('v') => Some('\x0b'),
            Some(c @ ('\\' | '"' | '\'')) => Some(c),
            Some('x') => digits(self, 2, 16),
            Some('u') => digits(self, 4, 16),
            Some('U') => digits(self, 8, 16),
            Some(c) if c.is_digit(8) => {
                self.at -= 1;
                digits(self, 3, 8)
            }
            _ => None,
        };
        plain.ok_or_else(|| (here, "a string with an escape that Go does not know".into()))
    }

    fn one(&mut self, token: Token) -> Result<Token, Fault> {
        self.step();
        Ok(token)
    }

    fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn sees(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(n, c)| self.peek(n) == Some(c))
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.step();
        }
    }

    fn step(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while self.peek(0).is_some_and(&wanted) {
            text.extend(self.step());
        }
        text
    }
}

/// What Go's trim markers take away.
const GO_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Go: a constant is a float if it is written as one, else an integer.
fn number(text: &str) -> Option<Token> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let radix = [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2)];
    if let Some((prefix, radix)) = radix.iter().find(|(prefix, _)| digits.starts_with(prefix)) {
        return i64::from_str_radix(&digits[prefix.len()..], *radix).ok().map(|n| Token::Int(sign * n));
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if digits.contains(['.', 'e', 'E']) {
        return digits.parse::<f64>().ok().map(|n| Token::Float(sign as f64 * n));
    }
    digits.parse::<i64>().ok().map(|n| Token::Int(sign * n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[Token]) {
        let tokens: Vec<Token> = lex(text).unwrap().into_iter().map(|(_, token)| token).collect();
        assert_eq!(tokens, expected, "{text}");
    }

    #[test]
    fn text_is_trimmed_by_markers_only() {
        use Token::{Close, Dot, Open, Space, Text};
        check("a {{ . }} b", &[Text("a ".into()), Open, Space, Dot, Space, Close, Text(" b".into())]);
        check("a \n{{- . -}}\t b", &[Text("a".into()), Open, Dot, Close, Text("b".into())]);
        check("a {{- /* no */ -}} b", &[Text("a".into()), Text("b".into())]);
        check("{{-1}}", &[Open, Token::Int(-1), Close]);
    }

    #[test]
    fn constants_are_those_of_go() {
        use Token::{Close, Float, Int, Open};
        for (text, token) in [
            ("1", Int(1)),
            ("1.0", Float(1.0)),
            ("1e3", Float(1000.0)),
            ("0x1F", Int(31)),
            ("1_000", Int(1000)),
            ("'a'", Int(97)),
            (".5", Float(0.5)),
            (r#""a\tb\u00e9""#, Token::Quoted("a\tbé".into())),
            ("`a\\t`", Token::Quoted("a\\t".into())),
        ] {
            check(&format!("{{{{{text}}}}}"), &[Open, token, Close]);
        }
    }

    #[test]
    fn faults_have_places() {
        for (text, at, fault) in [
            ("ab\n {{ \"x }}", (2, 5), "unterminated"),
            ("{{ .a", (1, 6), "unclosed action"),
            ("{{ 1x }}", (1, 4), "bad number"),
            ("{{ # }}", (1, 4), "unexpected"),
            ("{{/* a }}", (1, 1), "unclosed comment"),
        ] {
            let (place, told) = lex(text).unwrap_err();
            assert_eq!((place.line, place.column), at, "{text}");
            assert!(told.contains(fault), "{text}: {told}");
        }
    }
}
