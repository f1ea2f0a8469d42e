//! Bounds and quantiles as labels, spelled as OpenMetrics has them, so that a series is the same by either format.

/// `0.5`, `1.0`, `1e+06`, `+Inf`.
pub fn spelled(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = number.to_string();
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_the_text_of_openmetrics_has_them() {
        let check = |number: f64, expected: &str| assert_eq!(spelled(number), expected);
        check(1.0, "1.0");
        check(0.0, "0.0");
        check(-0.25, "-0.25");
        check(100_000.0, "100000.0");
        check(1e6, "1e+06");
        check(1_234_567.5, "1.2345675e+06");
        check(1e-4, "0.0001");
        check(2.5e-5, "2.5e-05");
        check(1e100, "1e+100");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
        check(f64::NAN, "NaN");
    }
}
