//! What happened to alerts and groups, kept for a time.

use serde::{Deserialize, Serialize};

use crate::event::Pairs;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// An alert's result is there, and has to last.
    Pending,
    /// A pending alert's result is gone.
    Dropped,
    /// An alert fires.
    Firing,
    /// Its result is missing because data are.
    Late,
    /// Data are complete again, and it goes on.
    Heard,
    /// It resolved: the result is gone.
    Resolved,
    /// It resolved: the rule found no data at all.
    NoData,
    /// It resolved: its rule is gone.
    RuleGone,
    /// Evaluations were left out, because they were too far behind.
    Skipped,
    /// The clock went back by so much that a group began anew.
    ClockBack,
}

/// One entry of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Event time, in milliseconds.
    pub at_ms: i64,
    /// The rule group: `file;name`.
    pub source: String,
    /// What happened.
    pub what: Happening,
    /// The alert's labels; none if it is not about one.
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    pub labels: Pairs,
    /// The result's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Of skipped evaluations how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}
