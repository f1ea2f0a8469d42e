//! What text/template has itself.

use std::fmt::Write;
use std::sync::Arc;

use super::super::compare::{equal, equal_to_any, order};
use super::super::print::{sprint, sprintf, sprintln};
use super::super::value::Value;
use super::arguments::{text_of, wrong_count};

pub(super) const NAMES: &[&str] = &[
    "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "printf", "println", "html", "js",
    "urlquery",
];

pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    match (name, arguments) {
        ("not", [value]) => Ok(Value::Bool(!value.is_true())),
        ("eq", _) => equal_to_any(arguments).map(Value::Bool),
        ("ne", [a, b]) => equal(a, b).map(|same| Value::Bool(!same)),
        ("lt", _) => order(arguments, std::cmp::Ordering::is_lt).map(Value::Bool),
        ("le", _) => order(arguments, std::cmp::Ordering::is_le).map(Value::Bool),
        ("gt", _) => order(arguments, std::cmp::Ordering::is_gt).map(Value::Bool),
        ("ge", _) => order(arguments, std::cmp::Ordering::is_ge).map(Value::Bool),
        ("len", [value]) => length(value),
        ("index", [value, keys @ ..]) => keys.iter().try_fold(value.clone(), |value, key| index(&value, key)),
        ("slice", [value, bounds @ ..]) => slice(value, bounds),
        ("print", _) => Ok(Value::text(sprint(arguments))),
        ("println", _) => Ok(Value::text(sprintln(arguments))),
        ("printf", [format, values @ ..]) => Ok(Value::text(sprintf(text_of(format)?, values))),
        ("html", _) => Ok(Value::text(escape_html(&joined(arguments)))),
        ("js", _) => Ok(Value::text(escape_js(&joined(arguments)))),
        ("urlquery", _) => Ok(Value::text(escape_query(&joined(arguments)))),
        _ => Err(wrong_count(name)),
    }
}

fn joined(arguments: &[Value]) -> String {
    sprint(arguments)
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) | Value::Html(text) => text.len(),
        Value::List(values) => values.len(),
        Value::Map(table) => table.entries.len(),
        Value::Nil => return Err("len of nil pointer".into()),
        other => return Err(format!("len of type {}", other.kind())),
    };
    Ok(Value::Int(length as i64))
}

fn index(value: &Value, key: &Value) -> Result<Value, String> {
    let place = |length: usize| match key {
        Value::Int(at) => {
            usize::try_from(*at).ok().filter(|at| *at < length).ok_or_else(|| format!("index out of range: {at}"))
        }
        other => Err(format!("cannot index slice/array with type {}", other.kind())),
    };
    match value {
        Value::List(values) => place(values.len()).map(|at| values[at].clone()),
        Value::Text(text) | Value::Html(text) => place(text.len()).map(|at| Value::Int(i64::from(text.as_bytes()[at]))),
        Value::Map(table) => {
            let absent = if table.of_texts { Value::text("") } else { Value::Nil };
            Ok(table.entries.get(text_of(key)?).cloned().unwrap_or(absent))
        }
        Value::Nil => Err("index of untyped nil".into()),
        other => Err(format!("can't index item of type {}", other.kind())),
    }
}

fn slice(value: &Value, bounds: &[Value]) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) | Value::Html(text) => text.len(),
        Value::List(values) => values.len(),
        other => return Err(format!("can't slice item of type {}", other.kind())),
    };
    let bound = |at: usize, default: usize| match bounds.get(at) {
        None => Ok(default),
        Some(Value::Int(bound)) => {
            usize::try_from(*bound).ok().filter(|b| *b <= length).ok_or_else(|| format!("index out of range: {bound}"))
        }
        Some(other) => Err(format!("cannot index slice/array with type {}", other.kind())),
    };
    let (from, to) = (bound(0, 0)?, bound(1, length)?);
    if from > to || bounds.len() > 2 {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    match value {
        Value::List(values) => Ok(Value::List(values[from..to].iter().cloned().collect())),
        Value::Text(text) | Value::Html(text) => {
            Ok(Value::Text(Arc::from(String::from_utf8_lossy(&text.as_bytes()[from..to]))))
        }
        _ => Ok(Value::Nil),
    }
}

/// What Go's `HTMLEscape` does.
pub(in super::super) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => out.extend(['\\', c]),
            '<' | '>' | '&' | '=' => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c if c.is_control() => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}

/// Go's `url.QueryEscape`.
pub(super) fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}
