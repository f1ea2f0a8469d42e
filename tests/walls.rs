//! Promise: each crate uses only what its row in ARCHITECTURE.md's table of walls allows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[test]
fn every_crate_has_a_row_and_every_row_a_crate() {
    let crates: BTreeSet<String> = crates().into_keys().collect();
    let rows: BTreeSet<String> = walls().into_keys().collect();
    assert_eq!(crates, rows, "crates of the workspace, and rows of the table");
}

#[test]
fn crates_use_only_what_their_wall_allows() {
    let walls = walls();
    let faults: Vec<String> = crates().iter().flat_map(|(name, uses)| trespasses(&walls, name, uses)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn unsafe_code_is_where_the_table_says() {
    for (name, wall) in walls() {
        let folder = root().join(&name);
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let denied = manifest.contains("[lints]\nworkspace = true") || manifest.contains("unsafe_code = \"deny\"");
        assert!(denied, "{name}/Cargo.toml denies no unsafe code");
        let allowing = rust_files(&folder).into_iter().filter(|file| allows_unsafe(file));
        let faults: Vec<PathBuf> = allowing.filter(|_| !wall.unsafe_code).collect();
        assert!(faults.is_empty(), "unsafe code outside its wall: {faults:?}");
    }
}

#[test]
fn a_table_is_read_strictly() {
    let read =
        |rows: &str| read_walls(&format!("## Walls\n\n| folder | may use | and |\n|---|---|---|\n{rows}\nMore.\n"));
    let walls = read("| `a/` | nothing | |\n| `b/` | a | tokio, unsafe |\n| `c/` | all but b | |\n").unwrap();
    assert_eq!(walls["c"].uses, BTreeSet::from(["a".to_owned()]));
    assert!(walls["b"].tokio && walls["b"].unsafe_code && !walls["a"].tokio);
    for (rows, fault) in [
        ("", "no rows"),
        ("| `a/` | b | |\n", "a/: no row for b"),
        ("| `a/` | nothing | |\n| `b/` | all but c | |\n", "b/: no row for c"),
        ("| `a/` | nothing | threads |\n", "a/: threads"),
        ("| `a/` | nothing |\n", "not three columns"),
        ("| a | nothing | |\n", "no folder in backquotes"),
        ("| `a/` | nothing | |\n| `a/` | nothing | |\n", "a/: two rows"),
        ("| `a/` | a | |\n", "a/: uses itself"),
    ] {
        let told = read(rows).err().unwrap_or_default();
        assert!(told.contains(fault), "{rows} gave {told:?}");
    }
}

#[test]
fn a_trespass_is_told() {
    let walls =
        read_walls("## Walls\n| folder | may use | and |\n|---|---|---|\n| `a/` | nothing | tokio |\n| `b/` | a | |\n")
            .unwrap();
    let uses = |name: &str, default_features| Use { name: name.to_owned(), default_features };
    let check = |name, used: Use| trespasses(&walls, name, &[used]).len();
    assert_eq!(check("a", uses("b", true)), 1);
    assert_eq!(check("b", uses("tokio", true)), 1);
    assert_eq!(check("b", uses("a", true)), 1, "tokio comes with the default features of a");
    assert_eq!(check("b", uses("a", false)), 0);
    assert_eq!(check("a", uses("tokio", true)), 0);
    assert_eq!(check("c", uses("serde", true)), 1, "c has no row");
}

/// One row of the table.
#[derive(Debug, Default)]
struct Wall {
    uses: BTreeSet<String>,
    tokio: bool,
    unsafe_code: bool,
}

/// One normal dependency: the folder's name for a crate of this workspace, else the crate's.
struct Use {
    name: String,
    default_features: bool,
}

fn walls() -> BTreeMap<String, Wall> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    read_walls(&text).unwrap_or_else(|fault| panic!("ARCHITECTURE.md, table of walls: {fault}"))
}

fn read_walls(text: &str) -> Result<BTreeMap<String, Wall>, String> {
    let (_, section) = text.split_once("## Walls").ok_or("no section")?;
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows: Vec<Vec<&str>> = rows.take_while(|line| line.starts_with('|')).map(cells).collect();
    if rows.is_empty() {
        return Err("no rows".into());
    }
    let names: Vec<&str> = rows.iter().map(|row| folder(row)).collect::<Result<_, _>>()?;
    let mut walls = BTreeMap::new();
    for (row, name) in rows.iter().zip(&names) {
        let wall = read_row(name, row, &names).map_err(|fault| format!("{name}/: {fault}"))?;
        if walls.insert((*name).to_owned(), wall).is_some() {
            return Err(format!("{name}/: two rows"));
        }
    }
    Ok(walls)
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

fn folder<'t>(row: &[&'t str]) -> Result<&'t str, String> {
    let [folder, _, _] = row else { return Err(format!("not three columns: {row:?}")) };
    let name = folder.strip_prefix('`').and_then(|rest| rest.strip_suffix("/`"));
    name.ok_or_else(|| format!("no folder in backquotes: {folder}"))
}

/// "nothing", "all but x, y" (of the table's rows, itself apart), or a list of folders.
fn read_row(name: &str, row: &[&str], names: &[&str]) -> Result<Wall, String> {
    let mut wall = Wall::default();
    let (all_but, list) = row[1].strip_prefix("all but ").map_or((false, row[1]), |rest| (true, rest));
    let listed: Vec<&str> = if list == "nothing" { Vec::new() } else { list.split(", ").collect() };
    match listed.iter().find(|other| !names.contains(other)) {
        Some(unknown) => return Err(format!("no row for {unknown}")),
        None if listed.contains(&name) => return Err("uses itself".into()),
        None => {}
    }
    let allowed =
        |other: &str| if all_but { other != name && !listed.contains(&other) } else { listed.contains(&other) };
    wall.uses = names.iter().filter(|other| allowed(other)).map(|&other| other.to_owned()).collect();
    for word in row[2].split(", ").filter(|word| !word.is_empty()) {
        match word {
            "tokio" => wall.tokio = true,
            "unsafe" => wall.unsafe_code = true,
            _ => return Err(word.to_owned()),
        }
    }
    Ok(wall)
}

fn trespasses(walls: &BTreeMap<String, Wall>, name: &str, uses: &[Use]) -> Vec<String> {
    let Some(wall) = walls.get(name) else { return vec![format!("{name}/ has no row in the table of walls")] };
    let mut faults = Vec::new();
    for used in uses {
        let other = walls.get(&used.name);
        if other.is_some() && !wall.uses.contains(&used.name) {
            faults.push(format!("{name}/ may not use {}/", used.name));
        }
        let brings_tokio = used.name == "tokio" || other.is_some_and(|other| other.tokio) && used.default_features;
        if brings_tokio && !wall.tokio {
            faults.push(format!("{name}/ may not have tokio, which comes with {}", used.name));
        }
    }
    faults
}

/// Folder → its normal dependencies.
fn crates() -> BTreeMap<String, Vec<Use>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (folder_of(package), uses_of(package))).collect()
}

fn folder_of(package: &Value) -> String {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

fn uses_of(package: &Value) -> Vec<Use> {
    let dependencies = package["dependencies"].as_array().unwrap();
    let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
    let read = |dependency: &Value| {
        let path = dependency["path"].as_str();
        let name = path.map_or(dependency["name"].as_str().unwrap(), |path| path.rsplit('/').next().unwrap_or(path));
        Use { name: name.to_owned(), default_features: dependency["uses_default_features"].as_bool().unwrap() }
    };
    normal.map(read).collect()
}

fn allows_unsafe(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap();
    ["allow", "warn", "expect"].iter().any(|level| text.contains(&format!("{level}(unsafe_code")))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
