//! One crate's source as the house measures it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::imports::{Modules, circles};
use crate::scopes::scopes;
use crate::tokens::{Token, group_end, tokens, without_tests};

pub(crate) struct Crate {
    /// From the workspace's root, sorted.
    pub(crate) files: Vec<SourceFile>,
    src: PathBuf,
}

pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    text: String,
}

/// A function and its length in lines.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) lines: usize,
}

impl Crate {
    /// Reads `folder/src`; paths are told from `root`.
    pub(crate) fn read(root: &Path, folder: &str) -> Crate {
        let src = Path::new(folder).join("src");
        let mut paths = Vec::new();
        rust_files(root, &src, &mut paths);
        paths.sort();
        let read = |path: PathBuf| SourceFile { text: std::fs::read_to_string(root.join(&path)).unwrap(), path };
        Crate { files: paths.into_iter().map(read).collect(), src }
    }

    /// Source files per folder, `lib.rs`, `main.rs`, `mod.rs` and tests apart.
    pub(crate) fn rooms(&self) -> BTreeMap<&Path, usize> {
        let mut rooms = BTreeMap::new();
        for file in self.files.iter().filter(|file| !file.is_test() && !file.is_entry()) {
            *rooms.entry(file.path.parent().unwrap()).or_default() += 1;
        }
        rooms
    }

    /// Each circle in words: who takes what from whom.
    pub(crate) fn circles(&self) -> Vec<String> {
        let mut modules = Modules::default();
        for (number, file) in self.files.iter().enumerate().filter(|(_, file)| !file.is_test()) {
            modules.add(number, scopes(&file.code(), self.module(&file.path)));
        }
        let edges = modules.edges();
        let told = |circle: &BTreeSet<usize>| {
            let ties = edges.iter().filter(|((user, used), _)| circle.contains(user) && circle.contains(used));
            let tie = |((user, used), names): (&(usize, usize), &BTreeSet<String>)| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let (user, used) = (self.files[*user].path.display(), self.files[*used].path.display());
                format!("\n    {user} takes {} from {used}", names.join(", "))
            };
            format!("circle of {} files{}", circle.len(), ties.map(tie).collect::<String>())
        };
        circles(&edges).iter().map(told).collect()
    }

    /// `src/a/mod.rs` and `src/a.rs` are module `a`, `src/lib.rs` is the root.
    fn module(&self, path: &Path) -> Vec<String> {
        let inside = path.strip_prefix(&self.src).unwrap().with_extension("");
        let mut module: Vec<String> = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let is_entry = module.last().is_some_and(|last| last == "mod")
            || ["lib", "main"].map(|name| vec![name.to_owned()]).contains(&module);
        module.truncate(module.len() - usize::from(is_entry));
        module
    }
}

impl SourceFile {
    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        functions(&self.code())
    }

    pub(crate) fn is_test(&self) -> bool {
        let stem = self.path.file_stem().unwrap().to_str().unwrap();
        stem == "tests" || stem.ends_with("_tests") || self.path.iter().any(|part| part == "tests")
    }

    fn is_entry(&self) -> bool {
        ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| self.path.file_name().unwrap() == *name)
    }

    fn code(&self) -> Vec<Token<'_>> {
        without_tests(&tokens(&self.text))
    }
}

fn functions(code: &[Token<'_>]) -> Vec<Function> {
    let mut functions = Vec::new();
    for (at, _) in code.iter().enumerate().filter(|(_, token)| token.text == "fn") {
        let Some(name) = code.get(at + 1).filter(|name| name.is_word()) else { continue };
        let mut open = at + 2;
        while let Some(token) = code.get(open).filter(|token| !["{", ";"].contains(&token.text)) {
            open = if ["(", "["].contains(&token.text) { group_end(code, open) } else { open + 1 };
        }
        if code.get(open).is_some_and(|token| token.text == "{") {
            let last = &code[group_end(code, open) - 1];
            functions.push(Function { name: name.text.to_owned(), lines: last.line - code[at].line + 1 });
        }
    }
    functions
}

fn rust_files(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            rust_files(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
