//! Memory and swap.

use sysinfo::{Error, System};

use super::{Collector, Points};

pub(super) struct Memory(System);

impl Memory {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self(System::new()?))
    }
}

impl Collector for Memory {
    fn collect(&mut self, points: &mut Points<'_>) {
        self.0.refresh_memory();
        let total = self.0.total_memory();
        if total == 0 {
            return;
        }
        let (used, free) = (self.0.used_memory(), self.0.free_memory());
        // What is neither is kept for as long as nobody wants it. States together are all there is.
        let cached = total.saturating_sub(used).saturating_sub(free);
        for (state, bytes) in [("used", used), ("free", free), ("cached", cached)] {
            points.gauge("system_memory_usage_bytes", &[("system_memory_state", state)], bytes as f64);
        }
        points.gauge("system_memory_limit_bytes", &[], total as f64);
        points.ratio("system_memory_utilization_ratio", &[], used as f64 / total as f64);
        for (state, bytes) in [("used", self.0.used_swap()), ("free", self.0.free_swap())] {
            points.gauge("system_paging_usage_bytes", &[("system_paging_state", state)], bytes as f64);
        }
    }
}
