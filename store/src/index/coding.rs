//! Labels as bytes: of what is in memory for a checkpoint, of a block for its file.

use std::collections::{HashMap, HashSet};

use roaring::RoaringBitmap;
use weir_sample::Kind;

use super::pairs::Half;
use super::{Index, PairId, Pairs, SetId, Sets};
use crate::bytes::{Input, put_block, put_varint};
use crate::error::Damaged;

/// Appends all labels in memory.
pub(crate) fn encode_index(out: &mut Vec<u8>, index: &Index) {
    let texts = index.pairs.texts();
    put_varint(out, texts.len() as u64);
    texts.for_each(|text| put_block(out, text.unwrap_or_default().as_bytes()));
    for sets in [&index.tails, &index.commons] {
        let contents = sets.contents();
        put_varint(out, contents.len() as u64);
        for content in contents {
            match content {
                None => out.push(u8::MAX),
                Some((pairs, kind)) => {
                    out.push(kind as u8);
                    put_varint(out, pairs.len() as u64);
                    pairs.iter().for_each(|&pair| put_varint(out, u64::from(pair)));
                }
            }
        }
    }
}

/// Reads what [`encode_index`] wrote.
pub(crate) fn decode_index(input: &mut Input<'_>) -> Result<Index, Damaged> {
    let count = input.count(1)?;
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        texts.push(Some(input.text()?).filter(|text| !text.is_empty()));
    }
    let mut pairs = Pairs::restore(texts.iter().copied());
    let tails = decode_sets(input, &texts)?;
    let commons = decode_sets(input, &texts)?;
    let tails = Sets::restore(&mut pairs, Half::Tail, tails);
    let commons = Sets::restore(&mut pairs, Half::Common, commons);
    Ok(Index::of(pairs, tails, commons))
}

type SetContents = Vec<Option<(Vec<PairId>, Kind)>>;

fn decode_sets(input: &mut Input<'_>, texts: &[Option<&str>]) -> Result<SetContents, Damaged> {
    let set = |input: &mut Input<'_>| {
        let number = input.u8()?;
        if number == u8::MAX {
            return Ok(None);
        }
        let kind = Kind::from_u8(number).ok_or(Damaged("unknown kind"))?;
        let mut pairs = Vec::new();
        for _ in 0..input.count(1)? {
            let pair = input.varint()? as PairId;
            texts.get(pair as usize).copied().flatten().ok_or(Damaged("unknown pair"))?;
            pairs.push(pair);
        }
        Ok(Some((pairs, kind)))
    };
    (0..input.count(1)?).map(|_| set(input)).collect()
}

/// Appends the labels of a block: each set of common labels is one group.
pub(crate) fn encode_block_index(out: &mut Vec<u8>, index: &Index) {
    encode_index(out, index);
    for tail in 0..index.tails.contents().len() as SetId {
        let mut bytes = Vec::new();
        let mut members =
            if index.tails.exists(tail) { index.tails.members(tail).clone() } else { RoaringBitmap::new() };
        members.optimize();
        // Writing to memory does not fail.
        let _ = members.serialize_into(&mut bytes);
        put_block(out, &bytes);
    }
}

/// Reads what [`encode_block_index`] wrote.
pub(crate) fn decode_block_index(input: &mut Input<'_>) -> Result<Index, Damaged> {
    let mut index = decode_index(input)?;
    for common in &index.commons.all() {
        index.add_group(common, common);
    }
    let tails = index.tails.contents().len() as SetId;
    for tail in 0..tails {
        let members = RoaringBitmap::deserialize_from(input.block()?).map_err(|_| Damaged("set of series"))?;
        if members.iter().any(|common| !index.commons.exists(common)) {
            return Err(Damaged("unknown labels"));
        }
        if index.tails.exists(tail) {
            members.iter().for_each(|common| index.add_series(common, tail));
        }
    }
    Ok(index)
}

/// Sets of another index, and their numbers in this one.
#[derive(Default)]
pub(crate) struct Adopted {
    tails: HashMap<SetId, SetId>,
    commons: HashMap<SetId, SetId>,
}

impl Index {
    /// Adds a series of another index, of which each set of common labels becomes one group here.
    pub(crate) fn adopt(&mut self, adopted: &mut Adopted, from: &Index, common: SetId, tail: SetId) {
        let group = match adopted.commons.get(&common) {
            Some(&group) => group,
            None => {
                let ids = self.copies(from, from.commons.pairs(common));
                let group = self.commons.intern(&mut self.pairs, Half::Common, &ids, Kind::Gauge);
                self.add_group(group, group);
                adopted.commons.insert(common, group);
                group
            }
        };
        let own = match adopted.tails.get(&tail) {
            Some(&own) => own,
            None => {
                let ids = self.copies(from, from.tails.pairs(tail));
                let own = self.tails.intern(&mut self.pairs, Half::Tail, &ids, from.tails.kind(tail));
                adopted.tails.insert(tail, own);
                own
            }
        };
        self.add_series(group, own);
    }

    fn copies(&mut self, from: &Index, pairs: &[PairId]) -> Vec<PairId> {
        pairs.iter().map(|&pair| self.pairs.intern(from.pairs.pair(pair).text())).collect()
    }

    /// Adds every series of another index, but for some metrics, which are named by their bits of an identity.
    pub(crate) fn adopt_all(&mut self, from: &Index, left_out: &HashSet<u32>) {
        let mut adopted = Adopted::default();
        for tail in from.tails.all().iter().filter(|&tail| !left_out.contains(&from.tails.name(tail))) {
            for group in from.tails.members(tail) {
                if let Some(common) = from.common(group) {
                    self.adopt(&mut adopted, from, common, tail);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::matching::Match;

    #[test]
    fn the_labels_of_a_block_come_back() {
        let mut index = Index::default();
        let text = |label: &str, value: &str| format!("{label}\u{2}{value}");
        let mut series = |host: &str, name: &str, kind| {
            let (host, name) = (index.pairs.intern(&text("host", host)), index.pairs.intern(&text("__name__", name)));
            let common = index.commons.intern(&mut index.pairs, Half::Common, &[host], Kind::Gauge);
            let tail = index.tails.intern(&mut index.pairs, Half::Tail, &[name], kind);
            index.add_group(common, common);
            index.add_series(common, tail);
        };
        series("a", "up", Kind::Gauge);
        series("b", "up", Kind::Gauge);
        series("b", "requests", Kind::Counter);
        let mut copy = Index::default();
        copy.adopt_all(&index, &HashSet::new());
        let mut out = Vec::new();
        encode_block_index(&mut out, &copy);
        let back = decode_block_index(&mut Input(&out)).unwrap();
        let list = |index: &Index| -> Vec<_> {
            let text = |found: &Match| (found.id, index.series_of(found), index.kind_of(found));
            index.matching(&[]).iter().map(text).collect()
        };
        assert_eq!((list(&back), back.len()), (list(&index), 3));
    }
}
