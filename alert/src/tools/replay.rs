//! Rules over data that are stored already: which alerts there would have been, and when.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use weir_query::{Allow, Answered, Column, Each, Matcher, QueryError, Selection, SeriesData, Source};
use weir_sample::{Kind, Series, Timestamp};

use crate::evaluate::{Evaluator, Outlet, Querier, Row, Settings, Told};
use crate::event::{Event, Status};
use crate::rules::Group;
use crate::states::{StateError, StateStore};

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replayed {
    /// Changes of alerts in the order in which they would have been told.
    pub events: Vec<Event>,
    /// Rules that failed, with the last error of each.
    pub failures: Vec<String>,
    /// Evaluations of groups.
    pub evaluations: u64,
    /// Until when all of them are told of: before the end where the replay was stopped.
    pub reached: Timestamp,
}

#[derive(Default)]
struct Kept(Vec<Event>);

impl Outlet for Kept {
    fn rows(&mut self, _: &[Row]) -> Result<(), String> {
        Ok(())
    }

    fn events(&mut self, events: &[Event]) -> Result<(), String> {
        self.0.extend_from_slice(events);
        Ok(())
    }
}

/// Evaluates groups at all their instants in `[from, to]`. The same data give the same events.
///
/// # Errors
/// [`StateError`]: states are in memory, and it is full.
pub fn replay(
    groups: &[Group],
    settings: &Settings,
    from: Timestamp,
    to: Timestamp,
    querier: &dyn Querier,
) -> Result<Replayed, StateError> {
    replay_while(groups, settings, (from, to), querier, &|_| true)
}

/// The same for somebody who waits: it goes on while `goes_on`, which is told how many events there are, says so. What is told of then
/// ends at an instant up to which all groups were evaluated.
///
/// # Errors
/// [`StateError`]: states are in memory, and it is full.
pub fn replay_while(
    groups: &[Group],
    settings: &Settings,
    (from, to): (Timestamp, Timestamp),
    querier: &dyn Querier,
    goes_on: &dyn Fn(usize) -> bool,
) -> Result<Replayed, StateError> {
    let forever = Duration::from_secs(u64::from(u32::MAX));
    let settings = Settings { catch_up: forever, resend: forever, rests: false, ..settings.clone() };
    let mut evaluator = Evaluator::new(StateStore::in_memory()?, settings)?;
    evaluator.begin_at(from);
    evaluator.load(groups, &BTreeSet::new())?;
    let (mut kept, mut failures) = (Kept::default(), BTreeSet::new());
    let mut reached = from.minus(Duration::from_millis(1));
    'all: for part in 1..=PARTS {
        let end = Timestamp(from.millis() + (to.millis() - from.millis()) / PARTS * part);
        let told = Told::complete_at(if part == PARTS { to } else { end });
        loop {
            let turn = evaluator.turn(&told, querier, &mut kept);
            if !goes_on(kept.0.len()) {
                break 'all;
            }
            if let Some(failure) = turn.failure {
                failures.insert(failure);
                break 'all;
            }
            for view in evaluator.shown().rules() {
                let error = view.health.last_error.as_ref();
                failures.extend(error.map(|error| format!("{}: {error}", view.rule.name)));
            }
            if !turn.more {
                break;
            }
        }
        reached = told.now;
    }
    let evaluations = evaluator.counters().evaluations;
    let mut events = kept.0;
    events.retain(|event| event.evaluated_at_ms <= reached.millis());
    // Groups are evaluated side by side; people would have heard in the order of time.
    events.sort_by(|a, b| (a.evaluated_at_ms, &a.source, a.seq).cmp(&(b.evaluated_at_ms, &b.source, b.seq)));
    for event in events.iter_mut().filter(|event| event.status == Status::Firing) {
        // A replay has no next evaluation that could be missed.
        event.ends_at_ms = 0;
    }
    Ok(Replayed { events, failures: failures.into_iter().collect(), evaluations, reached })
}

/// Parts of a replay; it can be stopped between two of them without a hole before that.
const PARTS: i64 = 64;

/// A store without what the replayed rules write from `from` on: they write it anew.
pub struct Before<'a> {
    base: &'a dyn Source,
    names: BTreeSet<String>,
    from: Timestamp,
}

impl<'a> Before<'a> {
    /// The store as rules see it that are replayed from `from` on.
    pub fn new(base: &'a dyn Source, groups: &[Group], from: Timestamp) -> Self {
        let rules = groups.iter().flat_map(|group| &group.rules);
        let recorded = rules.filter(|rule| rule.alerting().is_none()).map(|rule| rule.name.clone());
        let names = recorded.chain(["ALERTS".to_owned(), "ALERTS_FOR_STATE".to_owned()]).collect();
        Self { base, names, from }
    }

    fn cut(&self, data: SeriesData) -> Option<SeriesData> {
        if !self.names.contains(data.series.name()) {
            return Some(data);
        }
        let end = data.timestamps.partition_point(|at| *at < self.from.millis());
        let values = match data.values {
            Column::Floats(values) => Column::Floats(values.into_iter().take(end).collect()),
            Column::Histograms(values) => Column::Histograms(values.into_iter().take(end).collect()),
        };
        let timestamps: Vec<i64> = data.timestamps.into_iter().take(end).collect();
        let starts = data.starts.into_iter().take(end).collect();
        (end > 0).then_some(SeriesData { timestamps, values, starts, ..data })
    }
}

impl Source for Before<'_> {
    fn warning(&self, end: Timestamp) -> Option<String> {
        self.base.warning(end)
    }

    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        self.base.select(selection, &mut |data| self.cut(data).map_or(ControlFlow::Continue(()), &mut *each))
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        let series = self.base.series(matchers, start, end, allow)?;
        let is_before = |(series, _): &(Series, Kind)| start < self.from || !self.names.contains(series.name());
        Ok(series.into_iter().filter(is_before).collect())
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.base.label_names(matchers, start, end, allow)
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.base.label_values(label, matchers, start, end, allow)
    }
}
