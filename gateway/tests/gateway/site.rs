//! A gateway with its files, and the sending half of an agent.

use std::path::PathBuf;
use std::{
    net::UdpSocket,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;
use weir_gateway::{Access, Gateway, GatewayConfig, Running};
use weir_identity::{DenyList, FleetKeyFile, FleetKeys, TokenKeys};
use weir_queue::{Checkpoint, Log, LogConfig, Reader};
use weir_sample::{Reading, Series, Timestamp, Value, Window};
use weir_wire::{
    Ack, AgentId, Batch, DatagramKind, Encoder, Epoch, Header, MAX_DATAGRAM_BYTES, Session, SessionKeys, Totals, seal,
};

pub(crate) const AGENT: AgentId = AgentId([7; 16]);
pub(crate) const EPOCH: Epoch = Epoch(0x6543_2100_ABCD);

pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) access: Access,
    pub(crate) log: Arc<Log>,
    pub(crate) running: Running,
}

pub(crate) fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

pub(crate) fn config() -> GatewayConfig {
    GatewayConfig {
        batch: "127.0.0.1:0".parse().unwrap(),
        quiet: Duration::from_millis(100),
        drain_deadline: Duration::from_secs(5),
        ..GatewayConfig::default()
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(config(), LogConfig { retry: Duration::from_millis(5), ..LogConfig::default() })
    }

    pub(crate) fn with(config: GatewayConfig, log: LogConfig) -> Self {
        Self::with_tokens(config, log, None)
    }

    pub(crate) fn with_tokens(config: GatewayConfig, log: LogConfig, tokens: Option<Arc<TokenKeys>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = FleetKeyFile::open_or_create(folder.path().join("fleet.keys"), now()).unwrap();
        let keys = Arc::new(FleetKeys::watch(file).unwrap());
        let denied = Arc::new(DenyList::watch(folder.path().join("denied")).unwrap());
        let access = Access { keys, denied, tokens };
        let log = Arc::new(Log::open(&folder.path().join("queue"), "gateway", log).unwrap());
        let gateway = Gateway::bind(config, access.clone(), Arc::clone(&log)).unwrap();
        let running = gateway.start().unwrap();
        Self { folder, access, log, running }
    }

    pub(crate) fn session(&self) -> Session {
        let expires = (now().millis() / 1_000) as u32 + 600;
        self.access.keys.signing(now()).unwrap().session(5, AGENT, expires)
    }

    pub(crate) fn agent(&self) -> Agent {
        Agent::new(self.session(), self.running.batch_address())
    }

    /// The folder of the gateway's log.
    pub(crate) fn log_folder(&self) -> PathBuf {
        self.folder.path().join("queue").join("gateway")
    }

    pub(crate) fn queued(&self) -> Vec<u64> {
        let root = self.folder.path().join("queue");
        let mut reader = Reader::open(&root, "test", &Checkpoint::default()).unwrap();
        let mut seqs = Vec::new();
        let queued = reader.poll(usize::MAX, |record, _| {
            assert_eq!((record.tenant, record.agent, record.epoch), (5, AGENT, EPOCH));
            assert_eq!(record.payload, payload(record.seq));
            seqs.push(record.seq);
        });
        queued.unwrap();
        seqs
    }

    pub(crate) fn refused(&self, reason: &str) -> f64 {
        value(&self.running.readings(), "weir_gateway_refused_total", reason)
    }

    pub(crate) fn reading(&self, name: &str) -> f64 {
        value(&self.running.readings(), name, "")
    }

    pub(crate) fn wait_for_refused(&self, reason: &str, count: f64) {
        eventually(|| self.refused(reason) == count, reason);
    }
}

pub(crate) fn value(readings: &[Reading], name: &str, reason: &str) -> f64 {
    let labelled = |series: &Series| reason.is_empty() || series.labels().any(|(_, value)| value == reason);
    readings.iter().filter(|r| r.series.name() == name && labelled(&r.series)).map(|r| r.value).sum()
}

pub(crate) fn eventually(mut done: impl FnMut() -> bool, what: &str) {
    let started = std::time::Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(10), "never: {what}");
        std::thread::yield_now();
    }
}

/// An encoded batch of one counter, whose window ends at `end`.
pub(crate) fn payload_at(seq: u64, end: Timestamp) -> Vec<u8> {
    let series = Series::new("requests_total", [("host", "a-host-with-a-name"), ("path", "/a/path/of/some/length")]);
    let points = vec![(series, Value::Counter(seq as f64))];
    let window = Window::ending(end, 10_000);
    Encoder::new().encode(&Batch { window, totals: Totals::default(), points }, 1_000).0.remove(0)
}

pub(crate) fn payload(seq: u64) -> Vec<u8> {
    payload_at(seq, Timestamp(1_700_000_000_000))
}

/// A batch of nothing, smaller than any answer to it: window end, interval, eight totals, no keys.
pub(crate) const TINY: [u8; 11] = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The sending half of an agent, without its patience.
pub(crate) struct Agent {
    pub(crate) socket: UdpSocket,
    pub(crate) session: Session,
    pub(crate) keys: SessionKeys,
}

impl Agent {
    pub(crate) fn new(session: Session, gateway: std::net::SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(gateway).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let keys = SessionKeys::new(&session);
        Self { socket, session, keys }
    }

    pub(crate) fn header(&self, seq: u64) -> Header {
        Header {
            kind: DatagramKind::Batch,
            ack_wanted: true,
            dictionary: weir_wire::DICTIONARY_ID,
            key_id: self.session.key_id,
            tenant: self.session.tenant,
            expires: self.session.expires,
            agent: self.session.agent,
            epoch: EPOCH,
            seq,
        }
    }

    pub(crate) fn sealed(&self, seq: u64) -> Vec<u8> {
        self.sealed_as(&self.header(seq), &payload(seq))
    }

    pub(crate) fn sealed_as(&self, header: &Header, payload: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::new();
        seal(header, payload, &self.keys, &mut datagram);
        datagram
    }

    pub(crate) fn send(&self, datagram: &[u8]) {
        self.socket.send(datagram).unwrap();
    }

    /// The next ack and its size.
    pub(crate) fn ack(&self) -> (Ack, usize) {
        let mut buffer = [0; MAX_DATAGRAM_BYTES];
        let length = self.socket.recv(&mut buffer).unwrap();
        (Ack::open(&mut buffer[..length], &self.keys).unwrap().1, length)
    }

    pub(crate) fn acked(&self, count: usize) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            let (ack, _) = self.ack();
            assert_eq!(ack.epoch, EPOCH);
            seqs.extend(ack.seqs);
        }
        seqs.sort_unstable();
        seqs
    }

    /// Sends a good batch after all others and takes its ack; whatever else was answered would have come before it.
    pub(crate) fn assert_nothing_came_before(&self, seq: u64) {
        self.send(&self.sealed(seq));
        assert_eq!(self.ack().0.seqs, [seq]);
    }
}
