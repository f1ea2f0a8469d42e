//! What a backslash means, in classes and outside of them.

use crate::re2::engine::Engine;

/// The meaning of an escape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// A character.
    Literal(char),
    /// `\d`, `\w`, `\s`: the ranges of ASCII that they stand for; `true` for `\D`, `\W`, `\S`.
    Perl(&'static str, bool),
    /// `\p{Greek}`, as the engine writes it.
    Unicode(String),
}

/// Reads what follows a backslash; also returns the rest.
pub(super) fn escape(after: &str, engine: Engine) -> Result<(Escape, &str), String> {
    let Some(c) = after.chars().next() else { return Err("trailing backslash".into()) };
    let rest = &after[c.len_utf8()..];
    let literal = |c: char| Ok((Escape::Literal(c), rest));
    match c {
        'd' | 'D' => Ok((Escape::Perl("0-9", c == 'D'), rest)),
        'w' | 'W' => Ok((Escape::Perl("0-9A-Za-z_", c == 'W'), rest)),
        's' | 'S' => Ok((Escape::Perl("\\t\\n\\x0C\\r ", c == 'S'), rest)),
        'p' | 'P' => unicode(after, engine),
        'a' => literal('\x07'),
        'f' => literal('\x0C'),
        'n' => literal('\n'),
        'r' => literal('\r'),
        't' => literal('\t'),
        'v' => literal('\x0B'),
        '0'..='7' => octal(after).ok_or_else(|| invalid(c)),
        'x' => hexadecimal(rest).ok_or_else(|| invalid(c)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => literal(c),
        c => Err(invalid(c)),
    }
}

fn invalid(c: char) -> String {
    format!("invalid escape sequence \\{c}")
}

/// Up to three digits. A single one other than 0 would be a reference to a group, which RE2 does not have.
fn octal(digits: &str) -> Option<(Escape, &str)> {
    let length = digits.bytes().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
    if length == 1 && !digits.starts_with('0') {
        return None;
    }
    let code = u32::from_str_radix(&digits[..length], 8).ok()?;
    Some((Escape::Literal(char::from_u32(code)?), &digits[length..]))
}

/// Two digits, or any number of them in braces.
fn hexadecimal(after: &str) -> Option<(Escape, &str)> {
    let (digits, rest) = match after.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => (after.get(..2)?, &after[2..]),
    };
    let legal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits.trim_start_matches('0'), 16).unwrap_or(0);
    let fits = digits.trim_start_matches('0').len() <= 6;
    let literal = Escape::Literal(char::from_u32(code)?);
    (legal && fits).then_some((literal, rest))
}

/// `pN`, `p{Greek}`, `p{^Greek}` and their negations.
fn unicode(after: &str, engine: Engine) -> Result<(Escape, &str), String> {
    let negated = after.starts_with('P');
    let rest = &after[1..];
    let (name, rest) = match rest.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or_else(|| invalid_class(rest))?,
        None => rest.split_at(rest.chars().next().map_or(0, char::len_utf8)),
    };
    let (name, negated) = match name.strip_prefix('^') {
        Some(name) => (name, !negated),
        None => (name, negated),
    };
    if engine == Engine::Lite {
        return Err("Unicode classes are not supported here".into());
    }
    let letter = if negated { 'P' } else { 'p' };
    let known = match name {
        "Any" => name.to_owned(),
        name if CATEGORIES.contains(&name) => format!("gc={name}"),
        // Go's names of scripts; the engine knows which there are.
        name if is_script_name(name) => format!("sc={name}"),
        name => return Err(invalid_class(name)),
    };
    Ok((Escape::Unicode(format!("\\{letter}{{{known}}}")), rest))
}

fn invalid_class(name: &str) -> String {
    format!("invalid character class {name}")
}

/// As in `Old_Italic`: capitals stand alone.
fn is_script_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let legal = bytes.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_');
    let shouted = bytes.windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase));
    legal && !shouted && bytes.len() > 1 && bytes[0].is_ascii_uppercase()
}

const CATEGORIES: [&str; 36] = [
    "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];
