//! Promise: the house stays readable. Rooms are small, files and functions short, and no file imports a file that
//! imports it.
//!
//! `folder.rs` reads a crate's `src/` as plain text; `tokens.rs`, `scopes.rs` and `imports.rs` are how it finds who
//! uses whom. Everything that is over a limit is told at once.

use std::path::Path;

mod folder;
mod imports;
#[cfg(test)]
mod made_up;
mod scopes;
mod tokens;

use folder::{Crate, SourceFile};

/// Source files in one folder, beside `lib.rs`, `main.rs` and `mod.rs`; tests apart.
const FILES_IN_A_FOLDER: usize = 15;
/// Lines of a file, its tests included.
const LONGEST_FILE: usize = 450;
/// Over all files of all crates.
const MEDIAN_FILE: usize = 110;
/// Lines of a function.
const LONGEST_FUNCTION: usize = 60;

/// Functions that are one table or one match, where a cut would only hide the list: file, name, reason.
const TABLES: &[(&str, &str, &str)] = &[];

#[test]
fn folders_files_and_functions_are_within_the_limits_and_no_imports_run_in_circles() {
    let crates = crates();
    let mut faults: Vec<String> = crates.iter().flat_map(|one| faults(one, TABLES)).collect();
    faults.extend(median_fault(&crates));
    faults.extend(stale_tables(&crates, TABLES));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Every folder at the top that has a manifest and sources.
fn crates() -> Vec<Crate> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = std::fs::read_dir(root).unwrap().flatten();
    let folders =
        folders.filter(|folder| folder.path().join("Cargo.toml").exists() && folder.path().join("src").exists());
    let mut names: Vec<String> = folders.map(|folder| folder.file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() > 10, "only {names:?} are crates");
    names.iter().map(|name| Crate::read(root, name)).collect()
}

fn faults(one: &Crate, tables: &[(&str, &str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (room, files) in one.rooms() {
        if files > FILES_IN_A_FOLDER {
            faults.push(format!("{}/ has {files} files, over {FILES_IN_A_FOLDER}", room.display()));
        }
    }
    for file in &one.files {
        let path = file.path.display();
        if file.lines() > LONGEST_FILE {
            faults.push(format!("{path} has {} lines, over {LONGEST_FILE}", file.lines()));
        }
        for function in file.functions().iter().filter(|function| function.lines > LONGEST_FUNCTION) {
            if !tables.iter().any(|(table, name, _)| Path::new(table) == file.path && *name == function.name) {
                let (name, lines) = (&function.name, function.lines);
                faults.push(format!("{path}: {name}() has {lines} lines, over {LONGEST_FUNCTION}"));
            }
        }
    }
    faults.extend(one.circles());
    faults
}

fn median_fault(crates: &[Crate]) -> Option<String> {
    let mut lines: Vec<usize> = crates.iter().flat_map(|one| &one.files).map(SourceFile::lines).collect();
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    (median > MEDIAN_FILE).then(|| format!("the median file has {median} lines, over {MEDIAN_FILE}"))
}

/// A line of the list must still excuse something.
fn stale_tables(crates: &[Crate], tables: &[(&str, &str, &str)]) -> Vec<String> {
    let excuses = |file: &str, name: &str| {
        let mut files = crates.iter().flat_map(|one| &one.files).filter(|source| source.path == Path::new(file));
        files.any(|file| file.functions().iter().any(|f| f.name == name && f.lines > LONGEST_FUNCTION))
    };
    let stale = tables.iter().filter(|(file, name, _)| !excuses(file, name));
    stale.map(|(file, name, _)| format!("{file}: {name}() need not be excused")).collect()
}
