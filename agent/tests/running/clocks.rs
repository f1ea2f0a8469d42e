//! An agent whose clock differs from its gateways': a real process, and gateways of the test's own that are as wrong as it takes.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use weir_sample::{Timestamp, Value};
use weir_wire::{Ack, Batch, FleetKey, Header, Hints, SessionKeys, decode, open};

use crate::agent::Agent;

/// As gateways have it by default.
const CLOCK_AHEAD: Duration = Duration::from_secs(60);
const HOUR: i64 = 3_600;
const DAYS: i64 = 10 * 24 * HOUR;

/// A gateway with a clock of its own, which refuses what ends too far past it, and tells the time.
struct Gateway {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Batch>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// One that is so many seconds ahead of this host.
    fn start(ahead: i64) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let (taken, stop) = (Arc::<Mutex<Vec<Batch>>>::default(), Arc::new(AtomicBool::new(false)));
        let (takes, stops) = (taken.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut datagram = [0; 2_048];
            while !stops.load(Ordering::Relaxed) {
                if let Ok((size, peer)) = socket.recv_from(&mut datagram) {
                    let (answer, batch) = answer(&mut datagram[..size], now(ahead));
                    takes.lock().unwrap().extend(batch);
                    socket.send_to(&answer, peer).unwrap();
                }
            }
        });
        Self { address, taken, stop, thread: Some(thread) }
    }

    /// By how many seconds the ends of windows are past this host's clock, of batches taken until now.
    fn ends(&self) -> BTreeSet<i64> {
        let ends = self.taken.lock().unwrap();
        ends.iter().map(|batch| (batch.window.end().millis() - now(0).millis()) / 1_000).collect()
    }

    /// What was taken of this counter.
    fn sum(&self, name: &str) -> f64 {
        let taken = self.taken.lock().unwrap();
        let points = taken.iter().flat_map(|batch| &batch.points).filter(|(series, _)| series.name() == name);
        points.map(|(_, value)| if let Value::Counter(value) = value { *value } else { 0.0 }).sum()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn now(ahead: i64) -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(since.as_millis() as i64 + ahead * 1_000)
}

/// An ack, of nothing if the window ends too far ahead; and what was taken.
fn answer(datagram: &mut [u8], server_time: Timestamp) -> (Vec<u8>, Option<Batch>) {
    let header = Header::decode(datagram).unwrap();
    let key = FleetKey { id: 1, secret: [7; 32] };
    let keys = SessionKeys::new(&key.session(header.tenant, header.agent, header.expires));
    let batch = decode(open(datagram, &keys).unwrap()).unwrap();
    let takes = batch.window.end().since(server_time) <= CLOCK_AHEAD;
    let seqs = if takes { vec![header.seq] } else { Vec::new() };
    let mut sealed = Vec::new();
    Ack { epoch: header.epoch, seqs, hints: Hints::default(), server_time }.seal(&header, [3; 12], &keys, &mut sealed);
    (sealed, takes.then_some(batch))
}

/// An agent of these gateways, with StatsD and telemetry.
fn start(gateways: &[Gateway]) -> (Agent, UdpSocket) {
    let servers: Vec<String> = gateways.iter().map(|gateway| gateway.address.to_string()).collect();
    let mut agent = Agent::start_at(&servers.join(","), "telemetry = \"127.0.0.1:0\"\n", &["--statsd", "127.0.0.1:0"]);
    let statsd = UdpSocket::bind("127.0.0.1:0").unwrap();
    statsd.connect(agent.address("listening for statsd")).unwrap();
    (agent, statsd)
}

#[test]
fn an_agent_an_hour_ahead_of_two_gateways_goes_by_their_time_and_loses_nothing() {
    let gateways = [Gateway::start(-HOUR), Gateway::start(-HOUR)];
    let (mut agent, statsd) = start(&gateways);
    (0..10).for_each(|_| _ = statsd.send(b"jobs:1|c").unwrap());
    agent.log_line("a gateway says that the clock is wrong");
    agent.log_line("the clock is wrong: windows go by the gateways' time");
    agent.metric_becomes("weir_agent_clock_corrected", 1.0);
    (0..10).for_each(|_| _ = statsd.send(b"jobs:1|c").unwrap());
    let sum = || gateways.iter().map(|gateway| gateway.sum("jobs")).sum::<f64>();
    agent.until("all lines taken", || sum() >= 20.0);
    assert_eq!(sum(), 20.0, "and none twice");
    let ends: Vec<i64> = gateways.iter().flat_map(Gateway::ends).collect();
    assert!(ends.iter().all(|end| (-HOUR - 90..=-HOUR + 2).contains(end)), "{ends:?}");
    let status = agent.page("/status");
    assert!(status.contains("corrected 1") && status.contains("clock     seconds ahead 3"), "{status}");
}

#[test]
fn an_agent_an_hour_behind_goes_by_its_gateways_time() {
    let gateways = [Gateway::start(HOUR), Gateway::start(HOUR)];
    let (mut agent, _) = start(&gateways);
    agent.metric_becomes("weir_agent_clock_corrected", 1.0);
    let right = |end: &i64| (HOUR - 5..=HOUR + 2).contains(end);
    agent.until("windows of the gateways' time", || gateways.iter().flat_map(Gateway::ends).any(|end| right(&end)));
}

#[test]
fn one_gateway_of_three_that_is_ten_days_ahead_loses_and_moves_nothing() {
    let gateways = [Gateway::start(DAYS), Gateway::start(0), Gateway::start(0)];
    let (mut agent, statsd) = start(&gateways);
    for line in 1..=10 {
        statsd.send(b"jobs:1|c").unwrap();
        let sum = || gateways.iter().map(|gateway| gateway.sum("jobs")).sum::<f64>();
        agent.until("the line taken", || sum() >= f64::from(line));
        assert_eq!(sum(), f64::from(line));
    }
    assert!(agent.page("/metrics").contains("weir_agent_clock_corrected 0"));
    let ends: Vec<i64> = gateways.iter().flat_map(Gateway::ends).collect();
    assert!(ends.iter().all(|end| (-90..=2).contains(end)), "{ends:?}");
}
