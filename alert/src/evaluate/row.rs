//! What evaluations write: recorded series, and alerts as series.

use weir_query::LabelSet;
use weir_sample::{STALE, Series, Timestamp};

use crate::states::Alert;

/// One sample to be written.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its series; always a gauge.
    pub series: Series,
    /// Event time.
    pub at: Timestamp,
    /// Its value, [`STALE`] where the series ends.
    pub value: f64,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        let key = |row: &Self| (row.at, row.value.to_bits());
        self.series == other.series && key(self) == key(other)
    }
}

/// `ALERTS` of an alert in one phase.
pub(crate) fn alerts_series(labels: &LabelSet, phase: &str) -> Series {
    Series::new("ALERTS", labels.labels().chain([("alertstate", phase)]))
}

/// `ALERTS_FOR_STATE`, whose value is the second since which an alert is active.
pub(crate) fn for_state_series(labels: &LabelSet) -> Series {
    Series::new("ALERTS_FOR_STATE", labels.labels())
}

/// The rows of an alert that is there.
pub(crate) fn rows_of(alert: &Alert, at: Timestamp) -> [Row; 2] {
    let since = alert.active_at.div_euclid(1_000) as f64;
    let state = alerts_series(&alert.labels, alert.phase.word());
    [Row { series: state, at, value: 1.0 }, Row { series: for_state_series(&alert.labels), at, value: since }]
}

/// The rows that end an alert's series.
pub(crate) fn ends_of(alert: &Alert, at: Timestamp) -> [Row; 2] {
    rows_of(alert, at).map(|row| Row { value: STALE, ..row })
}
