//! Promise: the whole path works on a fresh host, and a killed server loses nothing that was acknowledged.

use std::process::Command;

#[test]
fn demo_check_proves_the_path() {
    let weir = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("weir");
    let output =
        Command::new(weir).args(["demo", "--check"]).output().expect("cargo build --bin weir --bin weir-agent");
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
    assert!(out.contains("counted once"), "{out}");
}
