//! `make large`: the fleet page of a hundred thousand agents paints at once and refreshes briefly. Takes two minutes and a GiB.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use weir_tests::{Fleet, Server, eventually};

/// Each agent sends once a minute, so that all are known after one.
fn main() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let (keys, batch) = (server.keys().display().to_string(), server.ports.batch.to_string());
    let load = ["--agents", "100000", "--metrics", "1", "--interval", "60s", "--duration", "900s"];
    let args = [&load[..], &["--keys", &keys, "--server", &batch]].concat();
    let _fleet = Fleet::start(folder.path(), "fleet", &args.into_iter().map(str::to_owned).collect::<Vec<_>>());
    eventually("all agents", Duration::from_secs(400), || {
        let (_, told) = server.get("/api/v1/status/fleet")?;
        let told: serde_json::Value = serde_json::from_str(&told).ok()?;
        (told["data"]["agents"].as_u64()? >= 100_000).then_some(())
    });
    server.is_used_by("large.mjs", &["99000"]);
}
