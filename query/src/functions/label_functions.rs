//! `label_replace` and `label_join`.

use crate::syntax::Expr;
use weir_store::compile_regex;

use crate::collect::Collected;
use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink, string};
use crate::labels::{LabelSet, METRIC_NAME, is_label_name};
use crate::row::Steps;

impl Evaluator<'_> {
    /// `label_replace(v, target, replacement, source, regex)`.
    pub(crate) fn label_replace(&self, args: &[&Expr], steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let [vector, target, replacement, source, pattern] = args else {
            return Err(QueryError::parse("label_replace() takes 5 arguments"));
        };
        let (target, replacement, source) = (string(target)?, string(replacement)?, string(source)?);
        check_label_name("destination", "label_replace", target)?;
        let pattern = string(pattern)?;
        let regex = compile_regex(pattern).map_err(|error| {
            QueryError::execution(format!("invalid regular expression in label_replace(): {error}"))
        })?;
        self.relabel(vector, target, steps, sink, |labels| {
            let Some(captures) = regex.captures(labels.value(source)) else { return Ok(None) };
            let mut value = String::new();
            // A piece at a time: a replacement may name a group more often than memory has room for.
            for piece in pieces(replacement) {
                captures.expand(piece, &mut value);
                self.budget.check_label(value.len())?;
            }
            Ok(Some(labels.with(target, &value)))
        })
    }

    /// `label_join(v, target, separator, source…)`.
    pub(crate) fn label_join(&self, args: &[&Expr], steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let [vector, target, separator, sources @ ..] = args else {
            return Err(QueryError::parse("label_join() takes at least 3 arguments"));
        };
        let (target, separator) = (string(target)?, string(separator)?);
        check_label_name("destination", "label_join", target)?;
        let sources = sources.iter().map(|source| string(source)).collect::<Result<Vec<_>, _>>()?;
        for source in &sources {
            check_label_name("source", "label_join", source)?;
        }
        self.relabel(vector, target, steps, sink, |labels| {
            let values: Vec<_> = sources.iter().map(|source| labels.value(source)).collect();
            let bytes = values.iter().map(|value| value.len() + separator.len()).sum();
            self.budget.check_label(bytes)?;
            Ok(Some(labels.with(target, &values.join(separator))))
        })
    }

    /// Passes rows on under other labels, of which the target is set; a name that is set stays. Two rows may come to share a label set, so all are kept and compared.
    fn relabel(
        &self,
        vector: &Expr,
        target: &str,
        steps: Steps,
        sink: Sink<'_>,
        relabel: impl Fn(&LabelSet) -> Result<Option<LabelSet>, QueryError>,
    ) -> Result<(), QueryError> {
        let mut rows = Collected::new(self.budget);
        self.vector(vector, steps, &mut |mut row| {
            if let Some(labels) = relabel(&row.labels)? {
                row.labels = labels;
                row.drops_name &= target != METRIC_NAME;
            }
            rows.add(row)
        })?;
        rows.into_rows().into_iter().try_for_each(sink)
    }
}

/// A replacement cut before each reference to a group; `$$` stays together.
fn pieces(replacement: &str) -> impl Iterator<Item = &str> {
    let mut rest = replacement;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let skip = if rest.starts_with("$$") { 2 } else { first.len_utf8() };
        let end = rest[skip..].find('$').map_or(rest.len(), |at| at + skip);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

fn check_label_name(role: &str, function: &str, name: &str) -> Result<(), QueryError> {
    match is_label_name(name) {
        true => Ok(()),
        false => Err(QueryError::execution(format!("invalid {role} label name in {function}(): {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_cut_before_their_references() {
        let check = |text: &str, expected: &[&str]| assert_eq!(pieces(text).collect::<Vec<_>>(), expected);
        check("a$1é${x}$$b$", &["a", "$1é", "${x}", "$$b", "$"]);
        check("$$$1", &["$$", "$1"]);
        check("", &[]);
    }
}
