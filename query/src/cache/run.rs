//! A run of steps and the values that series have at them.

use std::collections::HashMap;
use std::ops::Range;

use weir_sample::{Histogram, Timestamp};

use crate::answer::Line;
use crate::cache::proof::Proof;
use crate::labels::LabelSet;
use crate::row::{ABSENT, Steps, is_present};

/// The values of neighbouring steps.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) steps: Steps,
    pub(crate) proof: Proof,
    /// In order of labels.
    series: Vec<Values>,
}

/// The values of one series.
#[derive(Clone, Debug)]
struct Values {
    labels: LabelSet,
    /// One per step; empty if there is none.
    floats: Vec<f64>,
    /// By step.
    histograms: Vec<(u32, Box<Histogram>)>,
}

impl Values {
    fn none(labels: LabelSet) -> Self {
        Self { labels, floats: Vec::new(), histograms: Vec::new() }
    }

    fn float(&mut self, at: usize, steps: usize, value: f64) {
        if self.floats.is_empty() {
            self.floats = vec![ABSENT; steps];
        }
        self.floats[at] = value;
    }
}

impl Run {
    /// Puts a run together: of steps of an earlier one that stand, and of those that were evaluated. No step is in both.
    pub(crate) fn of(steps: Steps, proof: Proof, earlier: Option<(&Self, &[Range<usize>])>, fresh: Vec<Line>) -> Self {
        let mut run = Self { steps, proof, series: Vec::new() };
        if let Some((earlier, stretches)) = earlier {
            run.series =
                earlier.series.iter().filter_map(|values| run.copy(earlier.steps, values, stretches)).collect();
        }
        run.lay(fresh);
        run.series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        run
    }

    /// The values of a series at steps of another run, placed in this one; nothing if there is none.
    fn copy(&self, from: Steps, values: &Values, stretches: &[Range<usize>]) -> Option<Values> {
        let (mut copy, mut is_empty) = (Values::none(values.labels.clone()), true);
        let shift = (from.start - self.steps.start) / self.steps.step;
        let place = |at: usize| (at as i64 + shift) as usize;
        for stretch in stretches {
            if values.floats.get(stretch.clone()).is_some_and(|floats| floats.iter().any(|value| is_present(*value))) {
                copy.floats.resize(self.steps.count, ABSENT);
                let to = place(stretch.start)..place(stretch.end);
                copy.floats[to].copy_from_slice(&values.floats[stretch.clone()]);
                is_empty = false;
            }
            let within = values.histograms.iter().filter(|(at, _)| stretch.contains(&(*at as usize)));
            copy.histograms.extend(within.map(|(at, histogram)| (place(*at as usize) as u32, histogram.clone())));
        }
        (!is_empty || !copy.histograms.is_empty()).then_some(copy)
    }

    fn lay(&mut self, fresh: Vec<Line>) {
        let Steps { start, step, count } = self.steps;
        let place = |time: Timestamp| ((time.millis() - start) / step) as usize;
        let mut known: HashMap<LabelSet, usize> = HashMap::new();
        known.extend(self.series.iter().enumerate().map(|(at, values)| (values.labels.clone(), at)));
        for line in fresh {
            let at = *known.entry(line.labels).or_insert_with_key(|labels| {
                self.series.push(Values::none(labels.clone()));
                self.series.len() - 1
            });
            let values = &mut self.series[at];
            line.floats.into_iter().for_each(|(time, value)| values.float(place(time), count, value));
            let histograms = line.histograms.into_iter().map(|(time, histogram)| (place(time) as u32, histogram));
            values.histograms.extend(histograms);
            values.histograms.sort_unstable_by_key(|(at, _)| *at);
        }
    }

    /// The lines of an answer of some of the steps.
    pub(crate) fn lines(&self, wanted: Range<usize>) -> impl Iterator<Item = Line> + '_ {
        let line = move |values: &Values| {
            let time = |at: usize| Timestamp(self.steps.at(at));
            let floats = values.floats.get(wanted.clone()).unwrap_or_default().iter().zip(wanted.clone());
            let floats: Vec<_> =
                floats.filter(|(value, _)| is_present(**value)).map(|(value, at)| (time(at), *value)).collect();
            let histograms = values.histograms.iter().filter(|(at, _)| wanted.contains(&(*at as usize)));
            let histograms: Vec<_> =
                histograms.map(|(at, histogram)| (time(*at as usize), histogram.clone())).collect();
            let is_empty = floats.is_empty() && histograms.is_empty();
            (!is_empty).then(|| Line { labels: values.labels.clone(), floats, histograms })
        };
        self.series.iter().filter_map(line)
    }

    /// The bytes that it takes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let histograms = |values: &Values| {
            let each = values.histograms.iter().map(|(_, histogram)| size_of::<Histogram>() + histogram.heap_bytes());
            each.sum::<usize>() + values.histograms.len() * size_of::<(u32, usize)>()
        };
        let series = |values: &Values| {
            size_of::<Values>()
                + values.labels.heap_bytes()
                + values.floats.len() * size_of::<f64>()
                + histograms(values)
        };
        size_of::<Self>() + self.proof.heap_bytes() + self.series.iter().map(series).sum::<usize>()
    }
}
