//! Samples of one series, and the windows over them that a range means.

use weir_sample::{Kind, Timestamp};
use weir_store::Column;

use crate::answer::Line;
use crate::labels::LabelSet;
use crate::read::window::spans;
use crate::row::Steps;

/// One series' samples, ready for a window to move over.
pub(crate) struct Samples {
    pub(crate) labels: LabelSet,
    pub(crate) timestamps: Vec<i64>,
    pub(crate) values: Column,
    /// Distance of a coarser tier's points in milliseconds; zero for samples as they came.
    pub(crate) resolution: i64,
    /// What was stored; `None` for the results of a subquery.
    pub(crate) kind: Option<Kind>,
}

impl Samples {
    /// Whether neither the store nor its name takes a series for a counter.
    pub(crate) fn is_no_counter(&self) -> bool {
        let floats = matches!(self.values, Column::Floats(_));
        let named = || ["_total", "_sum", "_count", "_bucket"].iter().any(|end| self.labels.name().ends_with(end));
        floats && self.kind.is_some_and(|kind| kind != Kind::Counter) && !named()
    }

    /// The samples of the first window, as an instant query for a range shows them.
    pub(crate) fn into_line(self, ranges: Ranges) -> Line {
        let window = spans(&self.timestamps, ranges.view, ranges.width).next().map_or(0..0, |span| span.low..span.high);
        let times = self.timestamps[window.clone()].iter().map(|&time| Timestamp(time));
        let (mut floats, mut histograms) = (Vec::new(), Vec::new());
        match self.values {
            Column::Floats(values) => floats.extend(times.zip(values[window].iter().copied())),
            Column::Histograms(mut values) => {
                values.truncate(window.end);
                histograms.extend(times.zip(values.into_iter().skip(window.start).map(Box::new)));
            }
        }
        Line { labels: self.labels, floats, histograms }
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
