//! What PromQL answers, by tables in the test language of Prometheus.
//!
//! Our own tables are in `tables/`. `WEIR_PROMQL_TABLES` names a folder of others that are asked as well, as
//! `make conformance` does with those of Prometheus, and `WEIR_PROMQL_REPORT` a file for what fails and the counts by table.

mod compare;
mod run;
mod script;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use run::Table;

fn tables(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "test"));
    files.sort();
    assert!(!files.is_empty(), "no tables in {}", folder.display());
    files
}

fn ask(file: &Path) -> Table {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    run::table(name, &text)
}

#[test]
fn our_own_tables_are_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/tables");
    let mut asked = 0;
    let mut wrong = String::new();
    for file in tables(&folder) {
        let table = ask(&file);
        asked += table.asked;
        table.wrong.iter().for_each(|line| wrong += &format!("{}: {line}\n", table.name));
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(asked > 100, "{asked} evaluations");
}

#[test]
fn tables_of_others_are_counted() {
    let Some(folder) = std::env::var_os("WEIR_PROMQL_TABLES") else { return };
    let mut report = String::from("| table | evaluations | as expected |\n|---|---|---|\n");
    let (mut asked, mut right, mut wrong) = (0, 0, String::new());
    for file in tables(Path::new(&folder)) {
        let table = ask(&file);
        let as_expected = table.asked - table.wrong.len();
        let _ = writeln!(report, "| {} | {} | {as_expected} |", table.name, table.asked);
        table.wrong.iter().for_each(|line| wrong += &format!("{}: {line}\n", table.name));
        (asked, right) = (asked + table.asked, right + as_expected);
    }
    let _ = writeln!(report, "| all | {asked} | {right} |");
    let out = std::env::var_os("WEIR_PROMQL_REPORT").map_or_else(|| "/dev/stdout".into(), PathBuf::from);
    std::fs::write(&out, format!("{report}\n{wrong}")).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}
