//! The newer notation: any UTF-8 in names and values, in quotes where it holds more than a word.

use super::one::{Matcher, Operator};

#[derive(Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Operator(Operator),
    Word(String),
}

/// One matcher or several; with braces around, or none.
pub(super) fn read(text: &str) -> Result<Vec<Matcher>, String> {
    let tokens = lex(text)?;
    let inner = match tokens.as_slice() {
        [Token::Open, inner @ .., Token::Close] => inner,
        [Token::Open, ..] => return Err(format!("{text}: no closing brace")),
        other => other,
    };
    if inner.iter().any(|token| matches!(token, Token::Open | Token::Close)) {
        return Err(format!("{text}: a brace inside of the matchers"));
    }
    let mut parts: Vec<&[Token]> = inner.split(|token| *token == Token::Comma).collect();
    // A comma may stand after the last.
    if parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    let one = |part: &[Token]| match part {
        [Token::Word(name), Token::Operator(operator), Token::Word(value)] => Matcher::new(name, *operator, value),
        _ => Err(format!("{text}: expected a label name, an operator such as '=' and a value")),
    };
    parts.into_iter().map(one).collect()
}

fn lex(text: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut letters) = (Vec::new(), text.chars().peekable());
    while let Some(c) = letters.next() {
        let token = match c {
            c if c.is_whitespace() => continue,
            '{' => Token::Open,
            '}' => Token::Close,
            ',' => Token::Comma,
            '=' if letters.next_if_eq(&'~').is_some() => Token::Operator(Operator::Regex),
            '=' => Token::Operator(Operator::Equal),
            '!' if letters.next_if_eq(&'=').is_some() => Token::Operator(Operator::NotEqual),
            '!' if letters.next_if_eq(&'~').is_some() => Token::Operator(Operator::NotRegex),
            '"' => Token::Word(
                quoted(&mut letters)
                    .ok_or_else(|| format!("{text}: a quote that is not closed, or a bad escape in it"))?,
            ),
            c if RESERVED.contains(c) => return Err(format!("{text}: unexpected {c}")),
            c => {
                let mut word = String::from(c);
                while let Some(c) = letters.next_if(|c| !c.is_whitespace() && !RESERVED.contains(*c)) {
                    word.push(c);
                }
                Token::Word(word)
            }
        };
        tokens.push(token);
    }
    Ok(tokens)
}

/// Characters that no word without quotes may hold.
const RESERVED: &str = "{}!=~,\\\"'`";

fn quoted(letters: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut out = String::new();
    loop {
        match letters.next()? {
            '"' => return Some(out),
            '\\' => out.push(match letters.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                c @ ('"' | '\\') => c,
                'u' => u32::from_str_radix(&letters.by_ref().take(4).collect::<String>(), 16)
                    .ok()
                    .and_then(char::from_u32)?,
                _ => return None,
            }),
            c => out.push(c),
        }
    }
}
