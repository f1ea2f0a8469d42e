//! Samples of one series, and the windows over them that a range means.

use weir_sample::{Histogram, Kind, Timestamp};

use crate::answer::Line;
use crate::labels::LabelSet;
use crate::read::window::spans;
use crate::row::{Steps, is_absent};

/// Samples of one kind, in rising order of time.
#[derive(Clone, Debug)]
pub(crate) struct Points<V> {
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<V>,
    /// When what counts on began to count, zero where that is not known; empty where it never is.
    pub(crate) starts: Vec<i64>,
}

impl<V> Default for Points<V> {
    fn default() -> Self {
        Self { times: Vec::new(), values: Vec::new(), starts: Vec::new() }
    }
}

impl<V> Points<V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Adds one later than all others, and since when it counts, or zero.
    pub(crate) fn push(&mut self, time: i64, value: V, start: i64) {
        self.times.push(time);
        self.values.push(value);
        self.starts.push(start);
    }

    /// When a sample's counting began, or zero.
    pub(crate) fn start(&self, at: usize) -> i64 {
        self.starts.get(at).copied().unwrap_or(0)
    }

    /// Leaves out those that only say that their series ended: ranges do not see them.
    pub(crate) fn drop_stale(&mut self, is_stale: impl Fn(&V) -> bool) {
        if !self.values.iter().any(&is_stale) {
            return;
        }
        let kept: Vec<bool> = self.values.iter().map(|value| !is_stale(value)).collect();
        retain(&mut self.times, &kept);
        retain(&mut self.values, &kept);
        if !self.starts.is_empty() {
            retain(&mut self.starts, &kept);
        }
    }
}

fn retain<T>(items: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    items.retain(|_| kept.next().copied().unwrap_or(true));
}

/// One series' samples, ready for a window to move over.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) labels: LabelSet,
    /// The name goes at the end of the query.
    pub(crate) drops_name: bool,
    pub(crate) floats: Points<f64>,
    pub(crate) histograms: Points<Histogram>,
    /// Distance of a coarser tier's points in milliseconds; zero for samples as they came.
    pub(crate) resolution: i64,
    /// What was stored; `None` for the results of a subquery.
    pub(crate) kind: Option<Kind>,
}

impl Samples {
    pub(crate) fn len(&self) -> usize {
        self.floats.times.len() + self.histograms.times.len()
    }

    /// Whether neither the store nor its name takes a series for a counter.
    pub(crate) fn is_no_counter(&self) -> bool {
        let name = self.labels.name();
        let named = || ["_total", "_sum", "_count", "_bucket"].iter().any(|end| name.ends_with(end));
        self.kind.is_some_and(|kind| kind != Kind::Counter) && !name.is_empty() && !named()
    }

    pub(crate) fn drop_stale(&mut self) {
        self.floats.drop_stale(|value| is_absent(*value));
        self.histograms.drop_stale(|histogram| is_absent(histogram.sum()));
    }

    /// The samples of the first window, as an instant query for a range shows them.
    pub(crate) fn into_line(self, ranges: Ranges, has_edges: bool) -> Line {
        let window = |times: &[i64]| match has_edges {
            true => 0..times.len(),
            false => spans(times, ranges.view, ranges.width).next().map_or(0..0, |span| span.low..span.high),
        };
        let time = |at: &i64| Timestamp(*at);
        let Points { times, values, .. } = self.floats;
        let within = window(&times);
        let floats = times[within.clone()].iter().map(time).zip(values[within].iter().copied()).collect();
        let Points { times, values, .. } = self.histograms;
        let within = window(&times);
        let boxed = values.into_iter().take(within.end).skip(within.start).map(Box::new);
        let histograms = times[within].iter().map(time).zip(boxed).collect();
        let labels = if self.drops_name { self.labels.without_name() } else { self.labels };
        Line { labels, floats, histograms }
    }
}

/// Where the windows of a range lie: step `i` sees `(view.at(i) - width, view.at(i)]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranges {
    pub(crate) view: Steps,
    /// Length of the windows in milliseconds.
    pub(crate) width: i64,
    /// Length that was asked for: less than `width` where a coarser tier has too few points for it.
    pub(crate) asked: i64,
    /// Distance of a coarser tier's points; zero for samples as they came.
    pub(crate) resolution: i64,
}

impl Ranges {
    /// Windows of samples as they came.
    pub(crate) fn new(view: Steps, width: i64) -> Self {
        Self { view, width, asked: width, resolution: 0 }
    }

    /// Windows that hold at least two points.
    pub(crate) fn over(self, resolution: i64) -> Self {
        Self { width: self.asked.max(2 * resolution), resolution, ..self }
    }

    /// The part of a window that was asked for.
    pub(crate) fn share(self) -> f64 {
        self.asked as f64 / self.width as f64
    }
}
