//! A deterministic mutation loop with a time budget: the same seed tries the same inputs in the same order.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Inputs kept to mutate further, beside the seeds.
const POOL: usize = 512;
/// No input grows beyond this.
const MAX_BYTES: usize = 8 << 10;

/// Numbers at which lengths and counts go wrong.
const EDGES: [u64; 10] =
    [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF];

/// Runs a target on its seeds and what becomes of them until the time is up; returns how many inputs that were.
/// An input that makes the target panic is written to `artifacts/`.
pub fn drive(name: &str, seeds: Vec<Vec<u8>>, run: fn(&[u8]), budget: Duration) -> u64 {
    let started = Instant::now();
    let mut chance = Chance(
        name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)),
    );
    let (seeded, mut pool, mut tried) = (seeds.len(), seeds, 0);
    pool.iter().for_each(|input| attempt(name, run, input));
    while started.elapsed() < budget {
        let mut input = pool[chance.below(pool.len())].clone();
        for _ in 0..=chance.below(6) {
            mutate(&mut input, &pool, &mut chance);
        }
        input.truncate(MAX_BYTES);
        attempt(name, run, &input);
        tried += 1;
        // Without coverage nobody knows what is worth keeping; a random walk gets further than single steps.
        if chance.below(64) == 0 {
            match pool.len() < seeded + POOL {
                true => pool.push(input),
                false => {
                    let at = seeded + chance.below(POOL);
                    pool[at] = input;
                }
            }
        }
    }
    tried
}

fn attempt(name: &str, run: fn(&[u8]), input: &[u8]) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(input))) else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(name);
    let path = folder.join(format!("{}-bytes", input.len()));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input));
    eprintln!("{name}: panicked on {} ({written:?}): {}", path.display(), input.escape_ascii());
    resume_unwind(panic);
}

fn mutate(input: &mut Vec<u8>, pool: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(input.len() + 1);
    let upto = (at + 1 + chance.below(16)).min(input.len());
    match chance.below(10) {
        0 | 1 if at < input.len() => input[at] ^= 1 << chance.below(8),
        2 | 3 if at < input.len() => input[at] = chance.below(256) as u8,
        4 if at < input.len() => drop(input.drain(at..upto)),
        5 => {
            let copied = input[at.min(upto)..upto].to_vec();
            input.splice(at..at, copied);
        }
        6 => {
            let other = &pool[chance.below(pool.len())];
            let from = chance.below(other.len() + 1);
            input.splice(at.., other[from..].iter().copied());
        }
        7 => {
            let bytes = EDGES[chance.below(EDGES.len())].to_be_bytes();
            let width = 1 << chance.below(4);
            let upto = (at + width).min(input.len());
            input.splice(at..upto, bytes[8 - width..].iter().copied());
        }
        8 => {
            let mut edge = EDGES[chance.below(EDGES.len())];
            let mut varint = Vec::new();
            while edge >= 0x80 {
                varint.push(edge as u8 | 0x80);
                edge >>= 7;
            }
            varint.push(edge as u8);
            input.splice(at..at, varint);
        }
        _ => input.truncate(at),
    }
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}
