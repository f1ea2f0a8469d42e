//! Which bucket a number is in, exactly, and where a bucket ends.

use std::sync::LazyLock;

/// The finest scale: what is measured here begins with it, and what is finer comes down to it.
pub const MAX_SCALE: i8 = 6;

/// No float has a bucket further from one, at the finest scale; so all that is read fits into the buckets of a coarse one.
pub(super) const LAST: i32 = 70_000;

/// The coarsest, as Prometheus has it.
pub(super) const MIN_SCALE: i8 = -4;

struct Table {
    /// Borders within [½, 1] at the finest scale: ½ · 2^(j/64).
    borders: [f64; STEPS + 1],
    /// Borders below each of so many equal parts of [½, 1).
    below: [u8; PARTS],
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let borders: [f64; STEPS + 1] = std::array::from_fn(|j| 0.5 * (j as f64 / STEPS as f64).exp2());
    let part = |part: usize| 0.5 + 0.5 * part as f64 / PARTS as f64;
    let below = std::array::from_fn(|at| borders.partition_point(|border| *border < part(at)) as u8);
    Table { borders, below }
});

const STEPS: usize = 1 << MAX_SCALE;
const PARTS: usize = 128;

/// The number as `fraction · 2^exponent` with a fraction in [½, 1). It must be above zero; infinity is twice the largest power.
fn parts(number: f64) -> (f64, i32) {
    if number.is_infinite() {
        return (0.75, 1_025);
    }
    let (number, shift) = if number < f64::MIN_POSITIVE { (number * (1_u64 << 54) as f64, 54) } else { (number, 0) };
    let bits = number.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as i32 - 1_022 - shift;
    (f64::from_bits(bits & !(0x7FF << 52) | 1_022 << 52), exponent)
}

/// The bucket of a number above zero. Infinity is in the bucket after that of the largest number.
pub(super) fn index(number: f64, scale: i8) -> i32 {
    let (fraction, exponent) = parts(number);
    if number.is_infinite() {
        return index(f64::MAX, scale) + 1;
    }
    let Table { borders, below } = &*TABLE;
    // The seven bits after the point say which part it is; a part has two borders at most.
    let mut step = usize::from(below[(fraction.to_bits() >> 45) as usize % PARTS]);
    while borders[step] < fraction {
        step += 1;
    }
    coarser(step as i32 + (exponent - 1) * STEPS as i32, (MAX_SCALE - scale) as u32)
}

/// The bucket that a bucket is a part of, so many scales down.
pub(super) fn coarser(index: i32, by: u32) -> i32 {
    ((index - 1) >> by) + 1
}

/// The upper border of a bucket, which is the lower one of the next.
pub(super) fn border(index: i32, scale: i8) -> f64 {
    let fine = i64::from(index) << (MAX_SCALE - scale);
    let (octave, step) = (fine.div_euclid(STEPS as i64), fine.rem_euclid(STEPS as i64));
    // In two steps: the power alone may be no float where the border is one.
    let exponent = octave as i32 + 1;
    let half = exponent / 2;
    TABLE.borders[step as usize] * 2.0_f64.powi(half) * 2.0_f64.powi(exponent - half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_belong_to_the_bucket_below_them() {
        for scale in -4..=MAX_SCALE {
            for bucket in [-60_000, -4_096, -65, -64, -1, 0, 1, 2, 63, 64, 65, 4_095, 60_000] {
                let bucket = bucket >> (MAX_SCALE - scale);
                let border = border(bucket, scale);
                if !border.is_normal() {
                    continue;
                }
                assert_eq!(index(border, scale), bucket, "{border} at {scale}");
                assert_eq!(index(border.next_up(), scale), bucket + 1, "after {border} at {scale}");
                assert_eq!(index(border.next_down(), scale), bucket, "before {border} at {scale}");
            }
        }
    }

    #[test]
    fn powers_of_two_end_their_buckets() {
        let check =
            |number: f64, scale: i8, bucket: i32| assert_eq!(index(number, scale), bucket, "{number} at {scale}");
        check(1.0, 6, 0);
        check(1.0, 0, 0);
        check(2.0, 6, 64);
        check(2.0, 0, 1);
        check(3.0, 0, 2);
        check(4.0, 0, 2);
        check(4.0, -1, 1);
        check(4.1, -1, 2);
        check(0.5, 6, -64);
        check(65_536.0, -4, 1);
        check(f64::MAX, 6, 65_536);
        check(f64::INFINITY, 6, 65_537);
        check(f64::INFINITY, 0, 1_025);
        check(f64::MIN_POSITIVE, 0, -1_022);
        check(f64::from_bits(1), 0, -1_074);
        check(f64::from_bits(3), 0, -1_072);
    }

    #[test]
    fn every_border_of_the_table_is_the_nearest_float() {
        // By repeated square roots of 2^(j/64 · 64): the 64th power of a border and of its neighbours enclose the power of two.
        for (j, border) in TABLE.borders.iter().enumerate() {
            let power = |number: f64| (0..6).fold(2.0 * number, |power, _| power * power).log2();
            assert!((power(*border) - j as f64).abs() < 1e-12, "border {j}");
        }
        assert_eq!(TABLE.borders[32], std::f64::consts::FRAC_1_SQRT_2);
    }
}
