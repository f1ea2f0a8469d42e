//! Fields and methods: `.Labels.job`, `.Alerts.Firing`, `.CommonLabels.Remove …`, `.StartsAt.Format …`.

use std::sync::Arc;

use super::super::time::{Moment, span_text};
use super::super::value::{Record, Table, Value};
use super::arguments::text_of;

/// `value.name`, called with `arguments` where it is a method.
pub(in super::super) fn field(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let found = match value {
        Value::Map(table) if table.pairs => pairs_method(table, name, arguments)?,
        Value::List(values) => list_method(values, name),
        Value::Time(moment) => return time_method(moment, name, arguments),
        Value::Span(span_ns) => return span_method(*span_ns, name),
        _ => None,
    };
    if let Some(value) = found {
        return Ok(value);
    }
    if !arguments.is_empty() {
        return Err(format!("{name} is not a method but has arguments"));
    }
    match value {
        Value::Map(table) => {
            let absent = if table.of_texts { Value::text("") } else { Value::Nil };
            Ok(table.entries.get(name).cloned().unwrap_or(absent))
        }
        Value::Record(_) => value.field(name).cloned().ok_or_else(|| format!("can't evaluate field {name}")),
        Value::Nil => Err(format!("nil data; no entry for key {name:?}")),
        other => Err(format!("can't evaluate field {name} in type {}", other.kind())),
    }
}

/// Methods of Alertmanager's `KV`.
fn pairs_method(table: &Table, name: &str, arguments: &[Value]) -> Result<Option<Value>, String> {
    let in_order = || {
        let (first, others): (Vec<_>, Vec<_>) = table.entries.iter().partition(|(key, _)| &***key == "alertname");
        first.into_iter().chain(others)
    };
    Ok(Some(match name {
        "SortedPairs" => Value::List(in_order().map(|(key, value)| pair(key, value)).collect()),
        "Names" => Value::List(in_order().map(|(key, _)| Value::Text(key.clone())).collect()),
        "Values" => Value::List(in_order().map(|(_, value)| value.clone()).collect()),
        "Remove" => {
            let [Value::List(names)] = arguments else { return Err("Remove wants a list of names".into()) };
            let names: Vec<&str> = names.iter().map(text_of).collect::<Result<_, _>>()?;
            let kept = table.entries.iter().filter(|(key, _)| !names.contains(&key.as_ref()));
            let entries = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
            Value::Map(Arc::new(Table { entries, of_texts: true, pairs: true }))
        }
        _ => return Ok(None),
    }))
}

fn pair(name: &Arc<str>, value: &Value) -> Value {
    let fields = vec![("Name", Value::Text(name.clone())), ("Value", value.clone())];
    Value::Record(Arc::new(Record { fields, shown: None }))
}

/// Methods of Alertmanager's `Alerts` and `Pairs`.
fn list_method(values: &[Value], name: &str) -> Option<Value> {
    let with_status = |wanted: &str| {
        let is = |value: &&Value| matches!(value.field("Status"), Some(Value::Text(status)) if **status == *wanted);
        Value::List(values.iter().filter(is).cloned().collect())
    };
    match name {
        "Firing" => Some(with_status("firing")),
        "Resolved" => Some(with_status("resolved")),
        "Names" | "Values" => values
            .iter()
            .map(|value| value.field(&name[..name.len() - 1]).cloned())
            .collect::<Option<_>>()
            .map(Value::List),
        _ => None,
    }
}

fn time_method(moment: &Moment, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let zoned = moment.zoned();
    Ok(match (name, arguments) {
        ("Format", [layout]) => Value::text(moment.format(text_of(layout)?)),
        ("Unix", []) => Value::Int(moment.at.as_second()),
        ("UnixMilli", []) => Value::Int(moment.at.as_millisecond()),
        ("UTC", []) => Value::Time(moment.within("UTC")?),
        ("Local", []) => Value::Time(moment.within("Local")?),
        ("String", []) => Value::text(moment.to_string()),
        ("IsZero", []) => Value::Bool(moment.is_zero()),
        ("Year", []) => Value::Int(zoned.year().into()),
        ("Month", []) => Value::text(moment.format("January")),
        ("Day", []) => Value::Int(zoned.day().into()),
        ("Weekday", []) => Value::text(moment.format("Monday")),
        ("Hour", []) => Value::Int(zoned.hour().into()),
        ("Minute", []) => Value::Int(zoned.minute().into()),
        ("Second", []) => Value::Int(zoned.second().into()),
        ("Add", [Value::Span(span_ns) | Value::Int(span_ns)]) => Value::Time(moment.plus(*span_ns)),
        ("Sub", [Value::Time(earlier)]) => Value::Span(moment.since(earlier)),
        ("Before", [Value::Time(other)]) => Value::Bool(moment.at < other.at),
        ("After", [Value::Time(other)]) => Value::Bool(moment.at > other.at),
        ("Equal", [Value::Time(other)]) => Value::Bool(moment.at == other.at),
        _ => return Err(format!("can't evaluate field {name} in type time.Time")),
    })
}

fn span_method(span_ns: i64, name: &str) -> Result<Value, String> {
    Ok(match name {
        "Seconds" => Value::Float(span_ns as f64 / 1e9),
        "Minutes" => Value::Float(span_ns as f64 / 6e10),
        "Hours" => Value::Float(span_ns as f64 / 3.6e12),
        "Milliseconds" => Value::Int(span_ns / 1_000_000),
        "String" => Value::text(span_text(span_ns)),
        _ => return Err(format!("can't evaluate field {name} in type time.Duration")),
    })
}
