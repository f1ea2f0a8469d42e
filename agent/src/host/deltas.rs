//! Cumulative counters of the kernel become what a window added.

use std::collections::HashMap;

use weir_sample::{Series, Value};

/// The kernel's last word on each counter.
#[derive(Default)]
pub(crate) struct Deltas {
    last: HashMap<Series, (f64, u64)>,
    turn: u64,
}

impl Deltas {
    /// Starts a new window; counters that were not read for two windows are forgotten.
    pub(crate) fn begin(&mut self) {
        self.turn += 1;
        let turn = self.turn;
        self.last.retain(|_, (_, seen)| *seen + 2 >= turn);
    }

    /// What a counter has added since it was last read; `None` the first time. One that went back has started again.
    pub(crate) fn delta(&mut self, series: &Series, now: f64) -> Option<Value> {
        let turn = self.turn;
        match self.last.get_mut(series) {
            Some((last, seen)) => {
                let delta = if now >= *last { now - *last } else { now };
                (*last, *seen) = (now, turn);
                Some(Value::Counter(delta))
            }
            None => {
                self.last.insert(series.clone(), (now, turn));
                None
            }
        }
    }
}
