//! The order in which the series of an answer are read, if the asker takes any.
//!
//! Pages of blocks are in order of identity. What is newer is in order of shard, and identities that follow one another are of
//! any shards: to go through both by identity is to touch another group and other pages of slabs with each series. So what
//! fits into memory of a block's pages is one stretch, and within it series are read shard by shard.

use std::ops::Range;

use crate::disk::page::PageMeta;
use crate::head::shard::{SHARDS, place_of};
use crate::read::reader::{Found, Reader};

/// Bytes of pages, as they are in the file, that each reader of a query keeps.
const KEPT_BYTES: u64 = if cfg!(test) { 4 << 10 } else { 16 << 20 };

/// Sorts finds, which are in order of identity, as they are read fastest, if any order will do; and says which stretches of them
/// are to be read together.
pub(crate) fn stretches_of(reader: &mut Reader<'_>, all: &mut Vec<Found>, any: bool) -> Vec<Range<usize>> {
    let blocks = if any { reader.pages_beside_shards() } else { None };
    let Some(blocks) = blocks else { return std::iter::once(0..all.len()).collect() };
    let stretches = stretches(all, &blocks, reader.span(), KEPT_BYTES);
    *all = stretches.iter().flat_map(|stretch| sorted(&all[stretch.clone()])).collect();
    reader.by_shard();
    stretches
}

/// One stretch, series by series in order of shard.
fn sorted(stretch: &[Found]) -> Vec<Found> {
    // A series that no shard knows is in blocks alone.
    let mut shards = vec![Vec::new(); SHARDS + 1];
    for same in stretch.chunk_by(|a, b| a.id == b.id) {
        let number = if same[0].is_in_memory() { place_of(same[0].found.group).0 } else { SHARDS };
        shards[number].extend_from_slice(same);
    }
    shards.concat()
}

fn stretches(all: &[Found], blocks: &[&[PageMeta]], (start, end): (i64, i64), most: u64) -> Vec<Range<usize>> {
    let (mut stretches, mut first, mut at, mut bytes) = (Vec::new(), 0, 0, 0);
    // Of each block: the page that the series before ended in, and the one after the last that is counted.
    let mut places = vec![(0, 0); blocks.len()];
    for same in all.chunk_by(|a, b| a.id == b.id) {
        if bytes > most {
            stretches.push(first..at);
            (first, bytes) = (at, 0);
            places.iter_mut().for_each(|(_, counted)| *counted = 0);
        }
        for (pages, (place, counted)) in blocks.iter().zip(&mut places) {
            *place += pages[*place..].iter().take_while(|page| page.last < same[0].id).count();
            let own = pages[*place..].iter().zip(*place..).take_while(|(page, _)| page.first <= same[0].id);
            for (page, number) in own.filter(|(page, _)| page.overlaps(start, end)) {
                bytes += if number >= *counted { u64::from(page.size) } else { 0 };
                *counted = (*counted).max(number + 1);
            }
        }
        at += same.len();
    }
    stretches.push(first..at);
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::matching::Match;
    use proptest::prelude::*;

    fn find(id: u128, source: u32, group: u32) -> Found {
        Found { id, source, found: Match { id, group, tail: 0 } }
    }

    fn page(first: u128, last: u128, min_time: i64) -> PageMeta {
        PageMeta { first, last, size: 100, min_time, max_time: min_time + 9, ..PageMeta::default() }
    }

    /// Bytes of the pages that have a part in some finds, each once.
    fn bytes(finds: &[Found], blocks: &[&[PageMeta]]) -> u64 {
        let has_part = |page: &&PageMeta| {
            page.overlaps(0, 99) && finds.iter().any(|find| (page.first..=page.last).contains(&find.id))
        };
        blocks.iter().flat_map(|pages| pages.iter().filter(has_part)).map(|page| u64::from(page.size)).sum()
    }

    proptest! {
        #[test]
        fn a_stretch_has_whole_series_and_not_much_more_than_its_pages(
            mut ids in prop::collection::vec((0u128..200, 0u32..3, 0u32..600), 1..300),
            ends in prop::collection::btree_set(0u128..200, 1..40),
            late in prop::collection::vec(any::<bool>(), 40),
            most in 100u64..2_000,
        ) {
            ids.sort_unstable();
            let before: Vec<Found> = ids.iter().map(|&(id, source, group)| find(id, source, group)).collect();
            // A series may go on in the next page.
            let firsts = [0].into_iter().chain(ends.iter().copied());
            let spans = firsts.zip(&ends).zip(late);
            let pages: Vec<_> = spans.map(|((first, &last), late)| page(first, last, if late { 500 } else { 50 })).collect();
            let blocks = [&pages[..], &pages[..1]];
            let stretches = stretches(&before, &blocks, (0, 99), most);
            prop_assert_eq!(stretches.iter().cloned().flatten().collect::<Vec<_>>(), (0..before.len()).collect::<Vec<_>>());
            for (number, stretch) in stretches.iter().enumerate() {
                let own = &before[stretch.clone()];
                let follows = before.get(stretch.end);
                prop_assert!(own.is_empty() || follows.is_none_or(|next| next.id != own[own.len() - 1].id));
                let last = own.iter().rposition(|find| find.id != own[own.len() - 1].id).map_or(0, |at| at + 1);
                prop_assert!(bytes(&own[..last], &blocks) <= most, "{} of {most}", bytes(own, &blocks));
                let is_last = number + 1 == stretches.len();
                prop_assert!(is_last || bytes(own, &blocks) > most, "stretches are as long as they may be");
            }
            let mut after: Vec<Found> = stretches.iter().flat_map(|stretch| sorted(&before[stretch.clone()])).collect();
            let parted = after.chunk_by(|a, b| a.id == b.id).count();
            after.sort_unstable();
            prop_assert_eq!(parted, before.chunk_by(|a, b| a.id == b.id).count());
            prop_assert!(after == before, "all that was found is read");
        }
    }
}
