//! Numbers by chance that a seed gives again.

pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.max(1) as u64) as i64
    }

    pub(crate) fn one_in(&mut self, count: i64) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<'p, T>(&mut self, from: &'p [T]) -> &'p T {
        &from[self.below(from.len() as i64) as usize]
    }

    /// A value of a gauge: sums of such depend on their order.
    pub(crate) fn value(&mut self) -> f64 {
        match self.below(40) {
            0 => -0.0,
            1 => f64::INFINITY,
            2 => weir_sample::STALE,
            3 => 1e17,
            4 => -1e17,
            _ => self.below(10_000) as f64 * 0.1,
        }
    }
}
