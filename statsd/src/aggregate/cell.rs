//! What one series has gathered in the open window, and what it remembers from earlier ones.

use weir_sample::{Distinct, Histogram, Kind, Timestamp, Value};

use crate::config::{AggregatorConfig, Idle, TimerUnit};
use crate::line::{Metric, Type};

/// One series' state.
#[derive(Debug)]
pub(crate) struct Cell {
    state: State,
    /// Windows closed since the last line.
    idle: u32,
}

#[derive(Debug)]
enum State {
    Counter(f64),
    Gauge(Gauge),
    Distribution(Option<Box<Histogram>>),
    Set(Option<Box<Distinct>>),
    /// Expired; the slot waits for another series.
    Free,
}

#[derive(Debug)]
struct Gauge {
    value: f64,
    /// The Unix seconds it is of if the client said so.
    at: i64,
    /// The Unix seconds it was heard in.
    heard: u32,
}

/// The rules that cells follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    relative_gauges: bool,
    repeat_gauges: bool,
    timer_scale: f64,
    idle: Idle,
}

impl Rules {
    pub(crate) fn new(config: &AggregatorConfig) -> Self {
        let timer_scale = if config.timers == TimerUnit::Seconds { 1e3 } else { 1.0 };
        let &AggregatorConfig { relative_gauges, repeat_gauges, idle, .. } = config;
        Self { relative_gauges, repeat_gauges, timer_scale, idle }
    }
}

impl Cell {
    pub(crate) fn new(kind: Kind) -> Self {
        let state = match kind {
            Kind::Counter => State::Counter(0.0),
            Kind::Gauge => State::Gauge(Gauge { value: 0.0, at: i64::MIN, heard: 0 }),
            Kind::Distribution => State::Distribution(None),
            Kind::Set => State::Set(None),
        };
        Self { state, idle: 0 }
    }

    pub(crate) fn free() -> Self {
        Self { state: State::Free, idle: 0 }
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        match self.state {
            State::Counter(_) => Some(Kind::Counter),
            State::Gauge(..) => Some(Kind::Gauge),
            State::Distribution(_) => Some(Kind::Distribution),
            State::Set(_) => Some(Kind::Set),
            State::Free => None,
        }
    }

    /// Counts `count` events.
    pub(crate) fn count(&mut self, count: f64) {
        self.idle = 0;
        if let State::Counter(sum) = &mut self.state {
            *sum += count;
        }
    }

    /// Sets a gauge to what was heard in that Unix second.
    pub(crate) fn set(&mut self, value: f64, now: u32) {
        self.idle = 0;
        if let State::Gauge(gauge) = &mut self.state {
            (gauge.value, gauge.heard) = (value, now);
        }
    }

    /// Takes in a line of this cell's kind, heard in that Unix second.
    #[inline]
    pub(crate) fn add(&mut self, metric: &Metric<'_>, rules: &Rules, now: u32) {
        self.idle = 0;
        match &mut self.state {
            // A division is exact where 1/rate is not: 3 / 0.3 is 10.
            State::Counter(sum) => metric.values().for_each(|number| *sum += number.value / metric.share()),
            State::Gauge(gauge) => gauge.adjust(metric, rules.relative_gauges, now),
            State::Distribution(histogram) => {
                let histogram = histogram.get_or_insert_default();
                let scale = if metric.kind == Type::Timer { rules.timer_scale } else { 1.0 };
                metric
                    .values()
                    .for_each(|number| histogram.insert_weighted(number.value / scale, 1.0 / metric.share()));
            }
            State::Set(set) => set.get_or_insert_default().insert(metric.member().unwrap_or_default()),
            State::Free => {}
        }
    }

    /// What the window says of this series; `None` for a series that says nothing while idle.
    pub(crate) fn close(&mut self, end: Timestamp, rules: &Rules) -> Option<Value> {
        let fed = self.idle == 0;
        self.idle = self.idle.saturating_add(1);
        match &mut self.state {
            State::Counter(sum) => Some(Value::Counter(std::mem::take(sum))),
            State::Gauge(gauge) => {
                // A client's clock that runs ahead must not shut out the others for longer than this window.
                gauge.at = gauge.at.min(end.millis() / 1_000);
                (fed || rules.repeat_gauges).then_some(Value::Gauge(gauge.value))
            }
            State::Distribution(histogram) => histogram.take().map(Value::Distribution),
            State::Set(set) => set.take().map(Value::Set),
            State::Free => None,
        }
    }

    /// When a gauge's value was heard; nothing else depends on it.
    pub(crate) fn heard(&self) -> Option<Timestamp> {
        match &self.state {
            State::Gauge(gauge) => Some(Timestamp::from_secs(gauge.heard.into())),
            _ => None,
        }
    }

    /// Whether the series was idle for so long that it leaves.
    pub(crate) fn expired(&self, rules: &Rules) -> bool {
        let limit = match self.state {
            State::Counter(_) => rules.idle.counters,
            State::Gauge(..) => rules.idle.gauges,
            State::Distribution(_) => rules.idle.distributions,
            State::Set(_) => rules.idle.sets,
            State::Free => return false,
        };
        // The window that held the last line counts as one.
        limit != 0 && self.idle > limit
    }
}

impl Gauge {
    /// Sets or adjusts it. A value older than the one that stands is left out, one without a timestamp is new, and an
    /// adjustment counts whenever it was made.
    #[inline]
    fn adjust(&mut self, metric: &Metric<'_>, relative: bool, now: u32) {
        for number in metric.values() {
            if relative && number.signed {
                self.value += number.value;
            } else if metric.timestamp.is_none_or(|timestamp| timestamp >= self.at) {
                self.value = number.value;
                self.at = metric.timestamp.unwrap_or(self.at);
            } else {
                continue;
            }
            self.heard = now;
        }
    }
}
