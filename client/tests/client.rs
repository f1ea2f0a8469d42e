//! The client over real sockets, with a gateway that forgets to answer.

#![allow(clippy::unwrap_used)]

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use weir_client::{Client, ClientConfig, Credentials, Error};
use weir_sample::Timestamp;
use weir_wire::{
    Ack, Batch, FleetKey, FleetKeyLine, HEADER_BYTES, Header, Hints, KeyState, SessionKeys, TAG_BYTES, decode,
    format_fleet_keys, open,
};

const KEY: FleetKey = FleetKey { id: 1, secret: [5; 32] };
const PATIENCE: Duration = Duration::from_secs(30);

fn connect(folder: &Path, gateway: &UdpSocket) -> Client {
    let path = folder.join("fleet.keys");
    let line = FleetKeyLine { key: KEY, created: 1, state: KeyState::Active };
    weir_files::replace(&path, format_fleet_keys(&[line]).as_bytes(), 0o600).unwrap();
    let server = gateway.local_addr().unwrap().to_string();
    Client::connect(ClientConfig::new(server, Credentials::FleetKeys(path))).unwrap()
}

/// Takes one datagram; answers it if told to.
fn receive(gateway: &UdpSocket, answers: bool) -> Batch {
    let mut buffer = [0; 2_048];
    let (size, peer) = gateway.recv_from(&mut buffer).unwrap();
    let header = Header::decode(&buffer[..size]).unwrap();
    let keys = SessionKeys::new(&KEY.session(0, header.agent, header.expires));
    open(&mut buffer[..size], &keys).unwrap();
    let (hints, server_time) = (Hints::default(), Timestamp(0));
    let ack = Ack { epoch: header.epoch, seqs: vec![header.seq], hints, server_time };
    let mut sealed = Vec::new();
    ack.seal(&header, [1; 12], &keys, &mut sealed);
    if answers {
        gateway.send_to(&sealed, peer).unwrap();
    }
    decode(&buffer[HEADER_BYTES..size - TAG_BYTES]).unwrap()
}

#[test]
fn a_flush_ends_with_the_ack_and_a_lost_one_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = connect(folder.path(), &gateway);
    client.count("done", 2.0, &[("queue", "mail")]).unwrap();
    client.gauge("level", -1.5, &[]).unwrap();
    let served = std::thread::spawn(move || [receive(&gateway, false), receive(&gateway, true)]);
    client.flush(PATIENCE).unwrap();
    let [first, second] = served.join().unwrap();
    assert_eq!(first, second);
    let points: Vec<String> = first.points.iter().map(|(series, value)| format!("{series} {value:?}")).collect();
    assert_eq!(points, [r#"done{queue="mail"} Counter(2.0)"#, "level Gauge(-1.5)"]);
    client.close(PATIENCE).unwrap();
}

#[test]
fn silence_is_told_with_what_it_cost() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = connect(folder.path(), &gateway);
    client.send_lines(b"a:1|c\nb:2|c").unwrap();
    let error = client.flush(Duration::from_millis(20)).unwrap_err();
    assert!(matches!(error, Error::Unacknowledged { batches: 1, samples: 2, .. }), "{error}");
    receive(&gateway, false);
    let served = std::thread::spawn(move || receive(&gateway, true));
    client.close(PATIENCE).unwrap();
    served.join().unwrap();
}

#[test]
fn bad_lines_cost_only_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = connect(folder.path(), &gateway);
    let error = client.send_lines(b"rubbish\na:1|c\nb:x|c").unwrap_err();
    assert!(matches!(&error, Error::Lines { count: 2, line, .. } if line == "rubbish"), "{error}");
    let served = std::thread::spawn(move || receive(&gateway, true));
    client.close(PATIENCE).unwrap();
    assert_eq!(served.join().unwrap().points.len(), 1);
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let refuse = |server: &str, credentials: Credentials, expected: &str| {
        let error = Client::connect(ClientConfig::new(server, credentials)).map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let nowhere = || Credentials::FleetKeys("/nowhere/fleet.keys".into());
    refuse("127.0.0.1:8640", nowhere(), "/nowhere/fleet.keys");
    refuse("gateway", nowhere(), "not a host and a port");
    refuse("127.0.0.1:8640", Credentials::Token("a.b.c".into()), "name its file as `ca`");
}
