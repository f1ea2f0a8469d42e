//! Where an expression breaks off: the parser says what is wrong, but not always where.

use weir_query::{Query, QueryError};

/// An expression that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct BadExpression {
    /// Byte of the expression at which it goes wrong.
    pub offset: usize,
    /// What is wrong.
    pub problem: String,
}

/// What might stand next in a sound expression.
const NEXT: [&str; 13] =
    ["", " x", "[5m]", "(x)", "(1)", " 1", "x=\"\"", "=\"\"", "\"\"", "5m", " (x) x", "(x[5m])", "m"];

/// Longest expression that is searched; the search parses a dozen times per word.
const SEARCHED_BYTES: usize = 4 << 10;

pub(crate) fn diagnose(text: &str, error: &QueryError) -> BadExpression {
    let said = match error {
        QueryError::Parse(said) => said.strip_prefix("parse error: ").unwrap_or(said).to_owned(),
        other => other.to_string(),
    };
    if text.trim().is_empty() {
        return BadExpression { offset: 0, problem: "the expression is empty".into() };
    }
    if let Some(at) = quoted_name(&said).and_then(|name| find_word(text, name)) {
        return BadExpression { offset: at, problem: said };
    }
    let offset = if text.len() <= SEARCHED_BYTES { breaks_off(text) } else { 0 };
    let word = words(text).into_iter().find(|&(start, _)| start == offset).map(|(start, end)| &text[start..end]);
    let problem = match word {
        Some(word) if said == "invalid promql query" => format!("{word:?} is not expected here"),
        None if said == "invalid promql query" => "the expression breaks off".to_owned(),
        _ => said,
    };
    BadExpression { offset, problem }
}

/// The name in `unknown function with name 'x'` and its like.
fn quoted_name(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once('\'')?;
    let (name, _) = rest.split_once('\'')?;
    Some(name).filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

fn find_word(text: &str, name: &str) -> Option<usize> {
    words(text).into_iter().find(|&(start, end)| &text[start..end] == name).map(|(start, _)| start)
}

/// The start of the first word that no sound expression has after what stands before it.
fn breaks_off(text: &str) -> usize {
    let words = words(text);
    let sound = words.iter().take_while(|(_, end)| can_go_on(&text[..*end])).count();
    words.get(sound).map_or(text.len(), |(start, _)| *start)
}

fn can_go_on(start: &str) -> bool {
    let closers: String = open_brackets(start).into_iter().rev().collect();
    let middle = if start.ends_with(|c: char| c.is_alphanumeric() || c == '_') { &[""][..] } else { &[] };
    let next = middle.iter().chain(&NEXT);
    next.into_iter().any(|next| {
        let whole = format!("{start}{next}{closers}");
        // A vector where a number should be is no fault of the words.
        let open = whole.strip_suffix(')').filter(|_| closers.ends_with(')'));
        let called = ["", ", x)", ", x[5m])"].map(|more| open.map(|cut| format!("{cut}{more}")));
        let grouped = format!("{whole} (x)");
        let mut wholes = called.iter().flatten().chain([&whole, &grouped]);
        wholes.any(|whole| Query::parse(whole).is_ok())
    })
}

/// The brackets that would close those which are open.
fn open_brackets(text: &str) -> Vec<char> {
    let mut open = Vec::new();
    for (start, end) in words(text) {
        match &text[start..end] {
            "(" => open.push(')'),
            "[" => open.push(']'),
            "{" => open.push('}'),
            ")" | "]" | "}" => {
                open.pop();
            }
            _ => {}
        }
    }
    open
}

/// Start and end of each word, string and sign.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let length = match first {
            _ if first.is_whitespace() => first.len_utf8(),
            '#' => text[at..].find('\n').unwrap_or(text.len() - at),
            '"' | '\'' | '`' => string(&text[at..], first),
            _ if first.is_alphanumeric() || first == '_' => {
                let part = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':' || c == '.');
                text[at..].find(part).unwrap_or(text.len() - at)
            }
            '=' | '!' | '<' | '>' if text[at + 1..].starts_with(['=', '~']) => 2,
            _ => first.len_utf8(),
        };
        if !first.is_whitespace() && first != '#' {
            words.push((at, at + length));
        }
        at += length;
    }
    words
}

fn string(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, at: &str, problem: &str) {
        let bad = diagnose(text, &Query::parse(text).unwrap_err());
        let rest = &text[bad.offset..];
        assert!(rest.starts_with(at) && (!at.is_empty() || rest.is_empty()), "{text}: at {rest:?}, {bad:?}");
        assert!(bad.problem.contains(problem), "{text}: {bad:?}");
    }

    #[test]
    fn the_place_is_where_the_expression_goes_wrong() {
        check("sum(rate(a[5m]))) > 1", ") > 1", "parenthesis");
        check("sum(rate(a[5m])", "", "unclosed");
        check("sum(foo(a)) > 1", "foo", "unknown function");
        check("a > > 1", "> 1", "not expected");
        check("a{b='c' d='e'}", "d=", "");
        check("a and", "", "breaks off");
        check("up == 0 1", "1", "not expected");
        check("a[5m", "", "");
        check("sum by (x) by (y) (a)", "by (y)", "not expected");
        check("", "", "empty");
    }
}
