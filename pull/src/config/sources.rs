//! Where a job's targets stand: in the file itself, or in files beside it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::relabel::LabelSet;

/// Targets that have labels in common.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    #[serde(default)]
    pub targets: Vec<String>,
    #[serde(default)]
    pub labels: LabelSet,
}

/// A place that names targets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Files(FileSource),
}

/// Files of groups, by patterns.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSource {
    pub files: Vec<String>,
    /// Files are looked at every second, whatever stands here.
    #[serde(rename = "refresh_interval")]
    _refresh_interval: Option<IgnoredAny>,
}
