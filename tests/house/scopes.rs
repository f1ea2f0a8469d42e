//! What a file says of itself: the names that it defines, the names that it imports, and the paths that its code goes.

use std::collections::BTreeSet;

use crate::tokens::{Token, group_end};

/// One module: a file, or a `mod name { … }` inside one.
#[derive(Default, Debug)]
pub(crate) struct Scope {
    /// From the crate's root.
    pub(crate) module: Vec<String>,
    pub(crate) defines: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// `a::b::C` in code.
    pub(crate) paths: BTreeSet<Vec<String>>,
    /// Words in code that are no part of a path, no definition and no field.
    pub(crate) words: BTreeSet<String>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Import {
    /// Under what the scope knows it; `*` for everything there is.
    pub(crate) name: String,
    pub(crate) path: Vec<String>,
    /// `pub use`, whatever the visibility.
    pub(crate) passed_on: bool,
}

/// The scopes of one file; the file's own comes first.
pub(crate) fn scopes(tokens: &[Token<'_>], module: Vec<String>) -> Vec<Scope> {
    let mut inner = Vec::new();
    let mut scope = Scope { module, ..Scope::default() };
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let (mut at, mut depth) = (0, 0);
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", text);
        match text(at) {
            "{" => depth += 1,
            "}" => depth -= 1,
            "use" => {
                let end = (at..tokens.len()).find(|&end| text(end) == ";").unwrap_or(tokens.len());
                let passed_on = depth == 0 && (before == "pub" || before == ")");
                scope.imports.extend(imports(&tokens[at + 1..end], passed_on));
                at = end;
            }
            "mod" if text(at + 2) == "{" => {
                let end = group_end(tokens, at + 2);
                let name = text(at + 1).to_owned();
                let module = scope.module.iter().cloned().chain([name]).collect();
                inner.extend(scopes(&tokens[at + 3..end - 1], module));
                at = end - 1;
            }
            "mod" if text(at + 2) == ";" => at += 2,
            "macro_rules" => {
                scope.defines.insert(text(at + 2).to_owned());
                at += 2;
            }
            keyword if is_definition(keyword) && tokens.get(at + 1).is_some_and(Token::is_word) => {
                if depth == 0 && !is_definition(text(at + 1)) {
                    scope.defines.insert(text(at + 1).to_owned());
                }
                at += usize::from(!is_definition(text(at + 1)));
            }
            _ if !tokens[at].is_word() || before == "." => {}
            word => {
                let path = path(tokens, at);
                at += 2 * (path.len() - 1);
                if path.len() > 1 {
                    scope.paths.insert(path);
                } else {
                    scope.words.insert(word.to_owned());
                }
            }
        }
        at += 1;
    }
    inner.insert(0, scope);
    inner
}

fn is_definition(word: &str) -> bool {
    ["fn", "struct", "enum", "union", "trait", "type", "const", "static"].contains(&word)
}

fn path(tokens: &[Token<'_>], mut at: usize) -> Vec<String> {
    let mut path = vec![tokens[at].text.to_owned()];
    while tokens.get(at + 1).is_some_and(|sign| sign.text == "::") && tokens.get(at + 2).is_some_and(Token::is_word) {
        at += 2;
        path.push(tokens[at].text.to_owned());
    }
    path
}

/// The imports of what stands between `use` and `;`.
fn imports(tree: &[Token<'_>], passed_on: bool) -> Vec<Import> {
    let mut found = Vec::new();
    branches(tree, &[], &mut |name, path| {
        found.push(Import { name: name.to_owned(), path: path.to_vec(), passed_on });
    });
    found
}

fn branches(tree: &[Token<'_>], stem: &[String], found: &mut impl FnMut(&str, &[String])) {
    let mut path = stem.to_vec();
    let mut at = 0;
    while at < tree.len() {
        match tree[at].text {
            "::" => {}
            "," => path = stem.to_vec(),
            "{" => {
                let end = group_end(tree, at);
                branches(&tree[at + 1..end - 1], &path, found);
                at = end - 1;
            }
            word => {
                let next = tree.get(at + 1).map_or("", |next| next.text);
                if word != "self" || path.is_empty() {
                    path.extend((word != "*").then(|| word.to_owned()));
                }
                match next {
                    "as" => {
                        found(tree[at + 2].text, &path);
                        at += 2;
                    }
                    "::" => {}
                    _ if word == "*" => found("*", &path),
                    _ => found(path.last().map_or("", String::as_str), &path),
                }
            }
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Import, Scope, scopes};
    use crate::tokens::tokens;

    fn read(text: &str) -> Vec<Scope> {
        scopes(&tokens(text), Vec::new())
    }

    #[test]
    fn imports_are_read_from_trees() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            let found = read(text).remove(0).imports;
            let found: Vec<(String, String)> = found.into_iter().map(|i| (i.name, i.path.join("::"))).collect();
            let found: Vec<(&str, &str)> = found.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("use crate::a::B;", &[("B", "crate::a::B")]);
        check(
            "use super::{self, a::{b, C as D}, e};",
            &[("super", "super"), ("b", "super::a::b"), ("D", "super::a::C"), ("e", "super::e")],
        );
        check("use a::*; fn f() { use crate::g; }", &[("*", "a"), ("g", "crate::g")]);
        check("use crate::Trait as _;", &[("_", "crate::Trait")]);
        check("use self::a::B;", &[("B", "self::a::B")]);
    }

    #[test]
    fn imports_that_are_passed_on_are_told_from_those_for_own_use() {
        let passed_on = |text: &str| read(text)[0].imports.iter().map(|i: &Import| i.passed_on).collect::<Vec<_>>();
        assert_eq!(passed_on("pub use a::B; pub(crate) use a::C; use a::D;"), [true, true, false]);
        assert_eq!(passed_on("fn f(x: u8) { use a::D; }"), [false]);
    }

    #[test]
    fn definitions_paths_and_words_are_told_apart() {
        let scope =
            read("pub const fn f(a: A) -> crate::b::C { a.field(x::Y::<Z>::new()) } struct S { g: T }").remove(0);
        assert_eq!(scope.defines.iter().collect::<Vec<_>>(), ["S", "f"]);
        assert_eq!(scope.paths.iter().map(|path| path.join("::")).collect::<Vec<_>>(), ["crate::b::C", "x::Y"]);
        assert!(scope.words.contains("A") && scope.words.contains("T") && !scope.words.contains("field"));
        let inside = read("impl S { fn inner() {} } mod m { fn deep() {} }");
        assert!(inside[0].defines.is_empty());
        assert_eq!(inside[1].module, ["m"]);
        assert!(inside[1].defines.contains("deep"));
    }
}
