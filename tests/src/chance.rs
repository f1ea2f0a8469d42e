//! Chance with a seed.

/// xorshift64: enough for tests, and the same course for the same seed.
pub struct Chance(u64);

impl Chance {
    /// The course of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// A number from 0 to 1.
    pub fn share(&mut self) -> f64 {
        (self.below(u64::MAX) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something happens that happens this often, from 0 to 1.
    pub fn happens(&mut self, share: f64) -> bool {
        self.share() < share
    }
}
