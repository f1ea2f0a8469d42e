//! What a template works on, with Go's kinds where they can be told apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::time::Moment;

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// `nil`, and what is not there; prints as `<no value>`.
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `float64`
    Float(f64),
    /// `string`
    Text(Arc<str>),
    /// Text that is HTML already and is not escaped again.
    Html(Arc<str>),
    /// A slice.
    List(Arc<[Value]>),
    /// A map with texts as keys.
    Map(Arc<Table>),
    /// A struct.
    Record(Arc<Record>),
    /// `time.Time`
    Time(Moment),
    /// `time.Duration`, in nanoseconds.
    Span(i64),
}

/// A map.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// By key.
    pub entries: BTreeMap<Arc<str>, Value>,
    /// What is not there is an empty text (`map[string]string`), and not nil.
    pub of_texts: bool,
    /// Alertmanager's `KV`, with methods and a way of its own to print.
    pub pairs: bool,
}

/// A struct: fields in their order.
#[derive(Clone, Debug)]
pub struct Record {
    /// Names and values.
    pub fields: Vec<(&'static str, Value)>,
    /// How it prints, where not as `{a b}`.
    pub shown: Option<String>,
}

impl Value {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// A slice of texts.
    pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Value::text).collect())
    }

    /// `map[string]string`, as rules' labels are.
    pub fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::Map(Arc::new(table(pairs, false)))
    }

    /// Alertmanager's `KV`.
    pub fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::Map(Arc::new(table(pairs, true)))
    }

    /// A struct.
    pub fn record(fields: Vec<(&'static str, Value)>) -> Self {
        Self::Record(Arc::new(Record { fields, shown: None }))
    }

    /// One sample of a query's result.
    pub fn sample<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>, value: f64) -> Self {
        Self::record(vec![("Labels", Self::labels(labels)), ("Value", Self::Float(value))])
    }

    /// Go's truth: not empty, not zero, not nil.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) | Self::Span(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) | Self::Html(text) => !text.is_empty(),
            Self::List(values) => !values.is_empty(),
            Self::Map(table) => !table.entries.is_empty(),
            Self::Record(_) | Self::Time(_) => true,
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        let Self::Record(record) = self else { return None };
        record.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// The kind's name in messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) | Self::Html(_) => "string",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Record(_) => "struct",
            Self::Time(_) => "time.Time",
            Self::Span(_) => "time.Duration",
        }
    }
}

fn table<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>, kv: bool) -> Table {
    let entries = pairs.into_iter().map(|(name, value)| (Arc::from(name), Value::text(value))).collect();
    Table { entries, of_texts: true, pairs: kv }
}
