//! How values are written in the file.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::duration::duration;

/// `30s`, `1h30m`.
pub(super) fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    duration(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// The same, where it may be absent.
pub(super) fn maybe_span<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    span(from).map(Some)
}

pub(super) fn yes() -> bool {
    true
}
