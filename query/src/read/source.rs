//! Where series come from: the store, or anything that answers the same questions.

use std::ops::ControlFlow;
use std::sync::Arc;

use weir_sample::{Kind, Series, Timestamp};
use weir_store::{Answered, Matcher, Selection, SeriesData, Stamp, Store, Tier};

use crate::error::QueryError;

/// A receiver of series, one after another, that says when to stop.
pub type Each<'a> = &'a mut dyn FnMut(SeriesData) -> ControlFlow<()>;

/// Whether something found may be kept: it is told the bytes that it takes.
pub type Allow<'a> = &'a mut dyn FnMut(usize) -> ControlFlow<()>;

/// Where series come from.
pub trait Source: Send + Sync {
    /// Hands over every series that matches, with its samples in `[start, end]`; each series once, or in two pieces one right
    /// after the other where it has both floats and histograms.
    ///
    /// # Errors
    /// [`QueryError::Source`] if storage cannot be read.
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError>;

    /// What whoever reads up to `end` should know of the samples there.
    fn warning(&self, _end: Timestamp) -> Option<String> {
        None
    }

    /// How what may be read in `[start, end]` stands now: while it stands so, an answer is the same. A source that cannot tell
    /// has none.
    fn stamp(&self, _start: Timestamp, _end: Timestamp) -> Option<Stamp> {
        None
    }

    /// The tier that answers from `start` on, now; one that begins later is answered from the same or a finer one.
    fn tier(&self, _start: Timestamp, _matchers: &[Matcher]) -> Tier {
        Tier::Raw
    }

    /// The series that match and have samples in `[start, end]`.
    ///
    /// # Errors
    /// [`QueryError::Source`] if storage cannot be read.
    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError>;

    /// The label names of those series, sorted.
    ///
    /// # Errors
    /// [`QueryError::Source`] if storage cannot be read.
    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError>;

    /// The values of one label of those series, sorted.
    ///
    /// # Errors
    /// [`QueryError::Source`] if storage cannot be read.
    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError>;
}

impl<S: Source + ?Sized> Source for Arc<S> {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        (**self).select(selection, each)
    }

    fn warning(&self, end: Timestamp) -> Option<String> {
        (**self).warning(end)
    }

    fn stamp(&self, start: Timestamp, end: Timestamp) -> Option<Stamp> {
        (**self).stamp(start, end)
    }

    fn tier(&self, start: Timestamp, matchers: &[Matcher]) -> Tier {
        (**self).tier(start, matchers)
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        (**self).series(matchers, start, end, allow)
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        (**self).label_names(matchers, start, end, allow)
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        (**self).label_values(label, matchers, start, end, allow)
    }
}

impl Source for Store {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        self.select(selection, each).map_err(unread)
    }

    fn stamp(&self, start: Timestamp, end: Timestamp) -> Option<Stamp> {
        self.stamp(start, end)
    }

    fn tier(&self, start: Timestamp, matchers: &[Matcher]) -> Tier {
        self.tier(start, matchers)
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        self.series_within(matchers, start, end, allow).map_err(unread)
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.label_names_within(matchers, start, end, allow).map_err(unread)
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.label_values_within(label, matchers, start, end, allow).map_err(unread)
    }
}

fn unread(error: weir_store::Error) -> QueryError {
    QueryError::Source(Box::new(error))
}
