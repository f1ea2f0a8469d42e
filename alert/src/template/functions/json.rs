//! `toJson`.

use super::super::value::Value;

pub(super) fn json(value: &Value) -> String {
    tree(value).to_string()
}

fn tree(value: &Value) -> serde_json::Value {
    match value {
        Value::Nil => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) | Value::Span(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) | Value::Html(text) => text.as_ref().into(),
        Value::List(values) => values.iter().map(tree).collect(),
        Value::Map(table) => table.entries.iter().map(|(key, value)| (key.to_string(), tree(value))).collect(),
        Value::Record(record) => record.fields.iter().map(|(name, value)| (first_small(name), tree(value))).collect(),
        Value::Time(moment) => moment.format("2006-01-02T15:04:05.999999999Z07:00").into(),
    }
}

/// Fields are named as in the webhook's body: `startsAt` and not `StartsAt`, but `generatorURL`.
fn first_small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
