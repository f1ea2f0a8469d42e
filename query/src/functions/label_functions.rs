//! `label_replace` and `label_join`.

use promql_parser::parser::Expr;
use weir_store::compile_regex;

use crate::collect::Collected;
use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink, string};
use crate::labels::{LabelSet, is_label_name};
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
        self.relabel(vector, steps, sink, |labels| {
            let captures = regex.captures(labels.value(source))?;
            let mut value = String::new();
            captures.expand(replacement, &mut value);
            Some(labels.with(target, &value))
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
        self.relabel(vector, steps, sink, |labels| {
            let values: Vec<_> = sources.iter().map(|source| labels.value(source)).collect();
            Some(labels.with(target, &values.join(separator)))
        })
    }

    /// Passes rows on under other labels. Two rows may come to share a label set, so all are kept and compared.
    fn relabel(
        &self,
        vector: &Expr,
        steps: Steps,
        sink: Sink<'_>,
        relabel: impl Fn(&LabelSet) -> Option<LabelSet>,
    ) -> Result<(), QueryError> {
        let mut rows = Collected::new(self.budget);
        self.vector(vector, steps, &mut |mut row| {
            if let Some(labels) = relabel(&row.labels) {
                row.labels = labels;
            }
            rows.add(row)
        })?;
        rows.into_rows().into_iter().try_for_each(sink)
    }
}

fn check_label_name(role: &str, function: &str, name: &str) -> Result<(), QueryError> {
    match is_label_name(name) {
        true => Ok(()),
        false => Err(QueryError::execution(format!("invalid {role} label name in {function}(): {name}"))),
    }
}
