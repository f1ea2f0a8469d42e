//! Promise: the files for Kubernetes are what its API takes, and mount nothing that is not there.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

#[test]
fn files_for_kubernetes_hold_to_the_schemas_of_its_api() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let has_kubectl = Command::new("kubectl").arg("version").arg("--client").output().is_ok();
    assert!(has_kubectl, "there is no kubectl: run tests/setup, or apt-get install -y kubernetes-client");
    let folders = ["deploy/kubernetes", "deploy/kubernetes-kafka", "deploy/kubernetes-collect"];
    let output = Command::new("python3").arg("tests/kubernetes.py").args(folders).current_dir(&root).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
