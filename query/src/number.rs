//! Numbers as text.

use std::fmt::Write;

/// Appends a number without an exponent, as label values have it.
pub fn write_plain(out: &mut String, value: f64) {
    let _ = match value {
        v if v.is_nan() => write!(out, "NaN"),
        v if v == f64::INFINITY => write!(out, "+Inf"),
        v if v == f64::NEG_INFINITY => write!(out, "-Inf"),
        // Counters and most gauges are whole numbers, and integers print much faster.
        v if v.abs() < 1e15 && v == v.trunc() && v != 0.0 => write!(out, "{}", v as i64),
        v => write!(out, "{v}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_exponent() {
        let check = |value: f64, expected: &str| {
            let mut text = String::new();
            write_plain(&mut text, value);
            assert_eq!(text, expected);
        };
        check(1e21, "1000000000000000000000");
        check(-3.0, "-3");
        check(-0.0, "-0");
        check(2.5e-7, "0.00000025");
        check(f64::NEG_INFINITY, "-Inf");
    }
}
