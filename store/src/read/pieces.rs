//! One series as it leaves the store: its floats and its histograms, in a piece each.

use std::ops::ControlFlow;

use weir_sample::{Kind, Series};

use crate::tier::run::Run;
use crate::{SeriesData, Tier};

/// Floats and histograms that were read, and what the last writer says they are.
#[derive(Default)]
pub(super) struct Pieces([Option<(Kind, Run)>; 2]);

impl Pieces {
    /// Adds what was read of a kind.
    pub(super) fn add(&mut self, kind: Kind, run: Run) {
        match &mut self.0[usize::from(kind == Kind::Distribution)] {
            Some((before, all)) => {
                *before = kind;
                all.lay(run);
            }
            piece => *piece = Some((kind, run)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().flatten().all(|(_, run)| run.times.is_empty())
    }

    /// Gives what is not older than is kept.
    pub(super) fn give(
        self,
        series: Series,
        tier: Tier,
        since: i64,
        each: &mut dyn FnMut(SeriesData) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let kept = |(kind, run): (Kind, Run)| {
            let run = run.within(since, i64::MAX);
            (!run.times.is_empty()).then_some((kind, run))
        };
        let data = |series, (kind, Run { times, values }), more| SeriesData {
            series,
            kind,
            tier,
            timestamps: times,
            values,
            starts: Vec::new(),
            more,
        };
        match self.0.map(|piece| piece.and_then(kept)) {
            [Some(floats), Some(histograms)] => {
                each(data(series.clone(), floats, true))?;
                each(data(series, histograms, false))
            }
            [Some(piece), None] | [None, Some(piece)] => each(data(series, piece, false)),
            [None, None] => ControlFlow::Continue(()),
        }
    }
}
