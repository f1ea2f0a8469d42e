//! The time, and until when something is to be waited for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use weir_sample::Timestamp;

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_millis() as i64)
}

/// From now until then.
pub(crate) fn until(then: Timestamp) -> Duration {
    Duration::from_millis(then.millis().saturating_sub(now().millis()).max(0) as u64)
}
