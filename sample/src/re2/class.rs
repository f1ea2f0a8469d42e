//! Character classes: `[a-z]`, `[^[:alpha:]\d]`.

use crate::re2::engine::Engine;
use crate::re2::escape::{Escape, escape};

/// Translates the class that begins after its bracket; returns what follows it.
pub(super) fn write_class<'t>(after: &'t str, engine: Engine, out: &mut String) -> Result<&'t str, String> {
    out.push('[');
    let mut rest = match after.strip_prefix('^') {
        Some(negated) => {
            out.push('^');
            negated
        }
        None => after,
    };
    // A bracket that comes first is a member.
    let mut first = true;
    loop {
        match rest.strip_prefix(']') {
            Some(past) if !first => {
                out.push(']');
                return Ok(past);
            }
            _ if rest.is_empty() => return Err("missing closing ]".into()),
            _ => {}
        }
        first = false;
        rest = write_member(rest, engine, out)?;
    }
}

/// A named class, an escaped class, a character or a range of characters.
fn write_member<'t>(rest: &'t str, engine: Engine, out: &mut String) -> Result<&'t str, String> {
    if let Some((name, past)) = rest.strip_prefix("[:").and_then(|named| named.split_once(":]")) {
        if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(format!("invalid character class range [:{name}:]"));
        }
        out.push_str(&format!("[:{name}:]"));
        return Ok(past);
    }
    if let Some(escaped) = rest.strip_prefix('\\') {
        match escape(escaped, engine)? {
            (Escape::Perl(ranges, negated), past) => {
                out.push_str(&if negated { complement(ranges, engine) } else { ranges.to_owned() });
                return Ok(past);
            }
            (Escape::Unicode(class), past) => {
                out.push_str(&class);
                return Ok(past);
            }
            (Escape::Literal(_), _) => {}
        }
    }
    let (low, past) = character(rest, engine)?;
    push_member(low, out);
    match past.strip_prefix('-') {
        Some(range) if !range.starts_with(']') && !range.is_empty() => {
            let (high, past) = character(range, engine)?;
            if high < low {
                return Err(format!("invalid character class range {low}-{high}"));
            }
            out.push('-');
            push_member(high, out);
            Ok(past)
        }
        _ => Ok(past),
    }
}

fn character(rest: &str, engine: Engine) -> Result<(char, &str), String> {
    let Some(c) = rest.chars().next() else { return Err("missing closing ]".into()) };
    let past = &rest[c.len_utf8()..];
    if c != '\\' {
        return Ok((c, past));
    }
    match escape(past, engine)? {
        (Escape::Literal(c), past) => Ok((c, past)),
        _ => Err("a class cannot be the end of a range".into()),
    }
}

/// Inside a class of the lite engine there is no other class.
fn complement(ranges: &str, engine: Engine) -> String {
    match (engine, ranges) {
        (Engine::Full, ranges) => format!("[^{ranges}]"),
        (Engine::Lite, "0-9") => "\\x{0}-/:-\\x{10FFFF}".into(),
        (Engine::Lite, "0-9A-Za-z_") => "\\x{0}-/:-@\\[-\\^`\\{-\\x{10FFFF}".into(),
        (Engine::Lite, _) => "\\x{0}-\\x{8}\\x{B}\\x{E}-\\x{1F}!-\\x{10FFFF}".into(),
    }
}

/// What means something in a class of some engine is escaped, `&&`, `--` and `~~` too.
fn push_member(c: char, out: &mut String) {
    if matches!(c, '\\' | '[' | ']' | '^' | '-' | '&' | '~') {
        out.push('\\');
    }
    out.push(c);
}

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];
