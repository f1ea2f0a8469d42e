//! `selector smoothed`: what lies between the samples before and after each step.

use weir_sample::ResetHint;
use weir_store::Hint;

use crate::error::QueryError;
use crate::evaluate::{Evaluator, Sink};
use crate::notes::Notes;
use crate::read::between::{interpolate, interpolate_histograms};
use crate::read::samples::Samples;
use crate::read::window::spans;
use crate::row::{ABSENT, Row, Steps};
use crate::syntax::VectorSelector;

impl Evaluator<'_> {
    pub(crate) fn smoothed(&self, selector: &VectorSelector, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        let view = self.view(steps, selector.at.as_ref(), selector.offset.as_ref());
        let lookback = self.lookback();
        self.read(selector, view, (lookback, lookback), Hint::Raw, &mut |mut samples| {
            samples.drop_stale();
            let notes = Notes::new(self, selector.place, &samples.labels);
            let row = smooth(&samples, view, lookback, &notes);
            self.budget.work(steps.count)?;
            if row.is_empty() { Ok(()) } else { sink(row) }
        })
    }
}

fn smooth(samples: &Samples, view: Steps, lookback: i64, notes: &Notes<'_, '_>) -> Row {
    let Samples { labels, floats, histograms, .. } = samples;
    let mut row = Row::of_floats(labels.clone(), vec![ABSENT; view.count]);
    row.histograms.resize(view.count, None);
    let wide = Steps { start: view.start.saturating_add(lookback), ..view };
    let of_histograms = spans(&histograms.times, wide, 2 * lookback);
    for (of_floats, of_histograms) in spans(&floats.times, wide, 2 * lookback).zip(of_histograms) {
        let (step, at) = (of_floats.step, view.at(of_floats.step));
        let (f, h) = (of_floats.low..of_floats.high, of_histograms.low..of_histograms.high);
        if !f.is_empty() && !h.is_empty() {
            notes.mixed();
            continue;
        }
        let next = f.start + floats.times[f.clone()].partition_point(|&time| time < at);
        if next < f.end && floats.times[next] == at {
            row.floats[step] = floats.values[next];
        } else if next > f.start {
            let before = (floats.times[next - 1], floats.values[next - 1]);
            let after = (next < f.end).then(|| (floats.times[next], floats.values[next]));
            row.floats[step] = after.map_or(before.1, |after| interpolate(before, after, at, false));
        }
        let next = h.start + histograms.times[h.clone()].partition_point(|&time| time < at);
        if next < h.end && histograms.times[next] == at {
            row.histograms[step] = Some(Box::new(histograms.values[next].clone()));
        } else if next > h.start {
            let before = (histograms.times[next - 1], &histograms.values[next - 1]);
            if next == h.end {
                let carried = before.1.clone();
                let hint = if carried.hint() == ResetHint::Delta { ResetHint::Delta } else { ResetHint::Unknown };
                row.histograms[step] = Some(Box::new(carried.with_hint(hint)));
                continue;
            }
            let after = (histograms.times[next], &histograms.values[next]);
            if before.1.has_own_bounds() != after.1.has_own_bounds() {
                notes.incompatible();
                continue;
            }
            let is_counter =
                [before.1, after.1].iter().any(|one| !matches!(one.hint(), ResetHint::Gauge | ResetHint::Delta));
            let between = interpolate_histograms(before, after, at, is_counter);
            row.histograms[step] = notes.interpolated(between).map(Box::new);
        }
    }
    row
}
