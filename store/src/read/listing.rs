//! Which series and labels there are in a range of time.

use std::collections::BTreeSet;
use std::sync::Arc;

use weir_sample::{Kind, Series, Timestamp};

use crate::index::Index;
use crate::index::matching::Match;
use crate::index::pairs::Half;
use crate::store::{Inner, Store};
use crate::{Error, Matcher};

impl Store {
    /// Series with samples in the range, give or take a block's length.
    ///
    /// # Errors
    /// What the file system says.
    pub fn series(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<(Series, Kind)>, Error> {
        let mut all = Vec::new();
        self.inner.each_index(matchers, start, end, |index| {
            let found = index.matching(matchers);
            let series = |found: &Match| Some((found.id, (index.series_of(found)?, index.kind_of(found)?)));
            all.extend(found.iter().filter_map(series));
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
        let mut names = BTreeSet::new();
        self.inner.each_index(matchers, start, end, |index| {
            if matchers.is_empty() {
                names.extend(index.pairs.labels().map(|(name, _)| name.to_owned()));
            } else {
                let pairs: BTreeSet<u32> = index.pairs_of(matchers);
                names.extend(pairs.iter().map(|&pair| index.pairs.pair(pair).label().to_owned()));
            }
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
        let mut values = BTreeSet::new();
        self.inner.each_index(matchers, start, end, |index| {
            let value = |pair: u32| index.pairs.pair(pair).value().to_owned();
            if matchers.is_empty() {
                let pairs = index.pairs.label(label).into_iter().flat_map(|label| &label.pairs);
                values.extend(pairs.map(|&pair| value(pair)));
            } else {
                let pairs = index.pairs_of(matchers).into_iter();
                values.extend(pairs.filter(|&pair| index.pairs.pair(pair).label() == label).map(value));
            }
        })?;
        Ok(values.into_iter().collect())
    }
}

impl Inner {
    /// Shows the labels of memory and of each block in the range; of memory only if the range ends after all blocks.
    fn each_index(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        mut show: impl FnMut(&Index),
    ) -> Result<(), Error> {
        let (set, start, end) = (self.block_set(), start.millis(), end.millis());
        let tier = self.tier_for(&set, start, matchers);
        let blocks: Vec<Arc<_>> = set.of(tier).filter(|block| block.overlaps(start, end)).cloned().collect();
        let mut lost =
            set.lost.iter().any(|lost| lost.name.tier == tier && lost.name.start <= end && lost.name.end >= start);
        for block in blocks {
            let labels = self.labels.labels(&block)?;
            labels.iter().for_each(|labels| show(labels));
            lost |= labels.is_none();
        }
        // Coarser blocks know the series whose labels are damaged.
        for block in set.blocks.iter().filter(|block| lost && block.name.tier > tier && block.overlaps(start, end)) {
            self.labels.labels(block)?.iter().for_each(|labels| show(labels));
        }
        if end > set.frontier {
            show(&self.index());
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
