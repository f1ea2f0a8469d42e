//! CPU per datagram of each gateway thread, for good and forged datagrams: `cargo bench -p weir-gateway`.
//!
//! A sender blasts sealed batches of many agents at one receiver over loopback; what the kernel drops is not counted.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use weir_gateway::{Admission, Gateway, GatewayConfig, Running};
use weir_identity::{DenyList, FleetKeyFile, FleetKeys};
use weir_link::{Outgoing, UdpConfig};
use weir_queue::{Log, LogConfig};
use weir_sample::{Series, Timestamp, Value, Window};
use weir_wire::{AgentId, Batch, DatagramKind, Encoder, Epoch, FleetKey, Header, SessionKeys, Totals, open, seal};

const AGENTS: u128 = 20_000;
const RUN: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let now = Timestamp(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64);
    let file = FleetKeyFile::open_or_create(folder.path().join("fleet.keys"), now)?;
    let admission =
        Admission { keys: Arc::new(FleetKeys::watch(file)?), denied: Arc::new(DenyList::none()), tokens: None };
    let key = admission.keys.signing(now).ok_or("no key")?;
    let payload = payload(now);
    println!("payload: {} bytes, 100 samples", payload.len());
    println!("open alone: {:.0} ns", open_alone(&key, &payload, now));

    let good: Vec<_> = (0..AGENTS).map(|agent| sealed(&key, agent, &payload, now)).collect();
    let mut broken = good.clone();
    broken.iter_mut().for_each(|datagram| *datagram.last_mut().unwrap_or(&mut 0) ^= 1);
    let stranger = FleetKey { id: key.id, secret: [1; 32] };
    let foreign: Vec<_> = (0..AGENTS).map(|agent| sealed(&stranger, agent, &payload, now)).collect();
    let unknown = FleetKey { id: key.id ^ 1, secret: [1; 32] };
    let unknown: Vec<_> = (0..AGENTS).map(|agent| sealed(&unknown, agent, &payload, now)).collect();

    let log = Arc::new(Log::open(&folder.path().join("queue"), "bench", LogConfig::default())?);
    let batch = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = GatewayConfig { batch, receivers: 1, ..GatewayConfig::default() };
    let running = Gateway::bind(config, admission, log)?.start()?;
    blast("good, first time", &running, &good)?;
    blast("good", &running, &good)?;
    blast("forged: broken seal, session known", &running, &broken)?;
    blast("forged: another fleet's key", &running, &foreign)?;
    blast("forged: unknown key", &running, &unknown)?;
    Ok(())
}

fn blast(what: &str, running: &Running, datagrams: &[Vec<u8>]) -> Result<(), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let (before, received_before) = (cpu()?, received(running));
    let started = Instant::now();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| send_all(running.batch_address(), datagrams, &stop));
        std::thread::sleep(RUN);
        stop.store(true, Relaxed);
        sender.join().map_err(|_| "the sender failed")?.map_err(|e| e.to_string())
    })?;
    let (elapsed, after) = (started.elapsed(), cpu()?);
    let count = received(running) - received_before;
    println!("{what}: {:.0} datagrams/s", count / elapsed.as_secs_f64());
    for (thread, nanos) in after {
        let spent = nanos - before.get(&thread).copied().unwrap_or(0);
        if spent > 0 && (thread.starts_with("gateway") || thread.starts_with("queue")) {
            println!("    {thread}: {:.0} ns each, {:.0} % of a core", spent as f64 / count, {
                spent as f64 / elapsed.as_nanos() as f64 * 100.0
            });
        }
    }
    Ok(())
}

fn send_all(to: SocketAddr, datagrams: &[Vec<u8>], stop: &AtomicBool) -> Result<(), weir_link::Error> {
    let socket = weir_link::UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &UdpConfig::default())?;
    let mut outgoing = Outgoing::new();
    for datagram in datagrams.iter().cycle() {
        outgoing.push(to, datagram);
        if outgoing.is_full() {
            // Blocking: the only errors are those of single datagrams, which are counted away.
            let _ = socket.send(&mut outgoing);
            if stop.load(Relaxed) {
                break;
            }
        }
    }
    Ok(())
}

/// Nanoseconds on a CPU of every thread of this process, by name.
fn cpu() -> std::io::Result<BTreeMap<String, u64>> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        let name = fs::read_to_string(path.join("comm"))?.trim().to_owned();
        let spent = fs::read_to_string(path.join("schedstat"))?;
        *threads.entry(name).or_default() += spent.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0u64);
    }
    Ok(threads)
}

fn received(running: &Running) -> f64 {
    let readings = running.readings();
    readings.iter().filter(|r| r.series.name() == "weir_gateway_datagrams_total").map(|r| r.value).sum()
}

fn header(key: &FleetKey, agent: u128, now: Timestamp) -> (Header, SessionKeys) {
    let expires = (now.millis() / 1_000) as u32 + 3_600;
    let agent = AgentId(agent.to_be_bytes());
    let (kind, dictionary, epoch) = (DatagramKind::Batch, weir_wire::DICTIONARY_ID, Epoch(1 << 40));
    let header =
        Header { kind, ack_wanted: true, dictionary, key_id: key.id, tenant: 0, expires, agent, epoch, seq: 1 };
    (header, SessionKeys::new(&key.session(0, agent, expires)))
}

fn sealed(key: &FleetKey, agent: u128, payload: &[u8], now: Timestamp) -> Vec<u8> {
    let (header, keys) = header(key, agent, now);
    let mut datagram = Vec::new();
    seal(&header, payload, &keys, &mut datagram);
    datagram
}

fn open_alone(key: &FleetKey, payload: &[u8], now: Timestamp) -> f64 {
    const ROUNDS: u32 = 200_000;
    let (_, keys) = header(key, 1, now);
    let datagram = sealed(key, 1, payload, now);
    let mut buffer = datagram.clone();
    let started = Instant::now();
    for _ in 0..ROUNDS {
        buffer.copy_from_slice(&datagram);
        let _ = std::hint::black_box(open(std::hint::black_box(&mut buffer), &keys));
    }
    started.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}

/// A batch of a hundred counters and gauges.
fn payload(now: Timestamp) -> Vec<u8> {
    let points = (0..100u32).map(|i| {
        let (name, value) = match i % 2 {
            0 => (format!("app_requests_{i}_total"), Value::Counter(f64::from(i * 37 % 1_000))),
            _ => (format!("app_queue_{i}_ratio"), Value::Gauge(f64::from(i * 7_919 % 10_000) / 1e4)),
        };
        (Series::new(&name, [("host", "web-0001.example"), ("pool", "web")]), value)
    });
    let window = Window::containing(now, Duration::from_secs(10));
    let batch = Batch { window, totals: Totals::default(), points: points.collect() };
    Encoder::new().encode(&batch, 1_300).0.remove(0)
}
