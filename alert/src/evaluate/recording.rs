//! One recording rule at one time: its result as series, and the end of those that it no longer has.

use std::collections::BTreeSet;

use weir_sample::{STALE, Series, Timestamp};

use super::ask::Found;
use super::row::Row;
use crate::rules::Rule;

/// What an evaluation of a recording rule did.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) rows: Vec<Row>,
    /// Series that the limit left out.
    pub(crate) cut: usize,
}

/// Turns a result into rows. `written` has the series of the evaluation before and is brought up to date.
///
/// # Errors
/// Two elements that are one series, or one that is no number; nothing has changed then.
pub(crate) fn record(
    rule: &Rule,
    written: &mut BTreeSet<Series>,
    found: &Found,
    at: Timestamp,
    limit: usize,
) -> Result<Recorded, String> {
    let mut series = BTreeSet::new();
    let mut rows = Vec::with_capacity(found.elements.len());
    for element in &found.elements {
        if element.is_distribution {
            return Err("the result is a distribution, and only numbers can be recorded: take a quantile of it".into());
        }
        let own = rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let one = Series::new(&rule.name, element.labels.labels().chain(own));
        if !series.insert(one.clone()) {
            return Err(format!(
                "vector contains metrics with the same labelset after applying rule labels: two elements are {one}; take \
                 away the label that makes them one, or aggregate the expression"
            ));
        }
        rows.push(Row { series: one, at, value: element.value });
    }
    let cut = if limit == 0 { 0 } else { rows.len().saturating_sub(limit) };
    if cut > 0 {
        rows.sort_by(|a, b| a.series.cmp(&b.series));
        rows.drain(limit..).for_each(|row| {
            series.remove(&row.series);
        });
    }
    rows.extend(written.difference(&series).map(|gone| Row { series: gone.clone(), at, value: STALE }));
    *written = series;
    Ok(Recorded { rows, cut })
}
