//! How the positions of one layout map to columns of the store.

use weir_sample::{Kind, Series, Value};
use weir_store::{Rows, Store};
use weir_wire::{Layout, Values};

use crate::series::{Home, Judge, Placement};

/// A gauge that an agent sends with its last window, and only then.
const GOODBYE: &str = "weir_agent_goodbye";

/// One agent's layout, resolved once: where each position's value goes.
pub(crate) struct Plan {
    pub kinds: Vec<Kind>,
    rows: Rows,
    /// Width of a row in the store.
    columns: usize,
    /// Positions written as they come, in order of columns; `None` when that is every position, in order.
    picked: Option<Vec<u32>>,
    /// Distributions of this agent: their position and column; count and sum follow it.
    histograms: Vec<(u32, u32)>,
    /// Positions and the series that other senders may write too; a position may be written to several.
    shared: Vec<(u32, Series)>,
    /// The position of the series by which an agent says that it will send nothing more.
    goodbye: Option<u32>,
    /// Positions that a series limit folds.
    pub folded: u64,
}

impl Plan {
    /// Resolves a layout for an agent, as `judge` decides over each series.
    pub(crate) fn new(store: &Store, agent: u128, layout: &Layout, mut judge: Judge<'_>) -> Self {
        let (mut columns, mut picked) = (Vec::new(), Vec::new());
        let (mut histograms, mut shared, mut folded) = (Vec::new(), Vec::new(), 0);
        for (position, (series, &kind)) in layout.series.iter().zip(&layout.kinds).enumerate() {
            let position = position as u32;
            let Placement { home, rollups } = judge.place(series, kind);
            shared.extend(rollups.into_iter().map(|series| (position, series)));
            match home {
                Home::Own(series) => {
                    picked.push(position);
                    if kind == Kind::Distribution {
                        histograms.push((position, columns.len() as u32));
                    }
                    columns.push((series, stored_kind(kind)));
                }
                Home::Shared(series) => shared.push((position, series)),
                Home::Folded(series) => {
                    folded += 1;
                    shared.push((position, series));
                }
                Home::Nowhere => {}
            }
        }
        // The store is asked for without the lock on the accounts.
        drop(judge);
        for &(_, column) in &histograms {
            columns.extend(totals_of(&columns[column as usize].0));
        }
        let all = picked.len() == layout.series.len();
        Self {
            kinds: layout.kinds.clone(),
            rows: store.rows(agent, &columns),
            columns: columns.len(),
            picked: (!all).then_some(picked),
            histograms,
            shared,
            goodbye: layout.series.iter().position(|series| series.name() == GOODBYE).map(|at| at as u32),
            folded,
        }
    }

    /// Whether other senders may write some of its series too.
    pub(crate) fn has_shared(&self) -> bool {
        !self.shared.is_empty()
    }

    /// Whether this batch says that its sender ends.
    pub(crate) fn says_goodbye(&self, values: &Values) -> bool {
        self.goodbye.is_some_and(|at| values.floats.get(at as usize).is_some_and(|value| *value > 0.0))
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Fills `row` with what this agent's columns get; absent columns stay NaN.
    pub(crate) fn row(&self, values: &Values, row: &mut Vec<f64>) {
        row.clear();
        match &self.picked {
            None => row.extend_from_slice(&values.floats),
            Some(picked) => row.extend(picked.iter().map(|&position| values.floats[position as usize])),
        }
        if values.rich.is_empty() {
            row.resize(self.columns, f64::NAN);
            return;
        }
        let own = row.len();
        row.resize(self.columns, f64::NAN);
        for (position, value) in &values.rich {
            match value {
                Value::Set(set) => {
                    if let Some(column) = self.column(*position) {
                        row[column] = set.estimate();
                    }
                }
                Value::Distribution(histogram) => {
                    if let Ok(at) = self.histograms.binary_search_by_key(&(*position as u32), |&(position, _)| position)
                    {
                        row[own + 2 * at] = histogram.count();
                        row[own + 2 * at + 1] = histogram.sum();
                    }
                }
                Value::Counter(_) | Value::Gauge(_) => {}
            }
        }
    }

    /// The histograms of this agent's columns in `values`.
    pub(crate) fn histograms<'a>(
        &'a self,
        values: &'a Values,
    ) -> impl Iterator<Item = (usize, &'a weir_sample::Histogram)> + 'a {
        values.rich.iter().filter_map(|(position, value)| match value {
            Value::Distribution(histogram) => Some((self.column(*position)?, &**histogram)),
            _ => None,
        })
    }

    /// What this batch says about series that others may write too.
    pub(crate) fn shared<'a>(&'a self, values: &'a Values) -> impl Iterator<Item = (&'a Series, Value)> + 'a {
        self.shared.iter().filter_map(|(position, series)| {
            let position = *position as usize;
            let float = values.floats[position];
            let value = match self.kinds[position] {
                Kind::Counter => Value::Counter(float),
                Kind::Gauge => Value::Gauge(float),
                _ => values.rich[values.rich.binary_search_by_key(&position, |(at, _)| *at).ok()?].1.clone(),
            };
            Some((series, value))
        })
    }

    fn column(&self, position: usize) -> Option<usize> {
        match &self.picked {
            None => Some(position),
            Some(picked) => picked.binary_search(&(position as u32)).ok(),
        }
    }
}

/// The store has floats and histograms: a set is written as the gauge of its estimate.
pub(crate) fn stored_kind(kind: Kind) -> Kind {
    match kind {
        Kind::Set => Kind::Gauge,
        kind => kind,
    }
}

/// The counters that stand beside every distribution, for `rate(x_count[5m])` and averages.
pub(crate) fn totals_of(distribution: &Series) -> [(Series, Kind); 2] {
    let total = |suffix: &str| (distribution.with_name(&format!("{}{suffix}", distribution.name())), Kind::Counter);
    [total("_count"), total("_sum")]
}
