//! The older notation: names are those of Prometheus, a value needs no quotes.

use super::one::{Matcher, Operator};

/// One matcher: `name operator value`.
pub(super) fn read(text: &str) -> Result<Matcher, String> {
    let told = || format!("bad matcher format: {text}");
    let trimmed = text.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = trimmed.find(|c| !is_name(c)).ok_or_else(told)?;
    let (name, rest) = trimmed.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(told());
    }
    let rest = rest.trim_start();
    let operators =
        [("=~", Operator::Regex), ("!~", Operator::NotRegex), ("!=", Operator::NotEqual), ("=", Operator::Equal)];
    let found =
        operators.iter().find_map(|(symbol, operator)| rest.strip_prefix(symbol).map(|value| (*operator, value)));
    let (operator, value) = found.ok_or_else(told)?;
    Matcher::new(name, operator, &unquoted(value.trim())?)
}

/// Several, parted by commas outside of quotes, with or without braces around.
pub(super) fn read_several(text: &str) -> Result<Vec<Matcher>, String> {
    let text = text.trim();
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    let (mut parts, mut part, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            ',' if !quoted => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        part.push(c);
    }
    parts.push(part);
    parts.iter().filter(|part| !part.trim().is_empty()).map(|part| read(part)).collect()
}

fn unquoted(value: &str) -> Result<String, String> {
    let told = || format!("matcher value contains unescaped double quote: {value}");
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or_else(told)?,
        None => value,
    };
    let (mut out, mut letters) = (String::new(), inner.chars());
    while let Some(c) = letters.next() {
        match c {
            '"' => return Err(told()),
            '\\' => match letters.next() {
                Some('n') => out.push('\n'),
                Some(c @ ('"' | '\\')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    Ok(out)
}
