//! What the store has of the metric: how many series, and when the newest sample came.

use std::ops::ControlFlow;
use std::time::Duration;

use weir_query::{Column, Hint, QueryError, Selection, Source};
use weir_sample::{STALE, Series, Timestamp};

use super::asked::Asked;
use super::report::{State, Step, Verdict};
use crate::clock::{in_words, rfc3339};

/// What was found.
pub(super) struct Stored {
    /// At most [`MOST`].
    series: usize,
    newest: Timestamp,
    /// The series of the newest sample.
    of: Series,
    /// Whether its sender has ended it.
    is_ended: bool,
}

/// What the store says.
pub(super) struct Told {
    pub(super) step: Step,
    pub(super) verdict: Option<Verdict>,
    pub(super) suggestions: Vec<String>,
}

/// Series looked at.
const MOST: usize = 10_000;

/// Time that an instant query looks back: what is older is not seen by it.
const LOOKBACK: Duration = Duration::from_secs(300);

/// Stretches that are looked through one after another, until one has a sample.
const STRETCHES: [Duration; 4] =
    [LOOKBACK, Duration::from_secs(3_600), Duration::from_secs(6 * 3_600), Duration::from_secs(24 * 3_600)];

/// Looks for the newest sample, from the time of the question back to where nothing is kept.
pub(super) fn look(source: &dyn Source, asked: &Asked, kept: [Duration; 3]) -> Result<Option<Stored>, QueryError> {
    let mut stretches: Vec<Duration> = STRETCHES.into_iter().chain(kept).collect();
    stretches.sort_unstable();
    stretches.dedup();
    let mut end = asked.at;
    for stretch in stretches.into_iter().filter(|stretch| !stretch.is_zero()) {
        let start = asked.at.minus(stretch);
        let found = newest(source, asked, start, end)?;
        if found.is_some() {
            return Ok(found);
        }
        end = start;
    }
    Ok(None)
}

fn newest(source: &dyn Source, asked: &Asked, start: Timestamp, end: Timestamp) -> Result<Option<Stored>, QueryError> {
    let selection = Selection { matchers: &asked.matchers, start, end, hint: Hint::Raw, any_order: true };
    let mut found: Option<Stored> = None;
    let mut count = 0;
    source.select(&selection, &mut |data| {
        if let Some(&last) = data.timestamps.last() {
            count += 1;
            let newest = Timestamp(last);
            if found.as_ref().is_none_or(|known| known.newest < newest) {
                let is_ended = matches!(&data.values, Column::Floats(values) if values.last().is_some_and(|value| value.to_bits() == STALE.to_bits()));
                found = Some(Stored { series: 0, newest, of: data.series, is_ended });
            }
        }
        if count < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found.map(|stored| Stored { series: count, ..stored }))
}

pub(super) fn told(asked: &Asked, stored: &Stored) -> Told {
    let Stored { series, newest, of, is_ended } = stored;
    let ago = asked.at.since(*newest);
    let is_fresh = ago <= LOOKBACK && !is_ended;
    let count = match *series {
        1 => "one series is".to_owned(),
        MOST => format!("at least {MOST} series are"),
        count => format!("{count} series are"),
    };
    let when = if ago < Duration::from_secs(3_600) { String::new() } else { format!(" ({})", rfc3339(*newest)) };
    // Of a question about another time the age is counted from there.
    let from = if asked.at == asked.now { "ago" } else { "before that" };
    let mut sentence = format!("{count} there; the newest sample is of {} {from}{when}, of {of}", in_words(ago));
    if *is_ended {
        sentence += "; its sender has said that it ends there";
    } else if !is_fresh {
        sentence += "; a query looks back for 5 min and does not see it any more";
    }
    let (state, verdict) = if is_fresh { (State::Passed, Verdict::Stored) } else { (State::Missing, Verdict::Stale) };
    Told { step: Step::new("store", state, sentence), verdict: Some(verdict), suggestions: Vec::new() }
}
