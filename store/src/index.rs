//! Label pairs to series: for each label, its values in order, each with the ids of the series that have it.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use weir_sample::Series;

use crate::matcher::{Matcher, NAME};

#[derive(Debug, Default)]
pub(crate) struct Index {
    all: RoaringBitmap,
    labels: BTreeMap<String, BTreeMap<String, RoaringBitmap>>,
}

impl Index {
    pub(crate) fn insert(&mut self, id: u32, series: &Series) {
        self.all.insert(id);
        for (label, value) in pairs(series) {
            if !self.labels.contains_key(label) {
                self.labels.insert(label.to_owned(), BTreeMap::new());
            }
            let Some(values) = self.labels.get_mut(label) else { continue };
            match values.get_mut(value) {
                Some(ids) => {
                    ids.insert(id);
                }
                None => {
                    values.insert(value.to_owned(), [id].into_iter().collect());
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, id: u32, series: &Series) {
        self.all.remove(id);
        for (label, value) in pairs(series) {
            let Some(values) = self.labels.get_mut(label) else { continue };
            let emptied = values.get_mut(value).is_some_and(|ids| {
                ids.remove(id);
                ids.is_empty()
            });
            if emptied {
                values.remove(value);
            }
            if values.is_empty() {
                self.labels.remove(label);
            }
        }
    }

    /// Series that meet every condition.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> RoaringBitmap {
        let mut found: Option<RoaringBitmap> = None;
        // What an empty value meets also fits series without the label, so it is easier to take away than to gather.
        for matcher in matchers.iter().filter(|matcher| !matcher.accepts("")) {
            let ids = self.having(matcher, true);
            found = Some(found.map_or_else(|| ids.clone(), |found| found & &ids));
        }
        let mut found = found.unwrap_or_else(|| self.all.clone());
        for matcher in matchers.iter().filter(|matcher| matcher.accepts("")) {
            found -= self.having(matcher, false);
        }
        found
    }

    /// Series whose value of the label is (or is not) accepted.
    fn having(&self, matcher: &Matcher, accepted: bool) -> RoaringBitmap {
        let Some(values) = self.labels.get(matcher.label()) else { return RoaringBitmap::new() };
        if accepted && matcher.op() == crate::MatchOp::Equal {
            return values.get(matcher.value()).cloned().unwrap_or_default();
        }
        let mut found = RoaringBitmap::new();
        values.iter().filter(|(value, _)| matcher.accepts(value) == accepted).for_each(|(_, ids)| found |= ids);
        found
    }

    /// Names of labels that any of these series has; `None` asks for all.
    pub(crate) fn label_names(&self, of: Option<&RoaringBitmap>) -> Vec<String> {
        let has = |values: &BTreeMap<String, RoaringBitmap>| {
            of.is_none_or(|of| values.values().any(|ids| !ids.is_disjoint(of)))
        };
        self.labels.iter().filter(|(_, values)| has(values)).map(|(name, _)| name.clone()).collect()
    }

    /// Values of a label that any of these series has; `None` asks for all.
    pub(crate) fn label_values(&self, label: &str, of: Option<&RoaringBitmap>) -> Vec<String> {
        let values = self.labels.get(label).into_iter().flatten();
        values.filter(|(_, ids)| of.is_none_or(|of| !ids.is_disjoint(of))).map(|(value, _)| value.clone()).collect()
    }
}

fn pairs(series: &Series) -> impl Iterator<Item = (&str, &str)> {
    std::iter::once((NAME, series.name())).chain(series.labels())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MatchOp;

    #[test]
    fn all_four_kinds_of_matchers_select() {
        let mut index = Index::default();
        let series = [
            Series::new("up", [("host", "a"), ("zone", "1")]),
            Series::new("up", [("host", "b")]),
            Series::new("load", [("host", "a")]),
        ];
        series.iter().enumerate().for_each(|(id, series)| index.insert(id as u32, series));
        let check = |matchers: &[(&str, MatchOp, &str)], expected: &[u32]| {
            let matchers: Vec<_> = matchers.iter().map(|(l, op, v)| Matcher::new(l, *op, v).unwrap()).collect();
            assert_eq!(index.select(&matchers).iter().collect::<Vec<_>>(), expected, "{matchers:?}");
        };
        use MatchOp::{Equal, NotEqual, NotRegex, Regex};
        check(&[], &[0, 1, 2]);
        check(&[(NAME, Equal, "up")], &[0, 1]);
        check(&[(NAME, Equal, "up"), ("host", NotEqual, "a")], &[1]);
        check(&[("zone", Equal, "")], &[1, 2]);
        check(&[("zone", NotEqual, "")], &[0]);
        check(&[("zone", NotEqual, "2")], &[0, 1, 2]);
        check(&[(NAME, Regex, "up|down"), ("zone", Regex, ".*")], &[0, 1]);
        check(&[("zone", Regex, ".+")], &[0]);
        check(&[(NAME, NotRegex, "u.*")], &[2]);
        check(&[("nope", Equal, "x")], &[]);
        assert_eq!(index.label_values("host", None), ["a", "b"]);
        index.remove(1, &series[1]);
        assert_eq!(index.label_values("host", None), ["a"]);
    }
}
