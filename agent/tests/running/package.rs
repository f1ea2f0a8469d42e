//! The Debian package holds what it should, for those who should read it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_package_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    // Stands for the static binary, which takes minutes to build.
    let binary = folder.path().join("weir-agent");
    std::fs::write(&binary, "#!/bin/sh\necho weir-agent 9.8.7\n").unwrap();
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    run(Command::new(root.join("deploy/deb/build")).arg(&binary).env("OUT", folder.path()));
    let package = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let package = package.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb")).unwrap();
    assert_eq!(run(Command::new("dpkg-deb").arg("-f").arg(&package).arg("Version")), "9.8.7\n");
    let contents = run(Command::new("dpkg-deb").arg("-c").arg(&package));
    for (mode, path) in [
        ("drwxr-xr-x", "./"),
        ("-rwxr-xr-x", "./usr/bin/weir-agent"),
        ("-rw-r-----", "./etc/weir/weir-agent.toml"),
        ("-rw-r--r--", "./lib/systemd/system/weir-agent.service"),
        ("-rw-r--r--", "./lib/systemd/system/weir-agent.socket"),
    ] {
        let line = |line: &&str| line.starts_with(&format!("{mode} root/root")) && line.ends_with(&format!(" {path}"));
        assert!(contents.lines().any(|found| line(&found)), "{mode} {path} in\n{contents}");
    }
    let control = run(Command::new("dpkg-deb").arg("-I").arg(&package).arg("conffiles"));
    assert_eq!(control, "/etc/weir/weir-agent.toml\n");
}
