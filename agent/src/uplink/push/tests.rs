//! The push side towards sockets of the test's own.

use weir_sample::Timestamp;
use weir_wire::{FleetKey, window_of};

use super::*;

/// A push side towards this server that has a session for ever.
fn push(server: &str, spool: Option<Spool>) -> Push {
    let agent = AgentId([1; 16]);
    let config = OutboxConfig { max_bytes: usize::MAX, ..OutboxConfig::default() };
    let mut sender = Sender::new(agent, Epoch(1), config, 1);
    sender.grant(FleetKey { id: 1, secret: [7; 32] }.session(0, agent, u32::MAX), None);
    Push {
        sender,
        encoder: Encoder::new(),
        spool,
        spool_errors: 0,
        left_out_events: 0,
        spool_fails: false,
        last_ack: Instant::now(),
        news: mpsc::channel(1).1,
        gateways: Gateways::new(server.parse().unwrap(), agent),
        socket: None,
        identity: None,
        stream: None,
        stream_ended: None,
        unreachable: HashSet::new(),
        datagram: Vec::new(),
        renamed: false,
        trouble: Trouble::default(),
        failures: Failures::default(),
        heard: Vec::new(),
        next_opinion: (Instant::now(), FIRST_OPINION),
        taken_back: Instant::now(),
    }
}

#[tokio::test]
async fn a_socket_that_cannot_be_opened_is_a_failed_send_and_not_the_end() {
    // No system connects a socket to everybody that was not asked to.
    let mut push = push("255.255.255.255:9", None);
    let window = Window::ending(Timestamp::from_secs(1_700_000_000), 10_000);
    push.close_window(window, vec![(Series::named("done"), Value::Counter(1.0))]);
    push.send_due().await;
    assert_eq!((push.sender.ledger().failed_sends, push.unacked()), (1, 1));
    assert!(push.next_wake().is_some_and(|wake| wake > Instant::now()));
}

#[tokio::test]
async fn an_address_without_a_way_to_it_is_passed_over_at_once_and_named_once() {
    let gateway = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = gateway.local_addr().unwrap().port();
    // Whichever comes first in this agent's order.
    let mut push = push(&format!("255.255.255.255:9,127.0.0.1:{port}"), None);
    for end in 0..3 {
        let window = Window::ending(Timestamp::from_secs(1_700_000_000 + end), 10_000);
        push.close_window(window, vec![(Series::named("done"), Value::Counter(1.0))]);
        push.send_due().await;
        let mut bytes = [0; 2_048];
        gateway.recv(&mut bytes).await.unwrap();
    }
    assert_eq!(push.sender.ledger().failed_sends, 0);
    assert!(!push.unreachable.contains(&gateway.local_addr().unwrap()));
}

#[test]
fn what_a_full_spool_loses_in_memory_and_on_disk_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut push = push("127.0.0.1:9", Some(Spool::open(folder.path(), 400_000).unwrap()));
    for seq in 0..1_500 {
        push.keep(Entry { epoch: Epoch(1), seq, payload: vec![0; 1_000], samples: 10 });
        let totals = push.sender.totals(push.on_disk());
        assert_eq!(totals.dropped_batches + totals.spooled_batches, seq + 1);
        assert_eq!(totals.dropped_samples, 10 * totals.dropped_batches);
        let in_memory = push.sender.outbox().bytes();
        assert!(in_memory <= MAX_OUTBOX_BYTES + 1_000, "{in_memory} bytes in memory");
        // Seldom, so that a file goes which memory holds none of.
        if seq % 500 == 0 {
            push.refill();
        }
    }
    assert!(push.sender.totals(0).dropped_batches > 1_000);
    assert!(push.spool.as_ref().is_some_and(|spool| spool.bytes() <= 400_000));
    assert!(push.sender.ledger().shed_batches > 0 && push.sender.outbox().totals().dropped_batches > 0);
}

#[test]
fn windows_of_the_future_are_sent_again_as_earlier_ones_and_leave_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Spool::open(folder.path(), 1 << 20).unwrap();
    let mut push = push("127.0.0.1:9", Some(open()));
    let time = Timestamp::from_secs(1_700_000_007);
    let ends = |push: &Push| {
        let ends = push.sender.outbox().waiting().map(|entry| window_of(&entry.payload).unwrap().end());
        ends.map(|end| end.millis() / 1_000 - 1_700_000_000).collect::<Vec<_>>()
    };
    let close = |push: &mut Push, end: i64| {
        let window = Window::ending(Timestamp::from_secs(1_700_000_000 + end), 10_000);
        push.close_window(window, vec![(Series::named("done"), Value::Counter(1.0))]);
    };
    [60, 110, 120, 130].into_iter().for_each(|end| close(&mut push, end));
    push.begin_epoch(Epoch(2));
    push.taken_back = Instant::now() - Duration::from_secs(1);
    push.take_back(time, Duration::from_secs(125));
    // Those that a gateway may take stay, and none ends after now.
    assert_eq!(ends(&push), [60, -20, -10, 0]);
    assert_eq!((push.sender.totals(0).sealed_batches, push.unacked()), (4, 4));
    let kept: Vec<_> = push.sender.outbox().waiting().cloned().collect();
    drop(push);
    let mut spool = open();
    let read = |spool: &mut Spool| std::iter::from_fn(|| spool.read_next()).collect::<Vec<_>>();
    assert_eq!(spool.unread(), 4);
    assert_eq!(read(&mut spool), kept, "what was sent again does not come back as it was");
    // Nor once that is acked, while the segment that it was in is still there.
    kept[1..].iter().for_each(|entry| spool.acked(entry));
    drop(spool);
    let mut spool = open();
    assert_eq!(read(&mut spool), kept);
    kept.iter().rev().for_each(|entry| spool.acked(entry));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_a_full_disk_was_not_told_to_replace_is_told_with_the_next_batch() {
    let folder = tempfile::tempdir().unwrap();
    let entry = |seq| Entry { epoch: Epoch(1), seq, payload: vec![0; 100], samples: 1 };
    let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
    (0..3).for_each(|seq| spool.append(&entry(seq)).unwrap());
    let disk = weir_files::fault::Disk::under(folder.path());
    disk.fail_after(0, weir_files::fault::Fault::NoSpace);
    spool.replace((Epoch(1), 1));
    assert!(spool.append(&entry(3)).is_err());
    disk.heal();
    spool.append(&entry(4)).unwrap();
    drop(spool);
    let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
    let seqs: Vec<_> = std::iter::from_fn(|| spool.read_next()).map(|entry| entry.seq).collect();
    assert_eq!(seqs, [0, 2, 4]);
}
