//! Sizes as operators write them: `512MiB`, `1GiB`, `0`.

/// Units of sizes, in powers of two.
const UNITS: [(&str, u32); 5] = [("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// Reads a size in bytes. A number needs its unit, so that nobody takes MiB for bytes; only nothing needs none. `None`: it is no size,
/// or no 64 bits hold it.
pub fn read_size(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, power) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(1 << power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(read_size(text), expected, "{text:?}");
        check("64MiB", Some(64 << 20));
        check("1KiB", Some(1_024));
        check("2TiB", Some(2 << 40));
        check("512B", Some(512));
        check("0", Some(0));
        check("0B", Some(0));
        for bad in ["", "64", "64MB", "64 MiB", "-1MiB", "1.5GiB", "MiB", "99999999999999999GiB"] {
            check(bad, None);
        }
    }
}
