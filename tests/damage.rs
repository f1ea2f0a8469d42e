//! Promise: damaged files of the store make no silent holes; coarser tiers stand for what they have.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use weir_tests::{Server, ServerPorts, eventually, program};

const PATIENCE: Duration = Duration::from_secs(60);
const HOURS: u64 = 12;

/// Files of the blocks of a tier.
fn blocks(data: &Path, tier: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(data.join("store/blocks")) else { return Vec::new() };
    let of_tier = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(&format!("{tier}_")) && name.ends_with(".block")
    };
    entries.map(|entry| entry.unwrap().path()).filter(of_tier).collect()
}

/// Turns a byte in the first page of each block of a tier.
fn damage(data: &Path, tier: &str) {
    for path in blocks(data, tier) {
        let file = fs::File::options().read(true).write(true).open(path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, 40).unwrap();
        file.write_all_at(&[byte[0] ^ 8], 40).unwrap();
    }
}

/// Values at full minutes of the hours that are in blocks, and the warnings.
fn ask(server: &Server, start: u64) -> (Vec<Value>, String) {
    let end = start + (HOURS - 5) * 3_600;
    let (_, body) = server.get(&format!("/api/v1/query_range?query=g&start={start}&end={end}&step=3600")).unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    (values, answer["warnings"].to_string())
}

#[test]
fn coarser_tiers_stand_for_damaged_ones_and_the_answer_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("server");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let start = now / 3_600 * 3_600 - HOURS * 3_600;
    let mut server = Server::start_on(folder.path(), ServerPorts::free(), &[]);
    assert!(server.program.stop().success());
    let samples = (start..now).step_by(60).map(|at| format!("g {} {at}000\n", at % 7_000));
    fs::write(folder.path().join("text"), samples.collect::<String>()).unwrap();
    let import = ["store", "import", "--data", data.to_str().unwrap(), folder.path().join("text").to_str().unwrap()]
        .map(str::to_owned);
    assert!(Command::new(program("weir")).args(import).status().unwrap().success());
    let restart = |server: &mut Server| {
        server.start_again();
        server.wait_until_ready();
    };
    restart(&mut server);
    eventually("blocks of all tiers", PATIENCE, || {
        ["raw", "1m", "1h"].iter().all(|tier| !blocks(&data, tier).is_empty()).then_some(())
    });
    let (before, warnings) = ask(&server, start + 3_600);
    assert_eq!((before.len() as u64, warnings.as_str()), (HOURS - 4, "null"));

    for (tier, name) in [("raw", "tier raw"), ("1m", "tier 1m")] {
        assert!(server.program.stop().success());
        damage(&data, tier);
        restart(&mut server);
        let (after, warnings) = ask(&server, start + 3_600);
        assert_eq!(after, before, "{tier}");
        assert!(warnings.contains(name) && warnings.contains("seconds since 1970"), "{warnings}");
        assert!(server.reading("weir_store_damaged_files_total").unwrap() >= 1.0);
        eventually("a line in the log", PATIENCE, || {
            fs::read_to_string(data.with_extension("log")).unwrap().contains("is damaged").then_some(())
        });
    }
}
