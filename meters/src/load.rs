//! How busy a thread is: the part of recent time that it did not wait for the network.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// A thread's busy ratio, written by the thread and read by anybody.
#[derive(Debug, Default)]
pub struct Load(AtomicU32);

impl Load {
    /// From 0, idle, to 1, never waiting.
    pub fn ratio(&self) -> f64 {
        f64::from(f32::from_bits(self.0.load(Relaxed)))
    }

    /// To be called by the thread alone.
    pub fn set(&self, ratio: f64) {
        self.0.store((ratio as f32).to_bits(), Relaxed);
    }
}

/// Measures one thread.
#[derive(Debug)]
pub struct LoadMeter {
    since: Instant,
    idle: Duration,
    ratio: f64,
}

/// Long enough to be calm, short enough for an autoscaler that looks every few seconds.
const PERIOD: Duration = Duration::from_secs(1);
/// The newest period's weight in the running figure.
const NEWEST: f64 = 0.5;

impl LoadMeter {
    /// For a thread that begins now.
    pub fn new(now: Instant) -> Self {
        Self { since: now, idle: Duration::ZERO, ratio: 0.0 }
    }

    /// Counts a wait that began at `from` and ended `now`.
    pub fn waited(&mut self, from: Instant, now: Instant, load: &Load) {
        self.idle += now - from;
        let period = now - self.since;
        if period >= PERIOD {
            let busy = 1.0 - (self.idle.as_secs_f64() / period.as_secs_f64()).min(1.0);
            self.ratio += NEWEST * (busy - self.ratio);
            load.set(self.ratio);
            (self.since, self.idle) = (now, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_follows_what_was_not_waited() {
        let start = Instant::now();
        let (load, mut meter) = (Load::default(), LoadMeter::new(start));
        for second in 0..20 {
            let begin = start + Duration::from_secs(second);
            meter.waited(begin, begin + Duration::from_millis(250), &load);
            meter.waited(begin + Duration::from_millis(1000), begin + Duration::from_millis(1000), &load);
        }
        assert!((load.ratio() - 0.75).abs() < 0.01, "{}", load.ratio());
    }
}
