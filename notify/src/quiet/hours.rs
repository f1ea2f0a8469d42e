//! Mute and active times of a route.

use weir_alert::routing::{Config, Route};
use weir_sample::Timestamp;

/// Whether a route tells nothing at `now`.
pub(crate) fn is_muted(config: &Config, route: &Route, now: Timestamp) -> bool {
    let is_now = |name: &String| config.intervals.get(name).is_some_and(|intervals| intervals.contain(now));
    route.mute.iter().any(is_now) || !route.active.is_empty() && !route.active.iter().any(is_now)
}
