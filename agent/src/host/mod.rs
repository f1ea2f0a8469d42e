//! This host's metrics: OpenTelemetry's names in Prometheus spelling, read from `/proc` and `/sys`, or by sysinfo where
//! there are none.
//!
//! docs/host-metrics.md lists them; a test holds it against what the collectors emit.

mod collector;
mod commands;
mod deltas;
mod filesystem;
#[cfg(target_os = "linux")]
mod linux;
mod points;
#[cfg(any(feature = "sysinfo", not(target_os = "linux"), test))]
mod portable;

use std::time::Duration;

use weir_sample::{Series, Value};

use crate::aside::Aside;
use crate::config::{HostMetrics, HostSource};
use crate::origin::Origin;
use crate::relabel::Relabelled;
use collector::Collector;
use commands::{Commands, STATES, Told, states_of};
use deltas::Deltas;
use filesystem::{Filesystem, Room};
pub(crate) use points::Points;

/// Everything that is read of the host.
pub(crate) struct Host {
    from: HostSource,
    relabelled: Relabelled,
    sources: Vec<Source>,
    aside: Aside<(Source, Vec<(Series, Value)>)>,
}

/// One collector, and what it takes to run it anywhere.
struct Source {
    name: &'static str,
    collector: Box<dyn Collector>,
    origin: Origin,
    deltas: Deltas,
}

/// What reading one source may take: far more than any that works needs.
const LIMIT: Duration = Duration::from_secs(1);
/// The same where parts have limits of their own.
const LIMIT_IN_PARTS: Duration = Duration::from_secs(3);

impl Source {
    fn collect(&mut self) -> Vec<(Series, Value)> {
        self.deltas.begin();
        let mut points = Points { origin: &self.origin, deltas: &mut self.deltas, all: Vec::new() };
        self.collector.collect(&mut points);
        points.all
    }
}

impl Host {
    pub(crate) fn new(origin: Origin, settings: &HostMetrics) -> Self {
        let relabelled = Relabelled::new(settings.relabel.clone());
        let source = |(name, collector)| Source { name, collector, origin: origin.clone(), deltas: Deltas::default() };
        let sources = collectors(settings).into_iter().map(source).collect();
        Self { from: settings.source, relabelled, sources, aside: Aside::new() }
    }

    /// Collects by other settings from now on. Counters go on, but for those whose labels change.
    pub(crate) fn reconfigure(&mut self, origin: Origin, settings: &HostMetrics) {
        let mut new = Self::new(origin, settings);
        for source in &mut new.sources {
            // Each counts in units of its own.
            let same = |old: &&mut Source| old.name == source.name && self.from == new.from;
            if let Some(old) = self.sources.iter_mut().find(same) {
                source.deltas = std::mem::take(&mut old.deltas);
            }
        }
        (self.from, self.relabelled, self.sources) = (new.from, new.relabelled, new.sources);
    }

    /// One window's points, without those of sources that hang.
    pub(crate) fn collect(&mut self) -> Vec<(Series, Value)> {
        let mut all = Vec::with_capacity(self.relabelled.len());
        let due = std::mem::take(&mut self.sources);
        for (source, points) in self.aside.returned() {
            // A reload may have put another in its place.
            if due.iter().all(|other| other.name != source.name) {
                all.extend(points);
                self.sources.push(source);
            }
        }
        for mut source in due {
            let name = source.name;
            if self.aside.hangs(name) {
                self.sources.push(source);
                continue;
            }
            let limit = if name == "filesystem" { LIMIT_IN_PARTS } else { LIMIT };
            let outcome = self.aside.call(name, limit, move || {
                let points = source.collect();
                (source, points)
            });
            if let Some((source, points)) = outcome {
                all.extend(points);
                self.sources.push(source);
            }
        }
        self.relabelled.apply(all)
    }

    /// What hangs now.
    pub(crate) fn hung(&self) -> Vec<String> {
        let parts = self.sources.iter().flat_map(|source| source.collector.hung());
        self.aside.hung().map(str::to_owned).chain(parts).collect()
    }
}

/// What is read, by name. The configuration has refused what was not built in.
fn collectors(settings: &HostMetrics) -> Vec<(&'static str, Box<dyn Collector>)> {
    match settings.source {
        #[cfg(target_os = "linux")]
        HostSource::Proc => linux::collectors(settings),
        #[cfg(any(feature = "sysinfo", not(target_os = "linux"), test))]
        HostSource::Sysinfo => portable::collectors(settings),
        #[cfg(not(all(target_os = "linux", any(feature = "sysinfo", test))))]
        _ => Vec::new(),
    }
}
