//! Promise: nobody is behind without a word. While the sink stands still or is slow, writes are turned away and agents keep
//! what they have; nothing that was acknowledged is lost, and all of it recovers alone. A stop ends within its bound.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use weir_tests::{Agent, Server, eventually, start_role};

const PATIENCE: Duration = Duration::from_secs(30);

fn configure(folder: &Path, max_behind_s: u64) {
    let sink = "[sink]\ncheckpoint_interval_s = 2\nlateness_s = 1\n";
    std::fs::write(folder.join("weir.toml"), format!("[queue]\nmax_behind_s = {max_behind_s}\n{sink}")).unwrap();
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint(&mut out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    out
}

/// A request of remote write with one sample of so many series, uncompressed as snappy has it.
fn request(series: usize, millis: i64) -> Vec<u8> {
    let mut body = Vec::new();
    for at in 0..series {
        let label =
            |name: &str, value: &str| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
        let mut sample = vec![9];
        sample.extend(1f64.to_le_bytes());
        sample.push(16);
        varint(&mut sample, millis as u64);
        let one = [label("__name__", "written"), label("instance", &format!("i{at}")), field(2, &sample)].concat();
        body.extend(field(1, &one));
    }
    let mut packed = Vec::new();
    varint(&mut packed, body.len() as u64);
    for piece in body.chunks(1 << 16) {
        packed.extend([61 << 2, (piece.len() - 1) as u8, ((piece.len() - 1) >> 8) as u8]);
        packed.extend_from_slice(piece);
    }
    packed
}

/// Status and `Retry-After` of a write.
fn write(server: &Server, body: &[u8]) -> (u16, Option<u64>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("http://{}/api/v1/write", server.ports.http));
    let response = request.header("content-type", "application/x-protobuf").send(body).unwrap();
    let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
    (response.status().as_u16(), after)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

#[test]
fn while_the_sink_stands_still_writes_are_turned_away_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path(), 2);
    let gateway = start_role(folder.path(), "gateway", "g1", &[]);
    let other = start_role(folder.path(), "gateway", "g2", &["--statsd", "off"]);
    let sink = start_role(folder.path(), "sink", "sink", &[]);
    let keys = folder.path().join("fleet.keys");
    let agent = Agent::start(folder.path(), &gateway.ports.batch.to_string(), &keys, &[]);
    agent.emit("hits:1|c", 50);
    eventually("the first lines", PATIENCE, || sink.number("sum(hits)").filter(|sum| *sum == 50.0));
    sink.program.signal(Signal::STOP);
    let mut written = 0;
    let refused = eventually("a write to be turned away", PATIENCE, || {
        let (status, after) = write(&gateway, &request(1, now()));
        written += u32::from(status == 204);
        (status != 204).then_some((status, after))
    });
    assert!(written > 0, "some were taken before");
    assert_eq!(refused, (503, Some(1)));
    assert!(gateway.reading("weir_queue_behind_seconds").unwrap() >= 1.7);
    assert!(gateway.reading(r#"weir_remote_write_refused_total{reason="behind"}"#).unwrap() >= 1.0);
    // The other gateway has nothing that is not read.
    assert_eq!(write(&other, &request(1, now())).0, 204);
    written += 1;
    agent.emit("hits:1|c", 70);
    eventually("batches to be shed", PATIENCE, || {
        gateway.reading("weir_gateway_pressure_ratio").filter(|pressure| *pressure >= 1.0)
    });
    sink.program.signal(Signal::CONT);
    eventually("writes to be taken again", PATIENCE, || (write(&gateway, &request(1, now())).0 == 204).then_some(()));
    written += 1;
    eventually("every line", PATIENCE, || sink.number("sum(hits)").filter(|sum| *sum == 120.0));
    let count = || sink.number("sum(count_over_time(written[5m]))");
    eventually("every write", PATIENCE, || count().filter(|count| *count >= f64::from(written)));
    eventually("the sink to be ready", PATIENCE, || sink.get("/readyz").filter(|(status, _)| *status == 200));
    assert!(sink.reading("weir_sink_behind_seconds").unwrap() < 2.0);
}

#[test]
fn ready_is_said_when_a_replay_is_stored_and_a_stop_in_the_middle_ends_within_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path(), 0);
    let gateway = start_role(folder.path(), "gateway", "g1", &[]);
    let mut sink = start_role(folder.path(), "sink", "sink", &[]);
    assert!(sink.program.stop().success());
    let (rounds, start) = (15, now() - 3_600_000);
    for round in 0..rounds {
        assert_eq!(write(&gateway, &request(20_000, start + round * 1_000)).0, 204, "there is no bound");
    }
    sink.start_again();
    eventually("the sink to answer", PATIENCE, || sink.get("/livez"));
    let stopped = Instant::now();
    assert!(sink.program.stop().success());
    assert!(stopped.elapsed() < Duration::from_secs(20), "{:?}", stopped.elapsed());
    sink.start_again();
    sink.wait_until_ready();
    assert_eq!(sink.number("sum(count_over_time(written[3700s]))"), Some(20_000.0 * rounds as f64));
}
