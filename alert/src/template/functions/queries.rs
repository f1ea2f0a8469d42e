//! Queries and what they give.

use std::sync::Arc;

use super::super::value::{Table, Value};
use super::super::world::World;
use super::arguments::{text_of, wrong_count};

pub(super) const NAMES: &[&str] =
    &["query", "first", "label", "value", "strvalue", "sortByLabel", "args", "list", "append", "dict"];

pub(super) fn call(name: &str, arguments: &[Value], world: &World<'_>) -> Result<Value, String> {
    match (name, arguments) {
        ("query", [expression]) => Ok(Value::List((world.query)(text_of(expression)?)?.into())),
        ("first", [Value::List(samples)]) => {
            samples.first().cloned().ok_or_else(|| "first() called on vector with no elements".into())
        }
        ("label", [label, sample]) => label_of(sample, text_of(label)?),
        ("value", [sample]) => sample.field("Value").cloned().ok_or_else(|| not_a_sample(sample)),
        ("strvalue", [sample]) => label_of(sample, "__value__"),
        ("sortByLabel", [label, Value::List(samples)]) => sorted(samples, text_of(label)?),
        ("args", values) => Ok(numbered(values)),
        ("list", values) => Ok(Value::List(values.iter().cloned().collect())),
        ("append", [Value::List(values), more @ ..]) => Ok(Value::List(values.iter().chain(more).cloned().collect())),
        ("dict", pairs) => dict(pairs),
        _ => Err(wrong_count(name)),
    }
}

fn label_of(sample: &Value, label: &str) -> Result<Value, String> {
    let Some(Value::Map(labels)) = sample.field("Labels") else { return Err(not_a_sample(sample)) };
    Ok(labels.entries.get(label).cloned().unwrap_or_else(|| Value::text("")))
}

fn not_a_sample(value: &Value) -> String {
    format!("wrong type for value; expected *template.sample; got {}", value.kind())
}

fn sorted(samples: &[Value], label: &str) -> Result<Value, String> {
    let mut keyed = Vec::with_capacity(samples.len());
    for sample in samples {
        keyed.push((text_of(&label_of(sample, label)?)?.to_owned(), sample.clone()));
    }
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Value::List(keyed.into_iter().map(|(_, sample)| sample).collect()))
}

/// `args a b`: a map of `arg0` and `arg1`.
fn numbered(values: &[Value]) -> Value {
    let entries = values.iter().enumerate().map(|(at, value)| (Arc::from(format!("arg{at}")), value.clone())).collect();
    Value::Map(Arc::new(Table { entries, of_texts: false, pairs: false }))
}

fn dict(pairs: &[Value]) -> Result<Value, String> {
    let mut table = Table::default();
    for pair in pairs.chunks(2) {
        let [key, value] = pair else { return Err("dict wants an even number of arguments".into()) };
        table.entries.insert(Arc::from(text_of(key)?), value.clone());
    }
    Ok(Value::Map(Arc::new(table)))
}
