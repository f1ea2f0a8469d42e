//! Which series and labels there are in a range of time.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use weir_sample::{Kind, Series, Timestamp};

use crate::index::Index;
use crate::index::pairs::Half;
use crate::store::{Inner, Store};
use crate::{Error, Matcher};

impl Store {
    /// Series with samples in the range, give or take a block's length.
    ///
    /// # Errors
    /// What the file system says.
    pub fn series(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<(Series, Kind)>, Error> {
        self.series_within(matchers, start, end, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`Store::series`], up to what is not allowed.
    ///
    /// # Errors
    /// As [`Store::series`].
    pub fn series_within(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, Error> {
        let mut all = Vec::new();
        self.inner.each_index(matchers, start, end, |index| {
            for found in &index.matching(matchers) {
                let (Some(series), Some(kind)) = (index.series_of(found), index.kind_of(found)) else { continue };
                allow(series.key().len() + size_of::<(u64, Series, Kind)>())?;
                all.push((found.id, (series, kind)));
            }
            ControlFlow::Continue(())
        })?;
        all.sort_by_key(|&(id, _)| id);
        all.dedup_by_key(|&mut (id, _)| id);
        Ok(all.into_iter().map(|(_, series)| series).collect())
    }

    /// Names of labels in use, sorted.
    ///
    /// # Errors
    /// As [`Store::series`].
    pub fn label_names(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<String>, Error> {
        self.label_names_within(matchers, start, end, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`Store::label_names`], up to what is not allowed.
    ///
    /// # Errors
    /// As [`Store::series`].
    pub fn label_names_within(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, Error> {
        let mut names = BTreeSet::new();
        self.inner.each_index(matchers, start, end, |index| {
            if matchers.is_empty() {
                return index.pairs.labels().try_for_each(|(name, _)| add(&mut names, name, allow));
            }
            let pairs: BTreeSet<u32> = index.pairs_of(matchers);
            pairs.iter().try_for_each(|&pair| add(&mut names, index.pairs.pair(pair).label(), allow))
        })?;
        Ok(names.into_iter().collect())
    }

    /// Values of a label in use, sorted.
    ///
    /// # Errors
    /// As [`Store::series`].
    pub fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<String>, Error> {
        self.label_values_within(label, matchers, start, end, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`Store::label_values`], up to what is not allowed.
    ///
    /// # Errors
    /// As [`Store::series`].
    pub fn label_values_within(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, Error> {
        let mut values = BTreeSet::new();
        self.inner.each_index(matchers, start, end, |index| {
            if matchers.is_empty() {
                let mut pairs = index.pairs.label(label).into_iter().flat_map(|label| &label.pairs);
                return pairs.try_for_each(|&pair| add(&mut values, index.pairs.pair(pair).value(), allow));
            }
            let pairs = index.pairs_of(matchers).into_iter().map(|pair| index.pairs.pair(pair));
            let mut pairs = pairs.filter(|pair| pair.label() == label);
            pairs.try_for_each(|pair| add(&mut values, pair.value(), allow))
        })?;
        Ok(values.into_iter().collect())
    }
}

/// Whether something found may be kept: it is told the bytes that it takes.
type Allow<'a> = &'a mut dyn FnMut(usize) -> ControlFlow<()>;

fn add(found: &mut BTreeSet<String>, text: &str, allow: Allow<'_>) -> ControlFlow<()> {
    if !found.contains(text) {
        allow(text.len() + size_of::<String>())?;
        found.insert(text.to_owned());
    }
    ControlFlow::Continue(())
}

impl Inner {
    /// Shows the labels of memory and of each block in the range; of memory only if the range ends after all blocks.
    fn each_index(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        mut show: impl FnMut(&Index) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let (set, start, end) = (self.block_set(), start.millis(), end.millis());
        let tier = self.tier_for(&set, start, matchers);
        let blocks: Vec<Arc<_>> = set.of(tier).filter(|block| block.overlaps(start, end)).cloned().collect();
        let mut lost =
            set.lost.iter().any(|lost| lost.name.tier == tier && lost.name.start <= end && lost.name.end >= start);
        for block in blocks {
            let labels = self.labels.labels(&block)?;
            if labels.iter().try_for_each(|labels| show(labels)).is_break() {
                return Ok(());
            }
            lost |= labels.is_none();
        }
        // Coarser blocks know the series whose labels are damaged.
        for block in set.blocks.iter().filter(|block| lost && block.name.tier > tier && block.overlaps(start, end)) {
            if self.labels.labels(block)?.iter().try_for_each(|labels| show(labels)).is_break() {
                return Ok(());
            }
        }
        if end > set.frontier {
            let _ = show(&self.index());
        }
        Ok(())
    }
}

impl Index {
    /// Pairs of the series that satisfy all matchers.
    fn pairs_of(&self, matchers: &[Matcher]) -> BTreeSet<u32> {
        let halves = self.matching_halves(matchers);
        let pairs = halves.iter().flat_map(|&(half, set)| match half {
            Half::Tail => self.tails.pairs(set),
            Half::Common => self.commons.pairs(set),
        });
        pairs.copied().collect()
    }
}
