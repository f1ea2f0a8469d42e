//! One alert that is pending or firing, as it is kept.

use std::sync::Arc;

use weir_query::LabelSet;

use crate::event::Pairs;

/// The stage of an alert. Inactive ones are not kept, and a late one has [`Alert::late_since`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its result has not lasted for as long as the rule's `for`.
    Pending,
    /// People are to be told of it until it resolves.
    Firing,
}

impl Phase {
    /// Prometheus' word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// Annotations as expanded, in the order of the rule; copies share them.
pub type Annotations = Arc<[(Arc<str>, Box<str>)]>;

/// One alert. Times are event times in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its identity, `alertname` among them.
    pub labels: LabelSet,
    /// Its stage.
    pub phase: Phase,
    /// From when its result counts as there.
    pub active_at: i64,
    /// When it began to fire; 0 while it is pending.
    pub fired_at: i64,
    /// When its result was first missing while `keep_firing_for` holds it.
    pub missing_since: Option<i64>,
    /// Since when its result is missing for want of data.
    pub late_since: Option<i64>,
    /// The result's newest value.
    pub value: f64,
    /// What people read.
    pub annotations: Annotations,
    /// The number of the event that said that it fires.
    pub seq: u64,
    /// When people were last told. Not kept across a restart: one telling more costs nothing.
    pub told_at: i64,
}

impl Alert {
    /// An alert whose result is there for the first time.
    pub(crate) fn new(labels: LabelSet, at: i64) -> Self {
        let annotations = Annotations::default();
        let (fired_at, missing_since, late_since) = (0, None, None);
        let (phase, value, seq, told_at) = (Phase::Pending, 0.0, 0, i64::MIN);
        Self { labels, phase, active_at: at, fired_at, missing_since, late_since, value, annotations, seq, told_at }
    }

    /// Labels as an event has them.
    pub fn label_pairs(&self) -> Pairs {
        self.labels.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Annotations as an event has them.
    pub fn annotation_pairs(&self) -> Pairs {
        self.annotations.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    }
}
