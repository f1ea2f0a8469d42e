//! Series that rules look at, written by remote write at their own times.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Result;

use super::stand::Stand;
use crate::bench::remote_write::course::{Course, Shape, Tally};
use crate::clock::now;

pub(super) struct Load {
    pub series: usize,
    pub per_host: usize,
    /// All have one name.
    pub one_metric: bool,
    pub step: Duration,
}

/// A sample of each series every step, until it is over.
pub(super) fn write(stand: &Stand, load: &Load, over: &AtomicBool) -> Result<()> {
    let shape = Shape {
        run: "bench".into(),
        per_host: load.per_host,
        per_request: 2_000,
        jitter_ms: 0,
        each_jitters: false,
        one_metric: load.one_metric,
    };
    let course = Course {
        server: &stand.server,
        shape,
        series: load.series,
        connections: 2,
        first_ms: now().millis(),
        step: load.step,
        rounds: 1.0 / load.step.as_secs_f64(),
    };
    course.run(&Tally::default(), |_| !over.load(Relaxed))
}
