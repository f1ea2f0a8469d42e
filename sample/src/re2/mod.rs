//! Regular expressions in the dialect of Go's RE2, which is what people write for Prometheus.
//!
//! An expression enters as it was typed; what leaves means the same to one of Rust's engines, or says why RE2 refuses it.
//! Source of the rules: Go's `regexp/syntax` with its Perl flags.

mod class;
mod engine;
mod escape;
mod repeat;

use std::fmt;

use class::write_class;
pub use engine::Engine;
use escape::{Escape, escape};
use repeat::{MAX_COUNT, Repeat, repeat};

/// What RE2 has against an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRegex {
    problem: String,
    expression: String,
}

impl fmt::Display for BadRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in the regular expression `{}`", self.problem, self.expression)
    }
}

impl std::error::Error for BadRegex {}

/// Groups inside groups; the engines recurse.
const MAX_DEPTH: usize = 100;

/// A translation that must match the whole text, line breaks included, as Prometheus has it for labels.
///
/// # Errors
/// [`BadRegex`] for what RE2 refuses.
pub fn anchored(expression: &str, engine: Engine) -> Result<String, BadRegex> {
    let mut translation = Translation { engine, out: String::from("^(?s:"), open: vec![1], last: Last::Nothing };
    match translation.run(expression) {
        Ok(()) => Ok(translation.out + ")$"),
        Err(problem) => {
            let expression = expression.chars().take(SHOWN_CHARS).collect();
            Err(BadRegex { problem, expression })
        }
    }
}

/// Characters of an expression that an error repeats.
const SHOWN_CHARS: usize = 200;

/// What a repetition that follows would repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    /// With the product of the counts that are nested in it.
    Atom(u32),
    Repeated,
}

struct Translation {
    engine: Engine,
    out: String,
    /// For each open group, the largest product of counts nested in it so far; the expression itself is the first.
    open: Vec<u32>,
    last: Last,
}

impl Translation {
    fn run(&mut self, expression: &str) -> Result<(), String> {
        let mut rest = expression;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match c {
                '(' => self.open(after)?,
                ')' => self.close().map(|()| after)?,
                '|' => {
                    self.out.push('|');
                    self.last = Last::Nothing;
                    after
                }
                '[' => {
                    let rest = write_class(after, self.engine, &mut self.out)?;
                    self.atom(1);
                    rest
                }
                '*' | '+' | '?' => self.repeat(Repeat::of(c), after)?,
                '{' => match repeat(after)? {
                    Some((repeat, after)) => self.repeat(repeat, after)?,
                    None => {
                        self.literal(c);
                        after
                    }
                },
                '.' | '^' | '$' => {
                    self.out.push(c);
                    self.atom(1);
                    after
                }
                '\\' => self.escape(after)?,
                c => {
                    self.literal(c);
                    after
                }
            };
        }
        if self.open.len() > 1 { Err("missing closing )".into()) } else { Ok(()) }
    }

    fn atom(&mut self, counts: u32) {
        self.last = Last::Atom(counts);
        let open = self.open.last_mut();
        open.into_iter().for_each(|largest| *largest = counts.max(*largest));
    }

    fn literal(&mut self, c: char) {
        push_literal(c, &mut self.out);
        self.atom(1);
    }

    /// What follows a backslash; returns what follows that.
    fn escape<'t>(&mut self, after: &'t str) -> Result<&'t str, String> {
        let Some(c) = after.chars().next() else { return Err("trailing backslash".into()) };
        let past = &after[c.len_utf8()..];
        match c {
            'Q' => Ok(self.quoted(past)),
            'A' | 'z' => {
                self.out.push_str(if c == 'A' { "\\A" } else { "\\z" });
                self.atom(1);
                Ok(past)
            }
            'b' | 'B' => {
                self.out.push_str(&match self.engine {
                    Engine::Full => format!("(?-u:\\{c})"),
                    Engine::Lite => format!("\\{c}"),
                });
                self.atom(1);
                Ok(past)
            }
            _ => {
                let (meaning, past) = escape(after, self.engine)?;
                match meaning {
                    Escape::Literal(c) => push_literal(c, &mut self.out),
                    Escape::Perl(ranges, false) => self.out.push_str(&format!("[{ranges}]")),
                    Escape::Perl(ranges, true) => self.out.push_str(&format!("[^{ranges}]")),
                    Escape::Unicode(class) => self.out.push_str(&class),
                }
                self.atom(1);
                Ok(past)
            }
        }
    }

    /// `\Q…\E`: text without meaning, up to the end if nothing ends it.
    fn quoted<'t>(&mut self, after: &'t str) -> &'t str {
        let (text, rest) = after.split_once("\\E").unwrap_or((after, ""));
        text.chars().for_each(|c| self.literal(c));
        rest
    }

    fn repeat<'t>(&mut self, repeat: Repeat, after: &'t str) -> Result<&'t str, String> {
        let counts = match self.last {
            Last::Nothing => return Err(format!("missing argument to repetition operator {}", repeat.text)),
            Last::Repeated => return Err(format!("invalid nested repetition operator {}", repeat.text)),
            Last::Atom(counts) => counts.saturating_mul(repeat.copies),
        };
        if counts > MAX_COUNT {
            return Err(format!("invalid repeat count {}: nested counts multiply", repeat.text));
        }
        self.out.push_str(&repeat.text);
        self.atom(counts);
        self.last = Last::Repeated;
        Ok(match after.strip_prefix('?') {
            Some(rest) => {
                self.out.push('?');
                rest
            }
            None => after,
        })
    }

    /// What follows an opening parenthesis: a group, its name, or flags.
    fn open<'t>(&mut self, after: &'t str) -> Result<&'t str, String> {
        let Some(special) = after.strip_prefix('?') else {
            self.out.push('(');
            return self.enter().map(|()| after);
        };
        if let Some(named) = special.strip_prefix("P<").or_else(|| special.strip_prefix('<')) {
            let (name, rest) = named.split_once('>').ok_or("invalid named capture")?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(format!("invalid named capture {name}"));
            }
            // The engines refuse names that begin with a digit; such a group has its number alone.
            let named = !name.starts_with(|c: char| c.is_ascii_digit());
            self.out.push_str(&if named { format!("(?P<{name}>") } else { "(".into() });
            return self.enter().map(|()| rest);
        }
        self.flags(special)
    }

    /// `i`, `m`, `s` and `U`, for what follows in the group or, after a colon, for a group of their own.
    fn flags<'t>(&mut self, special: &'t str) -> Result<&'t str, String> {
        let end = special.find([':', ')']).ok_or("missing closing )")?;
        let (flags, rest) = (&special[..end], &special[end + 1..]);
        let (on, off) = flags.split_once('-').map_or((flags, None), |(on, off)| (on, Some(off)));
        let legal = |flags: &str| flags.bytes().all(|b| matches!(b, b'i' | b'm' | b's' | b'U'));
        if !legal(on) || off.is_some_and(|off| off.is_empty() || !legal(off)) {
            return Err(format!("invalid or unsupported Perl syntax (?{flags}"));
        }
        let flags = plain_flags(on, off.unwrap_or_default());
        if special[end..].starts_with(':') {
            self.out.push_str(&format!("(?{flags}:"));
            return self.enter().map(|()| rest);
        }
        if !flags.is_empty() {
            self.out.push_str(&format!("(?{flags})"));
        }
        self.last = Last::Nothing;
        Ok(rest)
    }

    fn enter(&mut self) -> Result<(), String> {
        self.open.push(1);
        self.last = Last::Nothing;
        if self.open.len() > MAX_DEPTH { Err("expression nests too deeply".into()) } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), String> {
        if self.open.len() == 1 {
            return Err("unexpected )".into());
        }
        let counts = self.open.pop().unwrap_or(1);
        self.out.push(')');
        self.atom(counts);
        Ok(())
    }
}

/// Each flag once, because the engines refuse what is said twice; the last word counts.
fn plain_flags(on: &str, off: &str) -> String {
    let said = |flag: &char| on.contains(*flag) && !off.contains(*flag);
    let on: String = "imsU".chars().filter(said).collect();
    let off: String = "imsU".chars().filter(|flag| off.contains(*flag)).collect();
    if off.is_empty() { on } else { format!("{on}-{off}") }
}

fn push_literal(c: char, out: &mut String) {
    if "\\.+*?()|[]{}^$".contains(c) {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expected: &str) {
        let got = anchored(expression, Engine::Full).unwrap_or_else(|error| error.to_string());
        let inner = got.strip_prefix("^(?s:").and_then(|got| got.strip_suffix(")$")).unwrap_or(&got);
        assert_eq!(inner, expected, "{expression}");
    }

    #[test]
    fn meanings_are_kept() {
        check("a|b.c", "a|b.c");
        check("/x/{id}", r"/x/\{id\}");
        check("{}", r"\{\}");
        check("x{1,2", r"x\{1,2");
        check("x{,2}", r"x\{,2\}");
        check("x{01}", r"x\{01\}");
        check("x{2,}?", "x{2,}?");
        check("[d&&e]", r"[d\&\&e]");
        check("[[d]x", r"[\[d]x");
        check("[]a]", r"[\]a]");
        check("[a-]", r"[a\-]");
        check("[^[:alpha:]_]", "[^[:alpha:]_]");
        check(r"\Qa.b\E.", r"a\.b.");
        check(r"\Qa.b", r"a\.b");
        check(r"\d\W", "[0-9][^0-9A-Za-z_]");
        check(r"[\D]", "[[^0-9]]");
        check(r"\pN\p{^Greek}", r"\p{gc=N}\P{sc=Greek}");
        check(r"\b\z\A", r"(?-u:\b)\z\A");
        check(r"\x41\x{42}\103\_", "ABC_");
        check("(?P<n>a)(?<m>b)(?i:c)", "(?P<n>a)(?P<m>b)(?i:c)");
        check("(?)a", "a");
        check("(?ii-s)a", "(?i-s)a");
    }

    #[test]
    fn what_re2_refuses_is_refused() {
        let check = |expression: &str, problem: &str| {
            let got = anchored(expression, Engine::Full).map_err(|error| error.to_string());
            assert!(matches!(&got, Err(error) if error.contains(problem)), "{expression}: {got:?}, not {problem}");
        };
        ["x**", "a++", "a+?*", "a{2}{3}"].iter().for_each(|nested| check(nested, "invalid nested repetition"));
        check("x{1001}", "invalid repeat count");
        check("x{2,1}", "invalid repeat count");
        check("(x{100}){100}", "invalid repeat count");
        check("((x{1000})y|z){2}", "invalid repeat count");
        check("*a", "missing argument");
        check("a|*", "missing argument");
        check("(?x)a", "invalid or unsupported Perl syntax");
        check("(?=a)", "invalid or unsupported Perl syntax");
        check("(?<=a)", "invalid named capture");
        check("(?-)", "invalid or unsupported Perl syntax");
        check(r"\C", "invalid escape");
        check(r"\Z", "invalid escape");
        check(r"(a)\1", "invalid escape");
        check(r"\h", "invalid escape");
        check(r"[\b]", "invalid escape");
        check(r"\p{greek}", "invalid character class");
        check("[b-a]", "invalid character class range");
        check("[[:foo:]]", "invalid character class range");
        check("[a", "missing closing ]");
        check("[]", "missing closing ]");
        check("(a", "missing closing )");
        check("a)", "unexpected )");
        check("a\\", "trailing backslash");
        check(&"(".repeat(100_000), "nests too deeply");
    }
}
