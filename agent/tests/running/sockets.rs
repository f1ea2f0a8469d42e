//! StatsD by every kind of socket, and sockets that outlive the agent.

use std::io::Write;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};

use rustix::io::{FdFlags, fcntl_setfd};
use weir_sample::Value;

use crate::agent::Agent;

fn counts(agent: &mut Agent, name: &str, expected: f64) {
    let mut sum = 0.0;
    while sum < expected {
        let (_, value) = agent.point(|series, value| series.name() == name && *value != Value::Counter(0.0));
        let Value::Counter(delta) = value else { panic!("{value:?}") };
        sum += delta;
    }
    assert_eq!(sum, expected);
}

#[test]
fn unix_sockets_take_datagrams_lines_and_frames() {
    let folder = tempfile::tempdir().unwrap();
    let (datagram, stream) = (folder.path().join("d.sock"), folder.path().join("sub/s.sock"));
    // A file that a killed agent left.
    drop(UnixDatagram::bind(&datagram).unwrap());
    let settings = format!(
        "statsd = \"off\"\nstatsd_datagram = {datagram:?}\nstatsd_stream = {stream:?}\nstatsd_socket_mode = \"0620\"\n\
         telemetry = \"127.0.0.1:0\"\n"
    );
    let mut agent = Agent::start_with(&settings, &[]);
    agent.log_line("listening for statsd streams");
    assert_eq!(std::fs::metadata(&datagram).unwrap().permissions().mode() & 0o777, 0o620);
    let client = UnixDatagram::unbound().unwrap();
    client.send_to(b"jobs:1|c\njobs:2|c", &datagram).unwrap();
    let mut lines = UnixStream::connect(&stream).unwrap();
    lines.write_all(b"jobs:4|c\njo").unwrap();
    lines.write_all(b"bs:8|c").unwrap();
    drop(lines);
    let mut frames = UnixStream::connect(&stream).unwrap();
    frames.write_all(b"\x09\0\0\0jobs:16|c\x09\0\0\0jobs:32|c").unwrap();
    counts(&mut agent, "jobs", 63.0);
    let mut endless = UnixStream::connect(&stream).unwrap();
    endless.write_all(&[b'a'; 70_000]).unwrap();
    agent.metric_becomes("weir_agent_statsd_lost_datagrams_total{reason=\"stream_too_long\"}", 1.0);
    agent.metric_becomes("weir_agent_statsd_datagrams_total{socket=\"unix_datagram\"}", 1.0);
    assert!(agent.stop().success());
    assert!(!datagram.exists() && !stream.exists());
}

#[test]
fn a_second_agent_does_not_take_a_socket_that_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.sock");
    let _first = UnixDatagram::bind(&path).unwrap();
    let mut agent = Agent::start_with(&format!("statsd_datagram = {path:?}"), &["--statsd", "off"]);
    agent.log_line("listening for statsd at");
    assert!(path.exists());
}

#[test]
fn a_socket_of_the_service_manager_loses_nothing_over_a_restart() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    fcntl_setfd(&socket, FdFlags::empty()).unwrap();
    let address = socket.local_addr().unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"jobs:1|c", address).unwrap();
    let mut first = Agent::start_given(socket.as_raw_fd(), "");
    counts(&mut first, "jobs", 1.0);
    assert!(first.stop().success());
    client.send_to(b"jobs:2|c", address).unwrap();
    client.send_to(b"jobs:4|c", address).unwrap();
    let mut second = Agent::start_given(socket.as_raw_fd(), "");
    client.send_to(b"jobs:8|c", address).unwrap();
    counts(&mut second, "jobs", 14.0);
    drop(OwnedFd::from(socket));
}

#[test]
fn the_service_manager_hears_of_readiness_life_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let mut agent = Agent::start_env(&[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")]);
    let said = || {
        let mut state = [0; 256];
        let size = manager.recv(&mut state).unwrap();
        String::from_utf8(state[..size].to_vec()).unwrap()
    };
    assert_eq!(said(), "READY=1");
    assert_eq!(said(), "WATCHDOG=1");
    agent.reload("");
    let mut reloading = said();
    while reloading == "WATCHDOG=1" {
        reloading = said();
    }
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(said(), "READY=1");
    assert!(agent.stop().success());
    let mut last = said();
    while last == "WATCHDOG=1" {
        last = said();
    }
    assert_eq!(last, "STOPPING=1");
}

#[test]
fn a_stop_takes_in_what_has_arrived() {
    let mut agent = Agent::start(&["--statsd", "127.0.0.1:0", "--interval", "1h"]);
    let statsd = agent.address("listening for statsd");
    agent.log_line("session");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    (0..100).for_each(|_| _ = client.send_to(b"jobs:1|c", &statsd).unwrap());
    assert!(agent.stop().success());
    counts(&mut agent, "jobs", 100.0);
}
