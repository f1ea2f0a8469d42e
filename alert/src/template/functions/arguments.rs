//! What functions ask of their arguments.

use super::super::value::Value;

pub(super) fn text_of(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) | Value::Html(text) => Ok(text),
        Value::Nil => Err("invalid value; expected string".into()),
        other => Err(format!("wrong type for value; expected string; got {}", other.kind())),
    }
}

/// A number, or a text that holds one.
pub(super) fn number_of(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::Span(span_ns) => Ok(*span_ns as f64 / 1e9),
        Value::Text(text) | Value::Html(text) => {
            let named = matches!(text.trim_start_matches(['+', '-']), "Inf" | "NaN" | "inf" | "nan");
            let plain = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
            let number = text.parse::<f64>().ok().filter(|_| named || plain);
            number.ok_or_else(|| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))
        }
        other => Err(format!("can't convert {} to float", other.kind())),
    }
}

pub(super) fn wrong_count(name: &str) -> String {
    format!("wrong number of args for {name}")
}
