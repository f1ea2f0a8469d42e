//! Promise: what Weir keeps is for its owner alone, whatever the umask; secrets that others can read are refused, and both
//! programs' `check` name each file that is wrong.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use weir_tests::{Program, Server, ServerPorts, eventually, program, write_secret};

const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a program under a umask.
fn under(umask: &str, name: &str, args: &[&str], log: &Path) -> Program {
    let shell = format!("umask {umask}; exec \"$@\"");
    let path = program(name).display().to_string();
    let args = [&["-c", &shell, "sh", &path], args].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    Program::start_at(Path::new("/bin/sh"), &args, log)
}

/// Everything in a folder, the folder too.
fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    if folder.is_dir() {
        found.extend(fs::read_dir(folder).unwrap().flat_map(|entry| all(&entry.unwrap().path())));
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

#[test]
fn what_is_kept_is_its_owners_whatever_the_umask_and_sockets_stay_reachable() {
    for umask in ["000", "077"] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let text = |name: &str| path(name).display().to_string();
        // As an older version would have left it.
        fs::create_dir(path("data")).unwrap();
        fs::set_permissions(path("data"), Permissions::from_mode(0o755)).unwrap();
        let ports = ServerPorts::free();
        let (http, batch) = (ports.http.to_string(), ports.batch.to_string());
        let args = ["up", "--data", &text("data"), "--http", &http, "--batch", &batch, "--statsd", "off"];
        let server = Server::adopt(under(umask, "weir", &args, &path("log")), ports, path("data"));
        let (state, socket, keys) = (text("state"), text("run/statsd.socket"), text("data/fleet.keys"));
        let agent = [
            &["run", "--interval", "1s", "--server", &batch, "--keys", &keys, "--state", &state][..],
            &["--statsd", "off", "--statsd-datagram", &socket],
        ];
        let mut agent = under(umask, "weir-agent", &agent.concat(), &path("agent.log"));
        eventually("the agent's metrics", PATIENCE, || server.number("count({host!=\"\"}) > 0"));
        for kept in [path("data"), path("state")].iter().flat_map(|folder| all(folder)) {
            assert_eq!(mode(&kept) & 0o077, 0, "{} under umask {umask}", kept.display());
        }
        assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
        assert_eq!(mode(&path("run")), 0o755, "applications must reach the socket under umask {umask}");
        assert!(agent.stop().success());
    }
}

fn run(name: &str, args: &[&str]) -> Output {
    Command::new(program(name)).args(args).output().unwrap()
}

fn refused(output: &Output, expected: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    expected.iter().for_each(|expected| assert!(said.contains(expected), "{expected:?} in {said}"));
}

#[test]
fn check_looks_at_every_file_and_nobody_uses_a_secret_that_others_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    assert!(run("weir", &["keys", "new", &path("fleet.keys")]).status.success());
    assert!(run("weir", &["certs", "dev", &path("certs")]).status.success());
    assert!(run("weir", &["token", "key", &path("ops")]).status.success());
    let token = ["token", "issue", "--key", &path("ops.key"), "--sub", "web", "--scope", "ingest"];
    write_secret(path("good.token"), run("weir", &token).stdout);
    write_secret(path("bad.token"), "rubbish\n");
    fs::write(path("bad.pem"), "rubbish").unwrap();
    let config = path("agent.toml");
    let check = |text: &str| {
        fs::write(&config, text).unwrap();
        run("weir-agent", &["check", "--config", &config])
    };
    let (keys, ca) = (format!("keys = {:?}\n", path("fleet.keys")), format!("ca = {:?}\n", path("certs/ca.pem")));
    assert!(check(&keys).status.success());
    assert!(check(&format!("token = {:?}\n{ca}", path("good.token"))).status.success());
    refused(&check(&format!("keys = {:?}\n", path("none.keys"))), &["none.keys"]);
    refused(&check(&format!("keys = {:?}\n", path("bad.token"))), &["bad.token"]);
    refused(&check(&format!("token = {:?}\n{ca}", path("bad.token"))), &["bad.token", "JWT"]);
    refused(&check(&format!("{keys}ca = {:?}\n", path("bad.pem"))), &["bad.pem"]);
    let more = format!(
        "{keys}[[scrape]]\njob = \"a\"\nfiles = [{:?}]\n[[access_log]]\nservice = \"b\"\npath = {:?}\n",
        path("none.json"),
        path("none/access.log")
    );
    refused(&check(&more), &["none.json", "none/access.log"]);

    for open in ["fleet.keys", "good.token", "certs/server.key"] {
        fs::set_permissions(path(open), Permissions::from_mode(0o644)).unwrap();
    }
    let (keys_file, token_file) = (path("fleet.keys"), path("good.token"));
    let chmod = |file: &str| format!("chmod 600 {file}");
    refused(&check(&keys), &[&chmod(&keys_file)]);
    refused(&check(&format!("token = {token_file:?}\n{ca}")), &[&chmod(&token_file)]);
    let emit = ["emit", "--server", "127.0.0.1:9", "--timeout", "1s", "done:1|c"];
    refused(&run("weir", &[&emit[..], &["--keys", &keys_file]].concat()), &[&chmod(&keys_file)]);
    let by_token = ["--token-file", &token_file, "--ca", &path("certs/ca.pem")];
    refused(&run("weir", &[&emit[..], &by_token].concat()), &[&chmod(&token_file)]);
    let (certificates, key) = (path("certs/server.pem"), path("certs/server.key"));
    let text =
        format!("[tls]\ncertificates = {certificates:?}\nkey = {key:?}\n[identity]\nfleet_keys = {keys_file:?}\n");
    fs::write(path("weir.toml"), text).unwrap();
    refused(&run("weir", &["check", &path("weir.toml")]), &[&chmod(&key), &chmod(&keys_file)]);
}
