//! Several gateways and a sink around one queue.

use std::path::Path;

use crate::{Server, ServerPorts};

/// Starts a role in `folder`, where all of them share the queue and the fleet keys. Its name is also its log's.
pub fn start_role(folder: &Path, role: &str, name: &str, more: &[&str]) -> Server {
    let path = |name: &str| folder.join(name).display().to_string();
    let config = folder.join("weir.toml");
    if !config.exists() {
        std::fs::write(&config, "[sink]\ncheckpoint_interval_s = 2\nlateness_s = 1\n").unwrap();
    }
    let (config, queue, keys) = (path("weir.toml"), path("queue"), path("fleet.keys"));
    let shared = ["--config", &config, "--queue", &queue, "--keys", &keys, "--writer", name];
    Server::start_as(role, folder.join(name), ServerPorts::free(), &[&shared, more].concat())
}
