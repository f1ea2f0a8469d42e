//! Numbers as StatsD writes them: short decimals read in one pass and exactly, anything else by the standard library.

/// Values beyond this magnitude are refused: no count of them, however weighted, can then overflow a sum.
const MAX_MAGNITUDE: f64 = 1e250;

/// Integers up to 2^53 and powers of ten up to 10^22 are exact in an `f64`, so their quotient is correctly rounded
/// (Clinger: "How to read floating point numbers accurately", 1990).
const MAX_EXACT_MANTISSA: u64 = 1 << 53;
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// One value of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// The value.
    pub value: f64,
    /// Whether it was written with a sign, which makes a gauge's value relative.
    pub signed: bool,
}

/// The number at the start of `text`, up to a `:`, a `|` or the end, and how many bytes it takes.
#[inline]
pub(crate) fn leading(text: &[u8]) -> Option<(Number, usize)> {
    let (negative, signed) = match text.first() {
        Some(b'-') => (true, true),
        Some(b'+') => (false, true),
        _ => (false, false),
    };
    let start = usize::from(signed);
    let (mut mantissa, whole) = digits(0, &text[start..]);
    let (mut len, mut fraction) = (start + whole, 0);
    if text.get(len) == Some(&b'.') {
        (mantissa, fraction) = digits(mantissa, &text[len + 1..]);
        len += 1 + fraction;
    }
    let ended = matches!(text.get(len), None | Some(b':' | b'|'));
    // 18 digits cannot have wrapped the mantissa.
    if !ended || !(1..=18).contains(&(whole + fraction)) || mantissa > MAX_EXACT_MANTISSA {
        return by_standard_library(text, signed);
    }
    let mut value = mantissa as f64;
    if fraction > 0 {
        value /= POWERS_OF_TEN[fraction];
    }
    Some((Number { value: if negative { -value } else { value }, signed }, len))
}

/// Reads digits onto `mantissa`; how many they were.
#[inline]
fn digits(mut mantissa: u64, text: &[u8]) -> (u64, usize) {
    let mut count = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (mantissa, count)
}

/// Exponents and long numbers. `inf` and `nan`, which the standard library reads, are not StatsD.
#[cold]
fn by_standard_library(text: &[u8], signed: bool) -> Option<(Number, usize)> {
    let len = memchr::memchr2(b':', b'|', text).unwrap_or(text.len());
    let text = std::str::from_utf8(&text[..len]).ok()?;
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    let value: f64 = numeric.then(|| text.parse().ok())??;
    (value.abs() <= MAX_MAGNITUDE).then_some((Number { value, signed }, len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Option<f64>) {
        let read = leading(text.as_bytes());
        assert_eq!(read.map(|(number, _)| number.value), expected, "{text}");
    }

    #[test]
    fn decimals_and_exponents_are_read() {
        check("0", Some(0.0));
        check("-3.25", Some(-3.25));
        check("+.5", Some(0.5));
        check("7.", Some(7.0));
        check("0.1", Some(0.1));
        check("9007199254740993", Some(9007199254740992.0));
        check("123456789012345678901234567890", Some(123456789012345678901234567890.0));
        check("0.000000000000000000000000001", Some(1e-27));
        check("1e3", Some(1000.0));
        check("2.5E-3", Some(0.0025));
        check("1e250", Some(1e250));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "-", "+", ".", "-.", "1e", "abc", "1x", "0x10", "inf", "-inf", "nan", "1e251", "1e999", "1 2", "--1"]
        {
            check(text, None);
        }
    }

    #[test]
    fn it_ends_at_a_separator_and_tells_a_sign() {
        assert_eq!(leading(b"12:3|c"), Some((Number { value: 12.0, signed: false }, 2)));
        assert_eq!(leading(b"+1.5|g"), Some((Number { value: 1.5, signed: true }, 4)));
        assert_eq!(leading(b"1e2|g"), Some((Number { value: 100.0, signed: false }, 3)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library_bit_for_bit(text in r"[+-]?[0-9]{0,20}(\.[0-9]{0,20})?") {
            let expected: Option<f64> = text.parse().ok();
            let read = leading(text.as_bytes()).map(|(number, _)| number.value);
            prop_assert_eq!(read.map(f64::to_bits), expected.map(f64::to_bits));
        }

        #[test]
        fn reads_back_what_is_displayed(value in -1e200..1e200f64) {
            let read = leading(value.to_string().as_bytes()).map(|(number, _)| number.value);
            prop_assert_eq!(read, Some(value));
        }
    }
}
