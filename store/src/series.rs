//! One series in memory: its newest sample, the chunk that grows, and what was sealed but not yet written to disk.

use std::sync::Arc;
use std::time::Duration;

use weir_sample::{Kind, Series, Sketch, Timestamp};

use crate::chunk::{OpenChunk, SEAL_AT};

/// A finished run of samples, in time order.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub first_ts: i64,
    pub last_ts: i64,
    pub body: Body,
}

/// What a sealed run holds.
#[derive(Debug)]
pub(crate) enum Body {
    /// A compressed chunk of floats with its count.
    Floats(u32, Vec<u8>),
    /// Sketches with their times.
    Sketches(Vec<(i64, Sketch)>),
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub series: Series,
    pub kind: Kind,
    /// The newest sample, kept out of the chunk because a late delta may still change it.
    pub newest: Option<(i64, f64)>,
    pub open: OpenChunk,
    /// Samples that came after newer ones, in time order, until the next seal.
    pub late: Vec<(i64, f64)>,
    pub sketches: Vec<(i64, Sketch)>,
    pub sealed: Vec<Arc<Sealed>>,
}

/// What an append did, for the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Appended,
    Amended,
    Late,
}

impl Slot {
    pub(crate) fn new(series: Series, kind: Kind) -> Self {
        Self {
            series,
            kind,
            newest: None,
            open: OpenChunk::default(),
            late: Vec::new(),
            sketches: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// Adds a window's delta to the running total. A series without a total starts at zero one window earlier, so that
    /// its first delta is an increase that queries can see.
    pub(crate) fn accumulate(&mut self, ts: Timestamp, interval: Duration, delta: f64) -> Did {
        let (last_ts, total) = *self.newest.get_or_insert((ts.minus(interval).millis(), 0.0));
        if ts.millis() <= last_ts {
            self.newest = Some((last_ts, total + delta));
            return Did::Amended;
        }
        self.push(ts.millis(), total + delta);
        Did::Appended
    }

    /// Stores a value as it is.
    pub(crate) fn set(&mut self, ts: i64, value: f64) -> Did {
        match self.newest {
            Some((last, _)) if ts == last => {
                self.newest = Some((ts, value));
                Did::Amended
            }
            Some((last, _)) if ts < last => {
                let at = self.late.partition_point(|(other, _)| *other < ts);
                match self.late.get_mut(at) {
                    Some(other) if other.0 == ts => other.1 = value,
                    _ => self.late.insert(at, (ts, value)),
                }
                Did::Late
            }
            _ => {
                self.push(ts, value);
                Did::Appended
            }
        }
    }

    fn push(&mut self, ts: i64, value: f64) {
        if let Some((last_ts, last)) = self.newest.replace((ts, value)) {
            self.open.push(last_ts, last);
            if self.open.count() >= SEAL_AT {
                self.seal();
            }
        }
    }

    /// Adds a sketch; one of the same time is merged.
    pub(crate) fn push_sketch(&mut self, ts: i64, sketch: &Sketch) {
        let at = self.sketches.partition_point(|(other, _)| *other < ts);
        match self.sketches.get_mut(at) {
            Some((other, merged)) if *other == ts => merged.merge(sketch),
            _ => self.sketches.insert(at, (ts, sketch.clone())),
        }
        if self.sketches.len() as u32 > SEAL_AT {
            let run: Vec<_> = self.sketches.drain(..SEAL_AT as usize).collect();
            self.seal_run(run[0].0, run[run.len() - 1].0, Body::Sketches(run));
        }
    }

    fn seal(&mut self) {
        let open = std::mem::take(&mut self.open);
        let body = Body::Floats(open.count(), open.bytes().to_vec());
        self.seal_run(open.first_ts(), open.last_ts(), body);
        if self.late.is_empty() {
            return;
        }
        let mut late = OpenChunk::default();
        self.late.drain(..).for_each(|(ts, value)| late.push(ts, value));
        let body = Body::Floats(late.count(), late.bytes().to_vec());
        self.seal_run(late.first_ts(), late.last_ts(), body);
    }

    fn seal_run(&mut self, first_ts: i64, last_ts: i64, body: Body) {
        self.sealed.push(Arc::new(Sealed { first_ts, last_ts, body }));
    }
}
