//! From matchers to series.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use weir_sample::{Kind, Series};

use super::pairs::{Half, Label, Pair};
use super::{GroupId, Index, SeriesId, SetId};
use crate::Matcher;

/// A series in memory that satisfies a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    pub id: SeriesId,
    pub group: GroupId,
    pub tail: SetId,
}

/// How the halves of series fare with one matcher.
struct Verdict {
    /// Tails whose own value of the label satisfies.
    tails: RoaringBitmap,
    /// Tails without the label: their series stand or fall with the common half.
    open: RoaringBitmap,
    /// Common halves that satisfy where the tail does not have the label.
    commons: RoaringBitmap,
}

/// Matchers that one mask has room for.
const MASK_BITS: usize = u64::BITS as usize;

impl Index {
    /// Every series that satisfies all matchers, in order of identity.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<Match> {
        if let Some((head, rest)) = matchers.split_at_checked(MASK_BITS).filter(|(_, rest)| !rest.is_empty()) {
            let rest = self.matching(rest);
            return self.matching(head).into_iter().filter(|found| rest.binary_search(found).is_ok()).collect();
        }
        let (all_tails, all_commons) = (self.tails.all(), self.commons.all());
        let verdicts: Vec<Verdict> =
            matchers.iter().map(|matcher| self.verdict(matcher, &all_tails, &all_commons)).collect();
        let mut candidates = all_tails;
        verdicts.iter().for_each(|verdict| candidates &= &verdict.tails | &verdict.open);
        let mut found = Vec::new();
        let mut groups = HashMap::<u64, Option<RoaringBitmap>>::new();
        for tail in &candidates {
            let open = verdicts.iter().enumerate().filter(|(_, verdict)| verdict.open.contains(tail));
            let mask = open.fold(0u64, |mask, (i, _)| mask | 1 << i);
            let allowed = groups.entry(mask).or_insert_with(|| self.allowed(&verdicts, mask, &all_commons));
            let members = self.tails.members(tail);
            match allowed {
                None => self.collect(tail, members, &mut found),
                Some(allowed) => self.collect(tail, &(members & &*allowed), &mut found),
            }
        }
        found.sort_unstable();
        found
    }

    /// Every series with one of these tails, in order of identity.
    pub(crate) fn series_of_tails(&self, tails: &[SetId]) -> Vec<Match> {
        let mut found = Vec::new();
        for &tail in tails {
            self.collect(tail, self.tails.members(tail), &mut found);
        }
        found.sort_unstable();
        found
    }

    fn verdict(&self, matcher: &Matcher, all_tails: &RoaringBitmap, all_commons: &RoaringBitmap) -> Verdict {
        let absent = Label::default();
        let label = self.pairs.label(matcher.label()).unwrap_or(&absent);
        let (mut tails, mut commons) = (RoaringBitmap::new(), RoaringBitmap::new());
        let mut named = |pair: &Pair| {
            tails |= &pair.tails;
            commons |= &pair.commons;
        };
        match matcher.literals() {
            Some(literals) => {
                literals.iter().filter_map(|value| self.pairs.find(matcher.label(), value)).for_each(&mut named);
            }
            None => {
                let pairs = label.pairs.iter().map(|&pair| self.pairs.pair(pair));
                pairs.filter(|pair| matcher.names(pair.value())).for_each(&mut named);
            }
        }
        if matcher.is_negative() {
            tails = &label.tails - tails;
            commons = &label.commons - commons;
        }
        if matcher.accepts("") {
            commons |= all_commons - &label.commons;
        }
        Verdict { tails, open: all_tails - &label.tails, commons }
    }

    /// Groups whose common half satisfies the matchers in `mask`; `None` for all of them.
    fn allowed(&self, verdicts: &[Verdict], mask: u64, all_commons: &RoaringBitmap) -> Option<RoaringBitmap> {
        let asked = verdicts.iter().enumerate().filter(|(i, _)| mask & 1 << i != 0);
        let commons = asked.fold(all_commons.clone(), |commons, (_, verdict)| commons & &verdict.commons);
        if commons.len() == all_commons.len() {
            return None;
        }
        let mut groups = RoaringBitmap::new();
        for common in &commons {
            groups |= self.groups_of(common);
        }
        Some(groups)
    }

    fn collect(&self, tail: SetId, groups: &RoaringBitmap, found: &mut Vec<Match>) {
        for group in groups {
            if let Some(common) = self.common(group) {
                found.push(Match { id: self.id(common, tail), group, tail });
            }
        }
    }

    /// The series of an earlier answer, unless it was forgotten since: numbers are given again, identities are not.
    pub(crate) fn series_of(&self, found: &Match) -> Option<Series> {
        self.still(found).map(|common| self.series(common, found.tail))
    }

    /// Kind of the series of an earlier answer, unless it was forgotten since.
    pub(crate) fn kind_of(&self, found: &Match) -> Option<Kind> {
        self.still(found).map(|_| self.tails.kind(found.tail))
    }

    fn still(&self, found: &Match) -> Option<SetId> {
        let common = self.common(found.group)?;
        (self.tails.exists(found.tail) && self.id(common, found.tail) == found.id).then_some(common)
    }

    /// Halves of the series that satisfy all matchers, each half once.
    pub(crate) fn matching_halves(&self, matchers: &[Matcher]) -> Vec<(Half, SetId)> {
        let matches = self.matching(matchers);
        let (mut tails, mut commons) = (RoaringBitmap::new(), RoaringBitmap::new());
        for found in &matches {
            tails.insert(found.tail);
            commons.extend(self.common(found.group));
        }
        let tails = tails.into_iter().map(|set| (Half::Tail, set));
        tails.chain(commons.into_iter().map(|set| (Half::Common, set))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MatchOp;
    use crate::matcher::NAME;

    /// Two hosts of two pools with two metrics each, and one series whose tail repeats a common label's name.
    fn index() -> Index {
        let mut index = Index::default();
        for (group, host, pool) in [(0, "a", "web"), (1, "b", "db")] {
            let common = half(&mut index, Half::Common, &[("host", host), ("pool", pool)]);
            index.add_group(group, common);
            for tail in [&[(NAME, "up")][..], &[(NAME, "cpu"), ("mode", "idle")]] {
                let tail = half(&mut index, Half::Tail, tail);
                index.add_series(group, tail);
            }
        }
        let none = half(&mut index, Half::Common, &[]);
        index.add_group(2, none);
        let tail = half(&mut index, Half::Tail, &[(NAME, "up"), ("host", "c")]);
        index.add_series(2, tail);
        index
    }

    fn half(index: &mut Index, half: Half, labels: &[(&str, &str)]) -> SetId {
        let mut pairs: Vec<_> = labels.iter().map(|(l, v)| index.pairs.intern(&format!("{l}\u{2}{v}"))).collect();
        index.pairs.sort(&mut pairs);
        let sets = if half == Half::Tail { &mut index.tails } else { &mut index.commons };
        sets.intern(&mut index.pairs, half, &pairs, Kind::Gauge)
    }

    #[test]
    fn matchers_see_both_halves() {
        let index = index();
        let check = |matchers: &[(&str, MatchOp, &str)], expected: &[&str]| {
            let built: Vec<_> = matchers.iter().map(|(l, op, v)| Matcher::new(l, *op, v).unwrap()).collect();
            let series = |found: &Match| index.series(index.common(found.group).unwrap(), found.tail).to_string();
            let mut got: Vec<_> = index.matching(&built).iter().map(series).collect();
            got.sort();
            assert_eq!(got, expected, "{matchers:?}");
        };
        let (up_a, up_b, up_c) = (r#"up{host="a",pool="web"}"#, r#"up{host="b",pool="db"}"#, r#"up{host="c"}"#);
        let cpu_a = r#"cpu{host="a",mode="idle",pool="web"}"#;
        let cpu_b = r#"cpu{host="b",mode="idle",pool="db"}"#;
        check(&[], &[cpu_a, cpu_b, up_a, up_b, up_c]);
        check(&[(NAME, MatchOp::Equal, "up")], &[up_a, up_b, up_c]);
        check(&[("host", MatchOp::Equal, "a")], &[cpu_a, up_a]);
        check(&[("host", MatchOp::Regex, "b|c")], &[cpu_b, up_b, up_c]);
        check(&[("host", MatchOp::NotEqual, "a")], &[cpu_b, up_b, up_c]);
        check(&[("host", MatchOp::NotRegex, "[ab]")], &[up_c]);
        check(&[("pool", MatchOp::Equal, "")], &[up_c]);
        check(&[("pool", MatchOp::Regex, ".+"), ("mode", MatchOp::Equal, "")], &[up_a, up_b]);
        check(&[("mode", MatchOp::Equal, "idle"), ("host", MatchOp::Regex, "a.*")], &[cpu_a]);
        check(&[("nothing", MatchOp::Equal, "x")], &[]);
        check(&[("nothing", MatchOp::NotEqual, "x"), (NAME, MatchOp::Equal, "cpu")], &[cpu_a, cpu_b]);
    }

    #[test]
    fn identity_does_not_depend_on_the_halves() {
        let mut index = index();
        let whole = half(&mut index, Half::Tail, &[(NAME, "up"), ("host", "a"), ("pool", "web")]);
        let none = half(&mut index, Half::Common, &[]);
        let matcher =
            [Matcher::new("host", MatchOp::Equal, "a").unwrap(), Matcher::new(NAME, MatchOp::Equal, "up").unwrap()];
        assert_eq!(index.matching(&matcher)[0].id, index.id(none, whole));
    }
}
