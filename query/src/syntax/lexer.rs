//! Text to tokens, each with its place.

use super::error::ParseError;
use super::strings;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    /// A name, perhaps with colons, or a keyword.
    Word(&'t str),
    /// A number as it is written, or a duration.
    Number(&'t str),
    /// The text of a string.
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    /// Nothing more.
    End,
}

impl Token<'_> {
    /// As it is told in errors.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Word(word) => format!("{word:?}"),
            Self::Number(number) => format!("number {number:?}"),
            Self::Text(text) => format!("string {text:?}"),
            Self::Sign(sign) => format!("{sign:?}"),
            Self::End => "end of input".into(),
        }
    }
}

/// A token and the byte at which it begins.
pub(super) type Placed<'t> = (Token<'t>, usize);

/// Longer ones first.
const SIGNS: [&str; 27] = [
    "</", ">/", "==", "!=", "<=", ">=", "=~", "!~", "+", "-", "*", "/", "%", "^", "<", ">", "=", "(", ")", "{", "}",
    "[", "]", ",", ":", "@", "!",
];

/// All tokens, an end among them.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed<'_>>, ParseError> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    let mut brackets = 0_i32;
    loop {
        at += blank(&text[at..]);
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            tokens.push((Token::End, text.len()));
            return Ok(tokens);
        };
        let began = at;
        let token = match first {
            '"' | '\'' | '`' => {
                let (value, length) = strings::read(rest).map_err(|problem| ParseError::new(began, problem))?;
                at += length;
                Token::Text(value)
            }
            '0'..='9' => Token::Number(take(text, &mut at, number(rest))),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                Token::Number(take(text, &mut at, number(rest)))
            }
            // Within brackets a colon is between a range and its step.
            _ if is_of_word(first) && first != '.' && (first != ':' || brackets == 0) => {
                let length = rest.find(|c: char| !is_of_word(c) || c == ':' && brackets > 0).unwrap_or(rest.len());
                Token::Word(take(text, &mut at, length))
            }
            _ => {
                let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
                    return Err(ParseError::new(began, format!("unexpected character: {first:?}")));
                };
                at += sign.len();
                brackets += i32::from(*sign == "[") - i32::from(*sign == "]");
                Token::Sign(sign)
            }
        };
        tokens.push((token, began));
    }
}

fn take<'t>(text: &'t str, at: &mut usize, length: usize) -> &'t str {
    let taken = &text[*at..*at + length];
    *at += length;
    taken
}

/// Blanks and comments.
fn blank(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        if !rest.starts_with('#') {
            return text.len() - rest.len();
        }
        rest = rest.find(['\n', '\r']).map_or("", |end| &rest[end..]);
    }
}

/// Names are words of ASCII in most places; letters of others and points are taken without quotes as well.
fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.') || !c.is_ascii() && c.is_alphabetic()
}

/// The length of a number or duration: letters and digits, a point, and the sign of an exponent.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_hexadecimal = text.len() > 1 && bytes[0] == b'0' && matches!(bytes[1], b'x' | b'X');
    let part = |at: usize| match bytes[at] {
        b'+' | b'-' => {
            // `1e+5`, but not `1m+5`, nor `0x1e+5`.
            let exponent = matches!(bytes[at - 1], b'e' | b'E') && !is_hexadecimal;
            exponent && bytes[..at - 1].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        }
        byte => byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'),
    };
    (1..bytes.len()).find(|&at| !part(at)).unwrap_or(bytes.len())
}
