//! A gateway's life: bind, start, drain.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::watch;
use weir_link::{Inherited, Ring, UdpSocket};
use weir_queue::Log;
use weir_sample::Reading;

use crate::{
    Admission, Error, GateConfig, GatewayConfig, StatsdConfig, StreamConfig,
    acks::{AckWriter, Acker, Group},
    admission::Opener,
    cpu::CpuMeter,
    load::Load,
    memory::Memory,
    receiver::{EmptyAcks, Receiver},
    shared::{Shared, WAITING_GROUPS, wall_clock},
    sockets::Sockets,
    statsd::{Gatherer, Publisher, Reader},
    streams::{Desk, Streams},
};

/// A gateway whose sockets are bound: datagrams already queue up in the kernel, and nothing is answered yet.
#[derive(Debug)]
pub struct Gateway {
    config: GatewayConfig,
    shared: Arc<Shared>,
    sockets: Sockets,
}

/// A gateway at work. Dropping it stops it without a drain.
#[derive(Debug)]
pub struct Running {
    config: GatewayConfig,
    shared: Arc<Shared>,
    intakes: Vec<Intake>,
    statsd: Vec<StatsdIntake>,
    /// Of the thread that serves streams.
    streams: Arc<Load>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop_streams: watch::Sender<bool>,
    batch: SocketAddr,
}

/// One receiver with its acknowledging thread.
#[derive(Debug)]
struct Intake {
    socket: Arc<UdpSocket>,
    load: Arc<Load>,
    /// To look at the fill of the channel between the two.
    groups: flume::WeakSender<Group>,
}

/// One thread that reads StatsD.
#[derive(Debug)]
struct StatsdIntake {
    socket: Arc<UdpSocket>,
    load: Arc<Load>,
}

/// How a drain has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing arrived any more.
    Quiet,
    /// Agents were still sending at the deadline; what arrived until then is durable and acknowledged, the rest is
    /// theirs to send to another gateway.
    Deadline,
}

/// Ended windows that may wait for the queue, per StatsD thread.
const STATSD_WINDOWS: usize = 3;
const DRAIN_STEP: Duration = Duration::from_millis(20);

impl Gateway {
    /// Binds the sockets.
    ///
    /// # Errors
    /// An address that cannot be bound.
    pub fn bind(config: GatewayConfig, admission: Admission, log: Arc<Log>) -> Result<Self, Error> {
        Self::bind_or_adopt(config, admission, log, Vec::new())
    }

    /// As [`Gateway::bind`], but with the sockets that the service manager holds for the configured ports: what arrives
    /// while this process restarts waits in them.
    ///
    /// # Errors
    /// As [`Gateway::bind`].
    pub fn bind_or_adopt(
        config: GatewayConfig,
        admission: Admission,
        log: Arc<Log>,
        inherited: Vec<Inherited>,
    ) -> Result<Self, Error> {
        let sockets = Sockets::bind(&config, inherited)?;
        let shared = Arc::new(Shared::new(admission, log, Memory::new(config.memory_bytes)));
        Ok(Self { config, shared, sockets })
    }

    /// The address that batches arrive at.
    pub fn batch_address(&self) -> SocketAddr {
        self.sockets.batch
    }

    /// Starts to receive and to acknowledge.
    ///
    /// # Errors
    /// [`Error::Thread`] if the system gives no more threads.
    pub fn start(self) -> Result<Running, Error> {
        let Self { config, shared, sockets: Sockets { batches, streams: listener, statsd, batch } } = self;
        let cached = shared.memory.sessions(config.cached_sessions) / batches.len().max(1);
        let (stop_streams, stop) = watch::channel(false);
        let (intakes, statsd_intakes, streams, threads) = (Vec::new(), Vec::new(), Arc::default(), Mutex::default());
        let mut running =
            Running { config, shared, intakes, statsd: statsd_intakes, streams, threads, stop_streams, batch };
        for socket in batches {
            // On an error the drop of `running` stops the threads that run already.
            let opener = running.opener(cached);
            let number = running.intakes.len();
            running.start_intake(number, socket, opener).map_err(Error::Thread)?;
        }
        if let Some((listener, streams)) = listener.zip(running.config.streams.clone()) {
            running.start_streams(listener, streams, stop).map_err(Error::Thread)?;
        }
        if let Some(config) = running.config.statsd.clone() {
            running.start_statsd(&config, statsd).map_err(Error::Thread)?;
        }
        Ok(running)
    }
}

impl Intake {
    fn waiting_groups(&self) -> usize {
        self.groups.upgrade().map_or(0, |groups| groups.len())
    }
}

impl Running {
    /// The address that batches arrive at.
    pub fn batch_address(&self) -> SocketAddr {
        self.batch
    }

    fn opener(&self, cached_sessions: usize) -> Opener {
        let (admission, gate) = (self.shared.admission.clone(), Arc::clone(&self.shared.gate));
        Opener::new(admission, gate, cached_sessions, self.config.clock_ahead)
    }

    /// Puts other classes and rates in force, for all batches from now on.
    pub fn set_gate(&self, config: GateConfig) {
        self.shared.gate.set(config);
    }

    fn start_intake(&mut self, number: usize, socket: Arc<UdpSocket>, opener: Opener) -> io::Result<()> {
        let (groups, waiting) = flume::bounded(WAITING_GROUPS);
        let (used, spare) = flume::bounded(WAITING_GROUPS);
        let (load, weak) = (Arc::new(Load::default()), groups.downgrade());
        let acker = Acker::new(Arc::clone(&self.shared), Some(Arc::clone(&socket)), waiting, used);
        let receiver = Receiver {
            shared: Arc::clone(&self.shared),
            socket: Arc::clone(&socket),
            load: Arc::clone(&load),
            cpu: (number == 0).then(|| CpuMeter::new(self.config.cpu_cores, Instant::now())),
            opener,
            ring: Ring::new(64),
            admitted: Vec::new(),
            groups,
            spare,
            hints: EmptyAcks::default(),
        };
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        threads.push(thread::Builder::new().name(format!("gateway-ack-{number}")).spawn(move || acker.run())?);
        threads.push(thread::Builder::new().name(format!("gateway-in-{number}")).spawn(move || receiver.run())?);
        self.intakes.push(Intake { socket, load, groups: weak });
        Ok(())
    }

    fn start_streams(
        &mut self,
        listener: TcpListener,
        config: StreamConfig,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let (groups, waiting) = flume::bounded(WAITING_GROUPS);
        let (no_spare, _) = flume::bounded(0);
        let acker = Acker::new(Arc::clone(&self.shared), None, waiting, no_spare);
        let max_connections = self.shared.memory.connections(config.max_connections);
        let config = StreamConfig { max_connections, ..config };
        let opener = self.opener(self.shared.memory.sessions(self.config.cached_sessions));
        let desk = Mutex::new(Desk { opener, clock: AckWriter::default() });
        let (shared, load) = (Arc::clone(&self.shared), Arc::clone(&self.streams));
        let streams = Streams { shared, config, desk, groups, stop, load };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            if let Err(error) = runtime.block_on(streams.run(listener)) {
                tracing::error!(%error, "the gateway takes no streams");
            }
        };
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        threads.push(thread::Builder::new().name("gateway-ack-tls".into()).spawn(move || acker.run())?);
        threads.push(thread::Builder::new().name("gateway-tls".into()).spawn(serve)?);
        Ok(())
    }

    fn start_statsd(&mut self, config: &StatsdConfig, sockets: Vec<Arc<UdpSocket>>) -> io::Result<()> {
        let (parts, waiting) = flume::bounded(STATSD_WINDOWS * sockets.len());
        let publisher = Publisher::new(Arc::clone(&self.shared), waiting, sockets.len(), wall_clock());
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        threads.push(thread::Builder::new().name("statsd-out".into()).spawn(move || publisher.run())?);
        let readers = sockets.len();
        for (number, socket) in sockets.into_iter().enumerate() {
            let (shared, load) = (Arc::clone(&self.shared), Arc::<Load>::default());
            let counters = Arc::clone(&shared.statsd);
            let gatherer = Gatherer::new(config, readers, parts.clone(), counters, wall_clock());
            let reader = Reader { shared, socket: Arc::clone(&socket), load: Arc::clone(&load), gatherer };
            threads.push(thread::Builder::new().name(format!("statsd-in-{number}")).spawn(move || reader.run())?);
            self.statsd.push(StatsdIntake { socket, load });
        }
        Ok(())
    }

    /// Where StatsD is listened for: one address per thread.
    pub fn statsd_addresses(&self) -> Vec<SocketAddr> {
        self.statsd.iter().filter_map(|intake| intake.socket.local_addr().ok()).collect()
    }

    /// Whether a load balancer should send agents here: the queue takes records, memory is not at its
    /// bound, and no drain has begun.
    pub fn ready(&self) -> bool {
        !self.shared.draining.load(Relaxed) && self.shared.memory.pressure() < 1.0 && self.shared.log.check().is_ok()
    }

    /// How loaded this gateway is, from 0 to 1: the fullest of its threads' time, the channels between them, the buffer
    /// in front of the disk, and the CPU that this process may use. Made for autoscalers.
    pub fn saturation(&self) -> f64 {
        let intake = |intake: &Intake| intake.load.ratio().max(intake.waiting_groups() as f64 / WAITING_GROUPS as f64);
        let statsd = self.statsd.iter().map(|intake| intake.load.ratio());
        let whole = [self.shared.log.saturation(), self.shared.cpu.load.ratio(), self.streams.ratio()];
        self.intakes.iter().map(intake).chain(statsd).chain(whole).fold(0.0, f64::max).min(1.0)
    }

    /// Asks agents to leave, waits until they have, and makes sure that everything received is durable and
    /// acknowledged. [`Running::ready`] is false from the first moment. Blocks up to the configured deadline.
    /// It can be called from any thread, and again.
    pub fn drain(&self) -> Drained {
        self.shared.draining.store(true, Relaxed);
        let deadline = Instant::now() + self.config.drain_deadline;
        let drained = self.wait_until_quiet(deadline);
        self.stop();
        drained
    }

    /// Starts a drain without waiting for it: agents are told to leave and readiness is off.
    pub fn begin_drain(&self) {
        self.shared.draining.store(true, Relaxed);
    }

    fn wait_until_quiet(&self, deadline: Instant) -> Drained {
        let received = || self.shared.counters.received();
        let (mut last, mut since) = (received(), Instant::now());
        loop {
            thread::sleep(DRAIN_STEP);
            let now = Instant::now();
            if received() != last {
                (last, since) = (received(), now);
            }
            if now - since >= self.config.quiet {
                return Drained::Quiet;
            }
            if now >= deadline {
                return Drained::Deadline;
            }
        }
    }

    /// Receivers hear of it; each acknowledging thread ends when it has answered all that its receiver left.
    fn stop(&self) {
        self.shared.stopping.store(true, Relaxed);
        self.stop_streams.send_replace(true);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic was reported by the thread that had it.
            let _ = thread.join();
        }
    }

    /// What this gateway counts about itself.
    pub fn readings(&self) -> Vec<Reading> {
        let gauge = |name, value: f64, help| Reading::gauge(name, &[], value, help);
        let mut readings = self.shared.counters.readings();
        readings.push(gauge("weir_gateway_saturation_ratio", self.saturation(), SATURATION_HELP));
        readings.push(gauge("weir_gateway_cpu_ratio", self.shared.cpu.load.ratio(), CPU_HELP));
        readings.push(gauge("weir_gateway_cpu_cores", self.shared.cpu.cores(), CORES_HELP));
        readings.push(gauge("weir_gateway_pressure_ratio", self.shared.pressure(), PRESSURE_HELP));
        readings.extend(self.shared.gate.readings());
        readings.push(gauge("weir_gateway_ready", f64::from(u8::from(self.ready())), READY_HELP));
        for (number, intake) in self.intakes.iter().enumerate() {
            intake.read(&number.to_string(), &mut readings);
        }
        if !self.statsd.is_empty() {
            readings.extend(self.shared.statsd.readings());
        }
        for (number, intake) in self.statsd.iter().enumerate() {
            intake.read(&number.to_string(), &mut readings);
        }
        readings
    }
}

impl StatsdIntake {
    fn read(&self, number: &str, readings: &mut Vec<Reading>) {
        let (labels, socket) = ([("socket", number)], &self.socket);
        let mut gauge = |name, value: f64, help| readings.push(Reading::gauge(name, &labels, value, help));
        gauge("weir_gateway_statsd_busy_ratio", self.load.ratio(), "Part of its time that a StatsD thread works.");
        gauge("weir_gateway_statsd_wanted_buffer_bytes", socket.wanted_buffer_bytes() as f64, WANTED_HELP);
        gauge("weir_gateway_statsd_granted_buffer_bytes", socket.granted_buffer_bytes() as f64, GRANTED_HELP);
        let drops = socket.kernel_drops();
        readings.push(Reading::counter("weir_gateway_statsd_kernel_drops_total", &labels, drops, STATSD_DROPS_HELP));
    }
}

impl Intake {
    fn read(&self, number: &str, readings: &mut Vec<Reading>) {
        let labels = [("socket", number)];
        let mut gauge = |name, value: f64, help| readings.push(Reading::gauge(name, &labels, value, help));
        gauge("weir_gateway_receiver_busy_ratio", self.load.ratio(), "Part of its time that a receiver works.");
        gauge("weir_gateway_waiting_groups", self.waiting_groups() as f64, WAITING_HELP);
        gauge("weir_gateway_wanted_buffer_bytes", self.socket.wanted_buffer_bytes() as f64, WANTED_HELP);
        gauge("weir_gateway_granted_buffer_bytes", self.socket.granted_buffer_bytes() as f64, GRANTED_HELP);
        let mut counter = |name, value, help| readings.push(Reading::counter(name, &labels, value, help));
        counter("weir_gateway_kernel_drops_total", self.socket.kernel_drops(), DROPS_HELP);
        counter("weir_gateway_oversize_datagrams_total", self.socket.truncated(), "Datagrams over 64 KiB, discarded.");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

const SATURATION_HELP: &str = "The fullest of this gateway's parts, 0 to 1. Scale out above 0.7.";
const CPU_HELP: &str =
    "Part of weir_gateway_cpu_cores that this process uses. If it is what saturates, add a gateway or cores.";
const CORES_HELP: &str = "CPU cores that this process may use: gateway.cpu_cores, or its control group's quota, or the CPUs it \
    may run on.";
const PRESSURE_HELP: &str = "How far the queue backs up, or memory fills, 0 to 1. Agents slow down from 0.5, bulk is shed from 0.6 and \
    normal from 0.85. See to the queue's disk and to the sink.";
const READY_HELP: &str = "1 while agents should be sent here. At 0: draining, at the memory bound, or the queue refuses; see weir_queue_healthy.";
const WAITING_HELP: &str =
    "Groups of batches received that wait for fdatasync. Room for 4,096; beyond it acks are lost.";
const WANTED_HELP: &str = "Receive buffer asked for.";
const GRANTED_HELP: &str = "Receive buffer granted. If below what was asked for, raise the sysctl net.core.rmem_max.";
const DROPS_HELP: &str = "Datagrams the kernel dropped at a full receive buffer; agents send them again. Raise \
                          net.core.rmem_max and receive_buffer_bytes, or add a gateway.";
const STATSD_DROPS_HELP: &str = "StatsD datagrams the kernel dropped at a full receive buffer (loss: StatsD is not sent \
    again). Raise the sysctl net.core.rmem_max and statsd.receive_buffer_bytes, or statsd.threads.";
