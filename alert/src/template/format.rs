//! Numbers as Go's `strconv` writes them.

/// `%g`, with the shortest digits that give the number back, or `precision` significant ones.
pub(super) fn general(number: f64, precision: Option<usize>) -> String {
    let Some((digits, exponent)) = digits(number, precision.map(|p| p.max(1) - 1)) else { return special(number) };
    let digits = digits.trim_end_matches('0');
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if number == 0.0 {
        return format!("{sign}0");
    }
    if exponent < -4 || exponent >= precision.map_or(SHORTEST_EXPONENT, |p| p.max(1) as i32) {
        return format!("{sign}{}", scientific(digits, exponent));
    }
    let decimals = usize::try_from(digits.len() as i32 - 1 - exponent).unwrap_or(0);
    let whole = format!("{}e{exponent}", with_point(digits));
    format!("{sign}{:.decimals$}", whole.parse::<f64>().unwrap_or(number.abs()))
}

/// `%e`
pub(super) fn exponential(number: f64, precision: usize) -> String {
    let Some((digits, exponent)) = digits(number, Some(precision)) else { return special(number) };
    let sign = if number.is_sign_negative() { "-" } else { "" };
    format!("{sign}{}", scientific(&digits, exponent))
}

/// `%f`
pub(super) fn fixed(number: f64, precision: usize) -> String {
    if number.is_finite() { format!("{number:.precision$}") } else { special(number) }
}

/// From this exponent on the shortest form has one: `strconv` takes six digits for it, whatever their number.
const SHORTEST_EXPONENT: i32 = 6;

/// Significant digits, and the exponent of the first.
fn digits(number: f64, decimals: Option<usize>) -> Option<(String, i32)> {
    let number = number.abs();
    let text = match decimals {
        _ if !number.is_finite() => return None,
        Some(decimals) => format!("{number:.decimals$e}"),
        None => format!("{number:e}"),
    };
    let (digits, exponent) = text.split_once('e')?;
    Some((digits.replace('.', ""), exponent.parse().ok()?))
}

fn with_point(digits: &str) -> String {
    match digits.split_at_checked(1) {
        Some((first, "")) => first.to_owned(),
        Some((first, rest)) => format!("{first}.{rest}"),
        None => "0".into(),
    }
}

fn scientific(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", with_point(digits), exponent.abs())
}

fn special(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".into(),
        n if n > 0.0 => "+Inf".into(),
        _ => "-Inf".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_by_go() {
        for (number, shortest, four) in [
            (0.0, "0", "0"),
            (-0.0, "-0", "-0"),
            (1.0, "1", "1"),
            (0.1, "0.1", "0.1"),
            (123_456.0, "123456", "1.235e+05"),
            (1_234_567.0, "1.234567e+06", "1.235e+06"),
            (1e20, "1e+20", "1e+20"),
            (1e21, "1e+21", "1e+21"),
            (0.0001, "0.0001", "0.0001"),
            (0.000_012_5, "1.25e-05", "1.25e-05"),
            (-99.995, "-99.995", "-100"),
            (1000.0, "1000", "1000"),
            (1.0 / 3.0, "0.3333333333333333", "0.3333"),
            (f64::NAN, "NaN", "NaN"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
        ] {
            assert_eq!(general(number, None), shortest, "{number}");
            assert_eq!(general(number, Some(4)), four, "{number} by four digits");
        }
        assert_eq!(exponential(12345.678, 2), "1.23e+04");
        assert_eq!(fixed(2.5, 0), "2");
    }
}
