//! Texts of labels and annotations, with Go's template actions in them.

use std::cell::OnceCell;

use weir_query::LabelSet;
use weir_sample::Timestamp;

use crate::event::Pairs;
use crate::template::{Functions, Limits, Templates, Value, World};

/// A text of a rule, read once.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    text: String,
    /// The text in pieces, if all that it does is to name labels; most do no more, and these need no engine.
    pieces: Option<Vec<Piece>>,
    /// Labels that it names, and where.
    named: Vec<(String, usize)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Label(String),
}

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct BadTemplate {
    /// Byte of the text at which it goes wrong.
    pub offset: usize,
    /// What is wrong.
    pub problem: String,
}

/// What templates see beside the element they are expanded for.
pub struct Surroundings<'a> {
    /// `$externalLabels`
    pub external_labels: &'a Pairs,
    /// `$externalURL`
    pub external_url: &'a str,
    /// The time of the evaluation.
    pub at: Timestamp,
    /// `query`: each sample as [`Value::sample`].
    pub query: &'a dyn Fn(&str) -> Result<Vec<Value>, String>,
}

/// One element for which templates are expanded.
pub struct Scope<'a> {
    labels: &'a LabelSet,
    value: f64,
    surroundings: &'a Surroundings<'a>,
    data: OnceCell<(Value, [(&'static str, Value); 4])>,
}

/// Variables that Prometheus declares before a rule's text.
const VARIABLES: [&str; 4] = ["labels", "externalLabels", "externalURL", "value"];

impl<'a> Scope<'a> {
    /// The scope of one element.
    pub fn new(labels: &'a LabelSet, value: f64, surroundings: &'a Surroundings<'a>) -> Self {
        Self { labels, value, surroundings, data: OnceCell::new() }
    }

    fn data(&self) -> &(Value, [(&'static str, Value); 4]) {
        self.data.get_or_init(|| {
            let name = Some(("__name__", self.labels.name())).filter(|(_, name)| !name.is_empty());
            let labels = Value::labels(name.into_iter().chain(self.labels.labels()));
            let pairs = self.surroundings.external_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let external = Value::labels(pairs);
            let url = Value::text(self.surroundings.external_url);
            let value = Value::Float(self.value);
            let dot = Value::record(vec![
                ("Labels", labels.clone()),
                ("ExternalLabels", external.clone()),
                ("ExternalURL", url.clone()),
                ("Value", value.clone()),
            ]);
            let [a, b, c, d] = VARIABLES;
            (dot, [(a, labels), (b, external), (c, url), (d, value)])
        })
    }
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, BadTemplate> {
        let mentions = Templates::check("template", text, &VARIABLES).map_err(|error| BadTemplate {
            offset: offset(text, error.at.line, error.at.column),
            problem: error.fault,
        })?;
        let named = mentions.into_iter().map(|m| (m.label, offset(text, m.at.line, m.at.column))).collect();
        Ok(Self { text: text.to_owned(), pieces: pieces(text), named })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it gives the same for all elements of the same labels.
    pub fn needs_only_labels(&self) -> bool {
        self.pieces.is_some()
    }

    pub(crate) fn labels_named(&self) -> impl Iterator<Item = (&str, usize)> {
        self.named.iter().map(|(label, offset)| (label.as_str(), *offset))
    }

    /// What the text gives for one element.
    ///
    /// # Errors
    /// What it asks and cannot have.
    pub fn expand(&self, scope: &Scope<'_>) -> Result<String, String> {
        if let Some(pieces) = &self.pieces {
            let text = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Label(label) => scope.labels.value(label),
            });
            return Ok(text.collect());
        }
        let surroundings = scope.surroundings;
        let (dot, variables) = scope.data();
        let world = World {
            functions: Functions::Rules,
            now: surroundings.at,
            external_url: surroundings.external_url,
            query: surroundings.query,
        };
        let text = Templates::default().text(&self.text, dot, variables, world, Limits::default());
        text.map_err(|error| error.to_string())
    }
}

/// A text in pieces; `None` if an action does more than to name a label.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, action)) = rest.split_once("{{") {
        let (action, after) = action.split_once("}}")?;
        let label = action.trim_matches(' ').strip_prefix("$labels.")?;
        if label.is_empty() || !label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return None;
        }
        pieces.extend([Piece::Text(before.to_owned()), Piece::Label(label.to_owned())]);
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Some(pieces)
}

/// The byte at a line and column.
fn offset(text: &str, line: u32, column: u32) -> usize {
    let start: usize = text.split_inclusive('\n').take((line as usize).saturating_sub(1)).map(str::len).sum();
    let within = text[start..].char_indices().nth((column as usize).saturating_sub(1));
    within.map_or(text.len(), |(at, _)| start + at)
}
