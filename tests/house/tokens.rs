//! Rust text as words and signs: what the other files of this test read. Comments and the insides of strings are gone,
//! and so is what only tests compile.

/// A word, a sign (`::` is one), or `""` and `0` for any string or number; and the line it stands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Token<'t> {
    pub(crate) text: &'t str,
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}

pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(rest, first);
        if let Some(text) = token {
            tokens.push(Token { text, line });
        }
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// What stands first in `rest`, if it counts, and how many bytes it takes.
fn token(rest: &str, first: char) -> (Option<&str>, usize) {
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (None, block_comment(rest));
    }
    if let Some(length) = Some(rest).filter(|_| "bcr\"".contains(first)).and_then(string) {
        return (Some("\"\""), length);
    }
    if first == '\'' {
        return (None, character_or_lifetime(rest));
    }
    if first.is_alphanumeric() || first == '_' {
        let start = if rest.starts_with("r#") { 2 } else { 0 };
        let word = &rest[start..];
        let end = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
        let token = if first.is_numeric() { "0" } else { &word[..end] };
        return (Some(token), start + end);
    }
    if rest.starts_with("::") {
        return (Some("::"), 2);
    }
    let length = first.len_utf8();
    ((!first.is_whitespace()).then_some(&rest[..length]), length)
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    for (at, _) in rest.char_indices() {
        match &rest.as_bytes()[at..rest.len().min(at + 2)] {
            b"/*" => depth += 1,
            b"*/" if depth == 1 => return at + 2,
            b"*/" => depth -= 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a string, raw string, byte string or C string.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = rest.strip_prefix(prefix).map(|after| after.trim_start_matches('#'));
        after.is_some_and(|after| after.starts_with('"'))
    })?;
    let body = &rest[prefix.len()..];
    let hashes = body.len() - body.trim_start_matches('#').len();
    let start = prefix.len() + hashes + 1;
    if prefix.contains('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        return rest[start..].find(&end).map(|at| start + at + end.len());
    }
    if hashes > 0 {
        return None;
    }
    let mut escaped = false;
    for (at, c) in rest[start..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(start + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    let Some((_, first)) = chars.next() else { return rest.len() };
    if first == '\\' {
        return rest[3.min(rest.len())..].find('\'').map_or(rest.len(), |at| 3 + at + 1);
    }
    match chars.next() {
        Some((at, '\'')) => at + 1,
        _ => 1 + rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len() - 1),
    }
}

/// Leaves out attributes, and each item, statement or field under `#[cfg(test)]`.
pub(crate) fn without_tests<'t>(tokens: &[Token<'t>]) -> Vec<Token<'t>> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some((end, of_tests)) = attribute(tokens, at) else {
            kept.push(tokens[at]);
            at += 1;
            continue;
        };
        at = if of_tests { end_of_item(tokens, end) } else { end };
    }
    kept
}

/// The end of the attribute that starts at `at`, and whether it is `#[cfg(test)]`.
fn attribute(tokens: &[Token<'_>], at: usize) -> Option<(usize, bool)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    if text(at) != "#" {
        return None;
    }
    let open = if text(at + 1) == "!" { at + 2 } else { at + 1 };
    if text(open) != "[" {
        return None;
    }
    let of_tests = ["cfg", "(", "test", ")", "]"].iter().enumerate().all(|(n, word)| text(open + 1 + n) == *word);
    Some((group_end(tokens, open), of_tests))
}

fn end_of_item(tokens: &[Token<'_>], mut at: usize) -> usize {
    while let Some((end, _)) = attribute(tokens, at) {
        at = end;
    }
    const ITEMS: [&str; 13] = [
        "fn",
        "mod",
        "use",
        "struct",
        "enum",
        "impl",
        "trait",
        "type",
        "const",
        "static",
        "async",
        "unsafe",
        "macro_rules",
    ];
    let mut words = tokens[at..].iter().map(|token| token.text);
    let first = words.find(|text| !["pub", "(", ")", "crate", "super", "in", "::"].contains(text)).unwrap_or("");
    let (is_item, is_use) = (ITEMS.contains(&first), first == "use");
    while at < tokens.len() {
        match tokens[at].text {
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            "}" => return at,
            "{" if !is_use => return group_end(tokens, at),
            "(" | "[" | "{" => at = group_end(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The place after the bracket that closes the one at `open`.
pub(crate) fn group_end(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::{tokens, without_tests};

    fn check(text: &str, expected: &str) {
        let read: Vec<&str> = without_tests(&tokens(text)).iter().map(|token| token.text).collect();
        assert_eq!(read.join(" "), expected, "{text}");
    }

    #[test]
    fn comments_strings_and_characters_are_no_code() {
        check("a // b\n/* c /* d */ e */ f", "a f");
        check(r##"a("} \" {", r#"" {"#, b"x", '{', '\'', '\\')"##, "a ( \"\" , \"\" , \"\" , , , )");
        check("fn f<'a>(x: &'a str) -> r#type { 0..0x1f }", "fn f < > ( x : & str ) - > type { 0 . . 0 }");
        check("crate::a::B", "crate :: a :: B");
    }

    #[test]
    fn what_only_tests_compile_is_left_out() {
        check("#[derive(A)] struct B;", "struct B ;");
        check("#[cfg(test)] mod tests { use a::{b}; } fn c() {}", "fn c ( ) { }");
        check("#[cfg(test)] mod tests; fn c() {}", "fn c ( ) { }");
        check("#[cfg(test)] use a::{b, c}; use d;", "use d ;");
        check("#[cfg(test)] #[path = \"x\"] pub(crate) fn f<A, B>(a: A) -> [u8; 2] { a } fn g() {}", "fn g ( ) { }");
        check("struct S { #[cfg(test)] pub(crate) a: u8, b: u8 }", "struct S { b : u8 }");
        check("#[cfg(unix)] fn a() {}", "fn a ( ) { }");
    }

    #[test]
    fn lines_are_counted_through_strings() {
        let lines: Vec<usize> = tokens("a \"\n\n\" b /*\n*/ c").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 1, 3, 4]);
    }
}
