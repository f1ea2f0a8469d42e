//! Damaged blocks: what is missing is told, and coarser tiers stand for it.

use std::os::unix::fs::FileExt;

use super::blocks::{config, fill};
use super::*;
use crate::{Hole, Tier};

const END: i64 = 36_000;

/// Turns a byte of a file, at so many bytes from its start, or from its end if negative.
fn flip(path: &Path, at: i64) {
    let file = std::fs::File::options().write(true).read(true).open(path).unwrap();
    let at = if at < 0 { file.metadata().unwrap().len().wrapping_add_signed(at) } else { at as u64 };
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

/// Where a block is hit.
#[derive(Clone, Copy, Debug)]
enum Part {
    Page,
    Labels,
    Footer,
}

fn hit(folder: &Path, store: Store, tier: Tier, part: Part) -> Store {
    let blocks: Vec<_> = store.inner.block_set().of(tier).cloned().collect();
    assert!(!blocks.is_empty());
    drop(store);
    for block in blocks {
        let at = match part {
            Part::Page => block.pages.index[0].offset as i64 + 9,
            Part::Labels => block.pages_end() as i64 + 3,
            Part::Footer => -2,
        };
        flip(&block.pages.path, at);
    }
    Store::open(folder, config()).unwrap().0
}

/// Time and value of the gauge, and the tiers that are said to be damaged.
fn ask(store: &Store) -> (Vec<(i64, f64)>, Vec<Tier>) {
    let matchers = [Matcher::new(NAME, MatchOp::Equal, "g").unwrap()];
    let (start, end) = (Timestamp(0), Timestamp::from_secs(END));
    let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
    let mut found = Vec::new();
    let answered = store.select(&selection, &mut |data| {
        let Column::Floats(values) = data.values else { panic!("not floats") };
        found.extend(data.timestamps.iter().map(|time| time / 1_000).zip(values));
        ControlFlow::Continue(())
    });
    let mut tiers: Vec<Tier> = answered.unwrap().holes.iter().map(|hole: &Hole| hole.tier).collect();
    tiers.dedup();
    (found, tiers)
}

#[test]
fn a_coarser_tier_stands_for_what_is_damaged_in_any_part_of_a_block() {
    for part in [Part::Page, Part::Labels, Part::Footer] {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), config()).unwrap();
        fill(&store, 0..600);
        store.checkpoint(b"").unwrap();
        let (before, sound) = ask(&store);
        assert!(sound.is_empty() && before.len() == 600, "{} samples", before.len());
        let frontier = store.inner.block_set().frontier / 1_000;

        let store = hit(folder.path(), store, Tier::Raw, part);
        let (after, tiers) = ask(&store);
        assert_eq!((&after, tiers), (&before, vec![Tier::Raw]), "points of a minute are the samples of a minute");
        let told = store.damage();
        assert!(!told.is_empty() && store.damage().is_empty(), "each is told once");
        store.checkpoint(b"").unwrap();

        let store = hit(folder.path(), store, Tier::Minute, part);
        let (after, tiers) = ask(&store);
        assert_eq!(tiers, [Tier::Raw, Tier::Minute], "{part:?}");
        let hours: Vec<_> = after.iter().filter(|(time, _)| *time <= frontier).collect();
        assert!(!hours.is_empty() && hours.iter().all(|sample| before.contains(sample)), "{hours:?}");
        assert_eq!(after.last(), before.last(), "what is not in blocks is read as before");
        assert!(crate::verify(folder.path(), None).unwrap().damaged.len() >= 2, "nothing was thrown away");
    }
}
