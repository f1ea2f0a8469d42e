//! A count of distinct members: exact while small, HyperLogLog beyond.
//!
//! Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm",
//! 2007; the estimator is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017), which needs
//! no bias table.

use xxhash_rust::xxh3::xxh3_64;

/// 2^11 registers: a standard error of 2.3 %, and still small enough for one datagram when compressed.
const PRECISION: u32 = 11;
const REGISTERS: usize = 1 << PRECISION;
/// Ranks run to 64 - 11 + 1.
const MAX_RANK: u8 = (64 - PRECISION + 1) as u8;
/// Up to here members' hashes are kept as they are: 128 × 8 bytes is what a datagram carries at ease.
const MAX_EXACT: usize = 128;

/// The distinct members of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Distinct(Form);

#[derive(Clone, Debug, PartialEq)]
enum Form {
    /// Sorted hashes.
    Exact(Vec<u64>),
    /// The largest rank seen per register.
    Registers(Box<[u8]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self(Form::Exact(Vec::new()))
    }
}

impl Distinct {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member.
    pub fn insert(&mut self, member: &[u8]) {
        self.insert_hash(xxh3_64(member));
    }

    fn insert_hash(&mut self, hash: u64) {
        match &mut self.0 {
            Form::Exact(hashes) => {
                if let Err(at) = hashes.binary_search(&hash) {
                    hashes.insert(at, hash);
                    if hashes.len() > MAX_EXACT {
                        self.0 = Form::Registers(registers_of(hashes));
                    }
                }
            }
            Form::Registers(registers) => raise(registers, hash),
        }
    }

    /// Adds every member of `other`.
    pub fn merge(&mut self, other: &Distinct) {
        match (&mut self.0, &other.0) {
            (_, Form::Exact(hashes)) => hashes.iter().for_each(|&hash| self.insert_hash(hash)),
            (Form::Registers(mine), Form::Registers(theirs)) => {
                mine.iter_mut().zip(theirs).for_each(|(mine, &theirs)| *mine = theirs.max(*mine));
            }
            (Form::Exact(hashes), Form::Registers(theirs)) => {
                let mut registers = theirs.clone();
                hashes.iter().for_each(|&hash| raise(&mut registers, hash));
                self.0 = Form::Registers(registers);
            }
        }
    }

    /// How many distinct members: exact up to 128, within about 2.3 % beyond.
    pub fn estimate(&self) -> f64 {
        match &self.0 {
            Form::Exact(hashes) => hashes.len() as f64,
            Form::Registers(registers) => estimate(registers),
        }
    }

    /// The hashes of a small set, sorted.
    pub fn hashes(&self) -> Option<&[u64]> {
        match &self.0 {
            Form::Exact(hashes) => Some(hashes),
            Form::Registers(_) => None,
        }
    }

    /// The registers of a large set, one byte each.
    pub fn registers(&self) -> Option<&[u8]> {
        match &self.0 {
            Form::Exact(_) => None,
            Form::Registers(registers) => Some(registers),
        }
    }

    /// A small set from sorted hashes; `None` if they are not sorted or too many.
    pub fn from_hashes(hashes: Vec<u64>) -> Option<Self> {
        let sorted = hashes.windows(2).all(|pair| pair[0] < pair[1]);
        (sorted && hashes.len() <= MAX_EXACT).then_some(Self(Form::Exact(hashes)))
    }

    /// A large set from its registers; `None` if there are not 2,048 or one is out of range.
    pub fn from_registers(registers: &[u8]) -> Option<Self> {
        let legal = registers.len() == REGISTERS && registers.iter().all(|&rank| rank <= MAX_RANK);
        legal.then(|| Self(Form::Registers(registers.into())))
    }
}

fn registers_of(hashes: &[u64]) -> Box<[u8]> {
    let mut registers = vec![0; REGISTERS].into_boxed_slice();
    hashes.iter().for_each(|&hash| raise(&mut registers, hash));
    registers
}

fn raise(registers: &mut [u8], hash: u64) {
    let at = (hash >> (64 - PRECISION)) as usize;
    let rank = ((hash << PRECISION).leading_zeros() as u8 + 1).min(MAX_RANK);
    registers[at] = registers[at].max(rank);
}

/// Ertl's improved raw estimator, algorithm 6 of the paper.
fn estimate(registers: &[u8]) -> f64 {
    let m = REGISTERS as f64;
    let mut histogram = [0u32; MAX_RANK as usize + 1];
    registers.iter().for_each(|&rank| histogram[usize::from(rank)] += 1);
    let mut z = m * tau(1.0 - f64::from(histogram[usize::from(MAX_RANK)]) / m);
    for rank in (1..usize::from(MAX_RANK)).rev() {
        z = 0.5 * (z + f64::from(histogram[rank]));
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2) / z
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set_of(members: impl IntoIterator<Item = u32>) -> Distinct {
        let mut set = Distinct::new();
        members.into_iter().for_each(|member| set.insert(&member.to_le_bytes()));
        set
    }

    #[test]
    fn small_sets_are_exact_and_large_ones_close() {
        let check = |members: u32, tolerance: f64| {
            let estimate = set_of((0..members).chain(0..members)).estimate();
            let error = (estimate - f64::from(members)).abs() / f64::from(members.max(1));
            assert!(error <= tolerance, "{members} members estimated as {estimate}");
        };
        check(0, 0.0);
        check(128, 0.0);
        check(129, 0.07);
        check(5_000, 0.07);
        check(1_000_000, 0.07);
    }

    proptest! {
        #[test]
        fn merge_order_does_not_matter(a in 0..400u32, b in 0..400u32) {
            let (a, b) = (set_of(0..a), set_of(200..200 + b));
            let (mut ab, mut ba) = (a.clone(), b.clone());
            ab.merge(&b);
            ba.merge(&a);
            prop_assert_eq!(ab, ba);
        }
    }

    #[test]
    fn parts_make_the_same_set() {
        for set in [set_of(0..5), set_of(0..500)] {
            let again = match (set.hashes(), set.registers()) {
                (Some(hashes), _) => Distinct::from_hashes(hashes.to_vec()),
                (_, Some(registers)) => Distinct::from_registers(registers),
                _ => None,
            };
            assert_eq!(again, Some(set));
        }
        assert_eq!(Distinct::from_hashes(vec![2, 1]), None);
        assert_eq!(Distinct::from_registers(&[0; 7]), None);
        assert_eq!(Distinct::from_registers(&[MAX_RANK + 1; REGISTERS]), None);
    }
}
