//! One reading of both clocks of the host.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use weir_sample::Timestamp;

/// An instant by the clock on the wall, which may be set, and by the time since the boot, which goes on in sleep too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) since_boot: Duration,
}

impl Moment {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let nanos = u32::try_from(boot.tv_nsec).unwrap_or_default();
        let since_boot = Duration::new(u64::try_from(boot.tv_sec).unwrap_or_default(), nanos);
        Self { wall: Timestamp(since.as_millis() as i64), since_boot }
    }
}
