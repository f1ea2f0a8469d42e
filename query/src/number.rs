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

/// A number as Go's `%g` writes it: with an exponent below 0.0001 and from a million on.
pub(crate) fn short(value: f64) -> String {
    let mut text = String::new();
    if !value.is_finite() || value == 0.0 {
        write_plain(&mut text, value);
        return text;
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(text, "{digits}e{sign}{:02}", exponent.abs());
        return text;
    }
    write_plain(&mut text, value);
    text
}

/// As [`short`], with so many digits that count.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    let rounded: f64 = format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(value);
    let scientific = format!("{rounded:e}");
    let exponent: i32 = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    if exponent >= digits as i32 && exponent < 6 {
        let (mantissa, _) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        return format!("{mantissa}e+{exponent:02}");
    }
    short(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_are_gos() {
        let check = |value: f64, expected: &str| assert_eq!(short(value), expected);
        check(1.5, "1.5");
        check(-0.00001, "-1e-05");
        check(1e21, "1e+21");
        check(1e6, "1e+06");
        check(123_456.0, "123456");
        check(f64::NAN, "NaN");
    }

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
