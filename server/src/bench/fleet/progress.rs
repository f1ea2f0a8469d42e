//! What a run says while it goes on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::json;
use weir_files::say;

use super::host::Plan;
use super::tally::Tally;

/// Prints lines, each about the time since the last.
pub(crate) struct Progress<'a> {
    plan: &'a Plan,
    tally: &'a Tally,
    sent: u64,
    acked: u64,
}

const LOOK: Duration = Duration::from_millis(20);

impl<'a> Progress<'a> {
    pub(crate) fn new(plan: &'a Plan, tally: &'a Tally) -> Self {
        Self { plan, tally, sent: 0, acked: 0 }
    }

    /// Reports every so often until all is done.
    pub(crate) fn report(mut self, every: Duration, start: Instant, done: impl Fn() -> bool) {
        let mut next = start + every;
        while !done() {
            std::thread::sleep(LOOK.min(every));
            let now = Instant::now();
            if now >= next {
                self.line(now - start);
                next = now + every;
            }
        }
    }

    fn line(&mut self, at: Duration) {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        // Acks first: what is acked was sent before.
        let (acked, sent) = (read(&self.tally.samples_acked), read(&self.tally.samples_sent));
        let window = (at.as_secs_f64() / self.plan.interval.as_secs_f64()) as u32;
        let agents = if window < self.plan.windows { self.plan.ramp.agents_at(window, self.plan.windows) } else { 0 };
        let line = json!({
            "at_s": (at.as_secs_f64() * 1e3).round() / 1e3,
            "agents": agents,
            "samples_sent": sent - self.sent,
            "samples_acked": acked - self.acked,
            "samples_unacked": sent - acked,
            "ack_p99_ms": self.tally.drain_recent_quantile_ms(0.99),
        });
        say!("{line}");
        (self.sent, self.acked) = (sent, acked);
    }
}
