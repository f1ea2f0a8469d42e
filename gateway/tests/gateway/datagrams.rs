//! Batches by UDP.

use std::{fs, sync::Arc, time::Duration};

use weir_files::fault::{Disk, Fault};
use weir_gateway::{Drained, Gateway, GatewayConfig};
use weir_identity::OldKeys;
use weir_queue::{Checkpoint, Log, LogConfig, Reader, RecordKind};
use weir_sample::{Series, Timestamp, Value, Window};
use weir_wire::{Ack, AgentId, Batch, DatagramKind, Encoder, HEADER_BYTES, Header, MAX_DATAGRAM_BYTES, Totals};

use crate::site::{AGENT, Agent, Site, TINY, config, eventually, now, payload, payload_at, value};

#[test]
fn batches_are_acked_when_they_are_in_the_log() {
    let site = Site::new();
    let agent = site.agent();
    (0..200).for_each(|seq| agent.send(&agent.sealed(seq)));
    assert_eq!(agent.acked(200), (0..200).collect::<Vec<_>>());
    assert_eq!(site.queued(), (0..200).collect::<Vec<_>>());
    let readings = site.running.readings();
    assert_eq!(value(&readings, "weir_gateway_acked_batches_total", ""), 200.0);
    assert_eq!(value(&readings, "weir_gateway_derived_sessions_total", ""), 1.0);
    assert!(value(&readings, "weir_gateway_acks_total", "") <= 200.0);
}

#[test]
fn nothing_is_acked_before_it_is_durable() {
    let hours = LogConfig { commit_delay: Duration::from_secs(3600), ..LogConfig::default() };
    let site = Site::with(config(), hours);
    let agent = site.agent();
    agent.send(&agent.sealed(1));
    eventually(|| value(&site.running.readings(), "weir_gateway_batches_total", "") == 1.0, "the batch arrives");
    agent.socket.set_nonblocking(true).unwrap();
    assert!(agent.socket.recv(&mut [0; 100]).is_err());
    agent.socket.set_nonblocking(false).unwrap();
    site.log.flush().unwrap();
    assert_eq!(agent.acked(1), [1]);
}

#[test]
fn a_replay_is_acked_again() {
    let first = Site::new();
    let agent = first.agent();
    agent.send(&agent.sealed(1));
    assert_eq!(agent.acked(1), [1]);
    agent.send(&agent.sealed(1));
    assert_eq!(agent.acked(1), [1]);
    assert_eq!(first.queued(), [1, 1]);
}

#[test]
fn what_comes_from_outside_is_a_batch_whatever_it_looks_like() {
    let site = Site::new();
    let agent = site.agent();
    // The window in which servers from before kinds told what a token grants.
    let points = vec![(Series::new("weir_grant", [("team", "admin")]), Value::Gauge(f64::INFINITY))];
    let batch = Batch { window: Window::ending(Timestamp(0), 1), totals: Totals::default(), points };
    let payload = Encoder::new().encode(&batch, usize::MAX).0.remove(0);
    agent.send(&agent.sealed_as(&agent.header(1), &payload));
    assert_eq!(agent.acked(1), [1]);
    let mut reader = Reader::open(&site.folder.path().join("queue"), "test", &Checkpoint::default()).unwrap();
    let mut found = Vec::new();
    reader.poll(usize::MAX, |record, _| found.push((record.kind, record.payload.to_vec()))).unwrap();
    assert_eq!(found, [(RecordKind::Batch, payload)]);
}

#[test]
fn an_ack_is_never_larger_than_its_cause() {
    let site = Site::new();
    let agent = site.agent();
    let mut sizes = 0;
    for seq in 0..20 {
        let cause = agent.sealed(seq);
        agent.send(&cause);
        let (ack, size) = agent.ack();
        assert_eq!(ack.seqs, [seq]);
        assert!(size <= cause.len(), "{size} bytes answer {}", cause.len());
        sizes += size;
    }
    assert_eq!(value(&site.running.readings(), "weir_gateway_ack_bytes_total", ""), sizes as f64);
}

#[test]
fn an_ack_that_would_be_larger_than_its_cause_is_not_sent() {
    let site = Site::new();
    let agent = site.agent();
    agent.send(&agent.sealed_as(&agent.header(1), &TINY));
    let unacked = || value(&site.running.readings(), "weir_gateway_unacked_batches_total", "larger_than_cause");
    eventually(|| unacked() == 1.0, "the ack is kept back and counted");
    assert_eq!(site.reading("weir_gateway_batches_total"), 1.0);
    agent.assert_nothing_came_before(2);
}

#[test]
fn forgeries_are_counted_by_reason_and_never_answered() {
    let site = Site::new();
    let agent = site.agent();
    let good = agent.sealed(1);
    let changed = |at: usize, to: u8| {
        let mut datagram = good.clone();
        assert_ne!(datagram[at], to);
        datagram[at] = to;
        datagram
    };
    let mut count = std::collections::BTreeMap::new();
    let mut check = |datagram: &[u8], reason: &'static str| {
        agent.send(datagram);
        let count = count.entry(reason).or_insert(0.0);
        *count += 1.0;
        site.wait_for_refused(reason, *count);
    };
    check(&[], "too_short");
    check(&good[..HEADER_BYTES + 15], "too_short");
    check(&[0; MAX_DATAGRAM_BYTES + 1], "too_long");
    check(&changed(0, b'X'), "magic");
    check(&changed(2, 9), "version");
    check(&changed(5, 99), "unknown_key");
    check(&good[..good.len() - 1], "tag");
    for at in [3, 6, 13, 14, 30, 36, HEADER_BYTES, good.len() - 1] {
        check(&changed(at, good[at] ^ 1), "tag");
    }
    let ack_kind = Header { kind: DatagramKind::Ack, ..agent.header(1) };
    check(&agent.sealed_as(&ack_kind, b"turned around"), "direction");
    check(&agent.sealed_as(&agent.header(1), b"sealed well, but no batch"), "content");

    let key = site.access.keys.signing(now()).unwrap();
    let other_agent = Agent::new(key.session(5, AgentId([8; 16]), agent.session.expires), site.running.batch_address());
    check(&other_agent.sealed_as(&agent.header(1), &payload(1)), "tag");
    let other_tenant = Agent::new(key.session(6, AGENT, agent.session.expires), site.running.batch_address());
    check(&other_tenant.sealed_as(&agent.header(1), &payload(1)), "tag");
    let expired = Agent::new(key.session(5, AGENT, 1_700_000_000), site.running.batch_address());
    check(&expired.sealed(1), "expired");

    agent.assert_nothing_came_before(2);
    assert_eq!(site.queued(), [2]);
}

#[test]
fn denied_agents_are_refused_from_the_moment_they_are_listed() {
    let site = Site::new();
    let agent = site.agent();
    agent.send(&agent.sealed(1));
    assert_eq!(agent.acked(1), [1]);
    fs::write(site.folder.path().join("denied"), AGENT.to_string()).unwrap();
    site.access.denied.reload().unwrap();
    agent.send(&agent.sealed(2));
    site.wait_for_refused("denied", 1.0);
    fs::write(site.folder.path().join("denied"), "").unwrap();
    site.access.denied.reload().unwrap();
    agent.assert_nothing_came_before(3);
}

#[test]
fn a_revoked_key_does_not_live_on_in_the_cache() {
    let site = Site::new();
    let agent = site.agent();
    agent.send(&agent.sealed(1));
    assert_eq!(agent.acked(1), [1]);
    site.access.keys.file().rotate(now(), OldKeys::Revoke).unwrap();
    site.access.keys.reload().unwrap();
    agent.send(&agent.sealed(2));
    site.wait_for_refused("unknown_key", 1.0);
    let renewed = site.agent();
    renewed.assert_nothing_came_before(3);
}

#[test]
fn a_clock_far_ahead_is_refused_and_told_the_time() {
    let site = Site::new();
    let agent = site.agent();
    let ahead = |seq, by| agent.sealed_as(&agent.header(seq), &payload_at(seq, now().plus(Duration::from_secs(by))));
    let cause = ahead(1, 3600);
    agent.send(&cause);
    let (ack, size) = agent.ack();
    assert!(ack.seqs.is_empty() && size <= cause.len());
    assert!(now().since(ack.server_time) < Duration::from_secs(10));
    assert_eq!(site.refused("clock_ahead"), 1.0);
    agent.send(&ahead(2, 30));
    assert_eq!(agent.acked(1), [2]);
}

#[test]
fn where_no_limit_is_set_any_clock_will_do() {
    let site = Site::with(GatewayConfig { clock_ahead: Duration::ZERO, ..config() }, LogConfig::default());
    let agent = site.agent();
    agent.send(&agent.sealed_as(&agent.header(1), &payload_at(1, now().plus(Duration::from_secs(3600)))));
    assert_eq!(agent.acked(1), [1]);
}

#[test]
fn who_is_told_the_time_hears_of_a_drain_too() {
    let site = Site::new();
    let agent = site.agent();
    site.running.begin_drain();
    agent.send(&agent.sealed_as(&agent.header(1), &payload_at(1, now().plus(Duration::from_secs(3600)))));
    let (ack, _) = agent.ack();
    assert!(ack.seqs.is_empty() && ack.hints.drain, "{ack:?}");
}

#[test]
fn a_failed_log_means_no_acks_and_not_ready_until_it_recovers() {
    let retry = Duration::from_millis(5);
    let site = Site::with(config(), LogConfig { segment_bytes: 500, retry, ..LogConfig::default() });
    let agent = site.agent();
    assert!(site.running.ready());
    agent.assert_nothing_came_before(0);
    let (here, away) = (site.log_folder(), site.folder.path().join("away"));
    fs::rename(&here, &away).unwrap();
    let mut seq = 0;
    while site.running.ready() {
        seq += 1;
        agent.send(&agent.sealed(seq));
        std::thread::yield_now();
    }
    agent.send(&agent.sealed(seq + 1));
    eventually(|| site.refused("queue_failed") > 0.0, "refused by the queue");
    agent.socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut acked = Vec::new();
    let mut buffer = [0; MAX_DATAGRAM_BYTES];
    while let Ok(length) = agent.socket.recv(&mut buffer) {
        acked.extend(Ack::open(&mut buffer[..length], &agent.keys).unwrap().1.seqs);
    }
    assert!(acked.len() < seq as usize);
    agent.socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    fs::rename(&away, &here).unwrap();
    eventually(|| site.running.ready(), "recovery");
    agent.assert_nothing_came_before(1_000_000);
    let queued = site.queued();
    assert!(acked.iter().all(|seq| queued.contains(seq)), "every acked batch is there");
}

#[test]
fn a_hung_disk_saturates_and_takes_readiness_until_it_answers() {
    let site = Site::new();
    let disk = Disk::under(&site.log_folder());
    let agent = site.agent();
    agent.send(&agent.sealed(1));
    assert_eq!(agent.ack().0.seqs, [1]);
    disk.fail_after(0, Fault::Hang);
    agent.send(&agent.sealed(2));
    eventually(|| site.running.saturation() >= 1.0, "the wait for the disk counts");
    eventually(|| !site.running.ready(), "a gateway that acknowledges nothing is not ready");
    let why = site.running.check().unwrap_err();
    assert!(why.starts_with("the queue's disk hangs: the oldest batch waits"), "{why}");
    disk.heal();
    assert_eq!(agent.ack().0.seqs, [2]);
    eventually(|| site.running.ready(), "recovery");
}

#[test]
fn a_drain_tells_agents_to_leave_and_answers_all() {
    let site = Site::new();
    let agent = site.agent();
    agent.send(&agent.sealed(1));
    assert!(!agent.ack().0.hints.drain);
    site.running.begin_drain();
    assert!(!site.running.ready());
    agent.send(&agent.sealed(2));
    assert!(agent.ack().0.hints.drain);
    (3..50).for_each(|seq| agent.send(&agent.sealed(seq)));
    assert_eq!(site.running.drain(), Drained::Quiet);
    assert_eq!(agent.acked(47), (3..50).collect::<Vec<_>>());
}

#[test]
fn a_drain_ends_at_its_deadline() {
    let impatient =
        GatewayConfig { drain_deadline: Duration::from_millis(50), quiet: Duration::from_secs(3600), ..config() };
    let site = Site::with(impatient, LogConfig::default());
    assert_eq!(site.running.drain(), Drained::Deadline);
}

#[test]
fn two_gateways_share_a_key_and_a_queue() {
    let first = Site::new();
    let log = Log::open(&first.folder.path().join("queue"), "second", LogConfig::default()).unwrap();
    let second = Gateway::bind(config(), first.access.clone(), Arc::new(log)).unwrap().start().unwrap();
    let (here, there) = (first.agent(), Agent::new(first.session(), second.batch_address()));
    here.send(&here.sealed(1));
    there.send(&there.sealed(2));
    assert_eq!((here.acked(1), there.acked(1)), (vec![1], vec![2]));
    let mut queued = first.queued();
    // Within a millisecond, which of two logs is read first is open.
    queued.sort_unstable();
    assert_eq!(queued, [1, 2]);
}
