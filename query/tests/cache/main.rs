//! Answers with a cache are, to the last bit, those without: while a store is written to in and out of order, flushed,
//! merged, forgotten, opened again, and time passes.
#![allow(clippy::unwrap_used)]

mod asking;
mod chance;
mod world;

use chance::Chance;
use weir_query::{Engine, Limits, ResultCache};
use world::World;

/// Answers that are compared; `WEIR_CACHE_CASES` for more.
const CASES: usize = 12_000;

/// Answers that are compared over one store, and questions to it between two changes.
const OF_A_STORE: usize = 200;
const AT_ONCE: usize = 4;

#[test]
fn a_cached_answer_is_what_an_evaluation_gives() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = number("WEIR_CACHE_CASES").map_or(CASES, |cases| cases as usize);
    let mut seed = number("WEIR_CACHE_SEED").unwrap_or(1);
    let (mut compared, mut kept) = (0, 0);
    while compared < cases {
        kept += one_store(seed, OF_A_STORE.min(cases - compared));
        compared += OF_A_STORE.min(cases - compared);
        seed += 1;
    }
    eprintln!("{compared} answers compared, {kept} of them with kept steps");
    assert!(kept * 5 > compared, "a cache that keeps next to nothing proves nothing: {kept} of {compared}");
}

/// Compares some answers over a store of its own; how many of them had kept steps.
fn one_store(seed: u64, cases: usize) -> usize {
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut world = World::new(&mut chance);
    let limits = Limits { delayed_name_removal: chance.one_in(4), ..Limits::default() };
    let engine = Engine::new(limits);
    // Some are so small that entries come and go.
    let cache = ResultCache::new(if chance.one_in(4) { 200_000 } else { 64 << 20 });
    let mut panels = asking::panels(&mut chance);
    let (mut compared, mut kept) = (0, 0);
    while compared < cases {
        world.change(&mut chance);
        for _ in 0..AT_ONCE {
            let question = asking::question(&mut panels, &world, &mut chance);
            kept += usize::from(asking::compare(&engine, &cache, &world, &question, seed));
            compared += 1;
        }
    }
    kept
}
