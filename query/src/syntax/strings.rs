//! Strings as Go writes them.

/// The text of the string that begins here, and the length of what is written.
pub(super) fn read(text: &str) -> Result<(String, usize), String> {
    if let Some(raw) = text.strip_prefix('`') {
        let (raw, _) = raw.split_once('`').ok_or("unterminated raw string")?;
        return Ok((raw.to_owned(), raw.len() + 2));
    }
    let quote = text.as_bytes().first().copied().unwrap_or_default();
    let (value, rest) = unquote(&text[1..], quote)?;
    Ok((value, text.len() - rest.len()))
}

/// The value of a string up to its quote, and what follows.
fn unquote(text: &str, quote: u8) -> Result<(String, &str), String> {
    let mut value = Vec::new();
    let mut rest = text;
    while let Some(&byte) = rest.as_bytes().first() {
        if byte == quote {
            let value = String::from_utf8(value).map_err(|_| "a string is no UTF-8")?;
            return Ok((value, &rest[1..]));
        }
        match byte {
            b'\n' => break,
            b'\\' => rest = escape(&rest[1..], quote, &mut value)?,
            _ => {
                let length = rest.chars().next().map_or(1, char::len_utf8);
                value.extend_from_slice(&rest.as_bytes()[..length]);
                rest = &rest[length..];
            }
        }
    }
    Err("unterminated quoted string".into())
}

/// Reads what follows a backslash; `\x` and octal digits give bytes, `\u` and `\U` characters.
fn escape<'t>(after: &'t str, quote: u8, value: &mut Vec<u8>) -> Result<&'t str, String> {
    let unknown = || format!("unknown escape sequence \\{}", after.chars().next().unwrap_or(' '));
    let digits = |from: usize, count: usize, radix: u32| {
        let digits = after.get(from..from + count).filter(|d| d.bytes().all(|b| b.is_ascii_alphanumeric()));
        digits.and_then(|digits| u32::from_str_radix(digits, radix).ok()).ok_or_else(unknown)
    };
    let (byte, length) = match after.as_bytes().first() {
        Some(b'a') => (7, 1),
        Some(b'b') => (8, 1),
        Some(b'f') => (12, 1),
        Some(b'n') => (b'\n', 1),
        Some(b'r') => (b'\r', 1),
        Some(b't') => (b'\t', 1),
        Some(b'v') => (11, 1),
        Some(b'\\') => (b'\\', 1),
        Some(&same) if same == quote => (quote, 1),
        Some(b'x') => (u8::try_from(digits(1, 2, 16)?).map_err(|_| unknown())?, 3),
        Some(b'0'..=b'7') => (u8::try_from(digits(0, 3, 8)?).map_err(|_| unknown())?, 3),
        Some(b'u' | b'U') => {
            let count = if after.starts_with('u') { 4 } else { 8 };
            let c = char::from_u32(digits(1, count, 16)?).ok_or_else(unknown)?;
            value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(&after[1 + count..]);
        }
        _ => return Err(unknown()),
    };
    value.push(byte);
    Ok(&after[length..])
}

/// A text as a string that is read as the same: Go's `%q`.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            '\x07' => out += "\\a",
            '\x08' => out += "\\b",
            '\x0c' => out += "\\f",
            '\x0b' => out += "\\v",
            c if c.is_ascii_control() => out += &format!("\\x{:02x}", u32::from(c)),
            c if c.is_control() => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
