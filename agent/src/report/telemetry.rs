//! What the agent says of itself: the same readings as text on request and as ordinary series in every window.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use rustix::param::page_size;
use weir_sample::{Kind, Reading, Series, Value};

use crate::origin::Origin;
use crate::proc::{ProcFile, field};

/// The process' own figures, and the last word on each counter that has travelled.
pub(crate) struct Telemetry {
    origin: Origin,
    sent: HashMap<Series, f64>,
    stat: ProcFile,
    memory: ProcFile,
    pub(crate) collect_time: Duration,
    pub(crate) close_time: Duration,
}

/// What the process has used, and how long its last window took it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub resident_bytes: u64,
    pub cpu_seconds: f64,
    pub collect_seconds: f64,
    pub close_seconds: f64,
}

impl Usage {
    /// The same as readings.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let Self { resident_bytes, cpu_seconds, collect_seconds, close_seconds } = *self;
        let cpu_series = Series::named("weir_agent_cpu_seconds_total");
        let memory = resident_bytes as f64;
        vec![
            Reading { series: cpu_series, help: CPU_HELP, kind: Kind::Counter, value: cpu_seconds },
            Reading::gauge("weir_agent_resident_bytes", &[], memory, "Memory that the agent has in RAM."),
            Reading::gauge("weir_agent_collect_seconds", &[], collect_seconds, COLLECT_HELP),
            Reading::gauge("weir_agent_close_seconds", &[], close_seconds, CLOSE_HELP),
            Reading::gauge(
                "weir_agent_info",
                &[("version", env!("CARGO_PKG_VERSION"))],
                1.0,
                "Always 1; the label says which version runs.",
            ),
        ]
    }
}

/// Kernel ticks per second, as everywhere in `/proc`.
const TICKS: f64 = 100.0;

impl Telemetry {
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            sent: HashMap::new(),
            stat: ProcFile::new(Path::new("/"), "/proc/self/stat"),
            memory: ProcFile::new(Path::new("/"), "/proc/self/statm"),
            collect_time: Duration::ZERO,
            close_time: Duration::ZERO,
        }
    }

    /// Counters begin anew if this changes their labels.
    pub(crate) fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// What the process has used until now.
    pub(crate) fn usage(&mut self) -> Usage {
        // The command, in brackets, may hold spaces; what is counted comes after it.
        let stat = self.stat.read();
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks = field(fields, 11).unwrap_or(0.0) + field(fields, 12).unwrap_or(0.0);
        let pages = field(self.memory.read(), 1).unwrap_or(0.0) as u64;
        // Whole microseconds: more digits would cost a sample as much as ten others.
        let micros = |time: Duration| time.as_micros() as f64 / 1e6;
        Usage {
            resident_bytes: pages * page_size() as u64,
            cpu_seconds: ticks / TICKS,
            collect_seconds: micros(self.collect_time),
            close_seconds: micros(self.close_time),
        }
    }

    /// The readings as a window's points. A counter travels once it has moved, so that reasons nothing was ever refused
    /// for cost nothing.
    pub(crate) fn points(&mut self, readings: &[Reading]) -> Vec<(Series, Value)> {
        readings.iter().filter_map(|reading| self.point(reading)).collect()
    }

    fn point(&mut self, reading: &Reading) -> Option<(Series, Value)> {
        let series = self.origin.series(reading.series.name(), reading.series.labels());
        if reading.kind != Kind::Counter {
            return Some((series, Value::Gauge(reading.value)));
        }
        if let Some(sent) = self.sent.get_mut(&series) {
            let delta = reading.value - *sent;
            *sent = reading.value;
            return Some((series, Value::Counter(delta)));
        }
        if reading.value == 0.0 {
            return None;
        }
        self.sent.insert(series.clone(), reading.value);
        Some((series, Value::Counter(reading.value)))
    }
}

const COLLECT_HELP: &str = "Time that reading the host took last.";
const CLOSE_HELP: &str = "Time that ending the last window took, from reading the host to batches on disk; StatsD waits in \
    the sockets' buffers meanwhile.";
const CPU_HELP: &str = "CPU time that the agent has used.";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn counters_travel_as_deltas_once_they_have_moved() {
        let mut telemetry = Telemetry::new(Origin::new("a", &BTreeMap::new()));
        let mut check = |total, expected: &[f64]| {
            let points = telemetry.points(&[Reading::counter("weir_agent_x_total", &[], total, "X.")]);
            let deltas: Vec<_> = points.iter().map(|(series, value)| (series.to_string(), value.clone())).collect();
            let series = r#"weir_agent_x_total{host="a"}"#.to_owned();
            let expected: Vec<_> = expected.iter().map(|delta| (series.clone(), Value::Counter(*delta))).collect();
            assert_eq!(deltas, expected);
        };
        check(0, &[]);
        check(3, &[3.0]);
        check(3, &[0.0]);
        check(5, &[2.0]);
    }

    #[test]
    fn the_process_knows_its_size() {
        let usage = Telemetry::new(Origin::new("a", &BTreeMap::new())).usage();
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
        let readings = usage.readings();
        let resident = readings.iter().find(|reading| reading.series.name() == "weir_agent_resident_bytes");
        assert_eq!(resident.map(|reading| reading.value), Some(usage.resident_bytes as f64));
    }
}
