//! Promise: each crate uses only what its station may use.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Who may use whom. A new edge is a change of the design: it needs a decision record and a line here.
const WALLS: &[(&str, &[&str])] = &[
    ("sample", &[]),
    ("wire", &["sample"]),
    ("statsd", &["sample"]),
    ("discovery", &[]),
    ("link", &["wire"]),
    ("queue", &["sample", "wire"]),
    ("agent", &["sample", "wire", "statsd", "discovery", "link"]),
    ("client", &["sample", "wire", "statsd", "discovery", "link"]),
    ("gateway", &["sample", "wire", "statsd", "link", "queue"]),
    ("sink", &["sample", "wire", "queue", "store"]),
    ("store", &["sample"]),
    ("query", &["sample", "store"]),
    ("alert", &["sample", "query"]),
    ("server", &["sample", "wire", "statsd", "discovery", "link", "client", "queue", "gateway", "sink", "store", "query", "alert"]),
    ("tests", &[]),
];

/// The only crates that may run on tokio.
const TOKIO: &[&str] = &["link", "agent", "gateway", "sink", "queue", "server"];

#[test]
fn crates_use_only_what_their_wall_allows() {
    for (station, used) in edges() {
        let (_, allowed) = WALLS.iter().find(|(name, _)| *name == station).unwrap_or_else(|| {
            panic!("{station}/ is not in the table of walls");
        });
        for edge in used.iter().filter(|edge| is_station(edge)) {
            assert!(allowed.contains(&edge.as_str()), "{station}/ may not use {edge}/");
        }
        if used.contains("tokio") {
            assert!(TOKIO.contains(&station.as_str()), "{station}/ may not use tokio");
        }
    }
}

#[test]
fn every_station_of_the_table_exists() {
    let stations: BTreeSet<String> = edges().into_keys().collect();
    let table: BTreeSet<String> = WALLS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stations, table);
}

#[test]
fn unsafe_code_lives_in_link_only() {
    for station in WALLS.iter().map(|(name, _)| *name).filter(|name| !["link", "tests"].contains(name)) {
        for file in rust_files(&root().join(station)) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(!text.contains("allow(unsafe_code)"), "{} allows unsafe code", file.display());
        }
    }
}

fn is_station(name: &str) -> bool {
    WALLS.iter().any(|(station, _)| *station == name)
}

/// Folder → what its normal dependencies are: folders of this workspace by folder name, others by crate name.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let folder = |package: &Value| {
        let manifest = std::path::Path::new(package["manifest_path"].as_str().unwrap());
        manifest.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
    };
    packages.iter().map(|package| (folder(package), used_by(package))).collect()
}

fn used_by(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap();
    let normal = dependencies.iter().filter(|d| d["kind"].is_null());
    normal.map(|d| d["path"].as_str().map_or(d["name"].as_str().unwrap(), last_part).to_owned()).collect()
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn rust_files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
    files
}
