//! A gateway's birth: bind, start.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use flume::WeakSender;
use tokio::sync::watch;
use weir_link::{Inherited, UdpSocket};
use weir_meters::{CpuMeter, Load, Memory, clock};
use weir_queue::Log;

use crate::acks::{Acker, Group};
use crate::intake::{Acceptor, CONNECTION_BYTES, Ingest, Intake, Receiver, Sockets, StatsdIntake, Streams};
use crate::open::{Opener, SESSION_BYTES};
use crate::running::Running;
use crate::shared::{Shared, WAITING_GROUPS};
use crate::statsd::{Gatherer, Publisher, Reader};
use crate::{Access, Error, GatewayConfig, StatsdConfig, StreamConfig};

/// A gateway whose sockets are bound: datagrams already queue up in the kernel, and nothing is answered yet.
#[derive(Debug)]
pub struct Gateway {
    config: GatewayConfig,
    shared: Arc<Shared>,
    sockets: Sockets,
}

/// Ended windows that may wait for the queue, per StatsD thread.
const STATSD_WINDOWS: usize = 3;

impl Gateway {
    /// Binds the sockets.
    ///
    /// # Errors
    /// An address that cannot be bound.
    pub fn bind(config: GatewayConfig, access: Access, log: Arc<Log>) -> Result<Self, Error> {
        Self::bind_or_adopt(config, access, log, Vec::new())
    }

    /// As [`Gateway::bind`], but with the sockets that the service manager holds for the configured ports: what arrives
    /// while this process restarts waits in them.
    ///
    /// # Errors
    /// As [`Gateway::bind`].
    pub fn bind_or_adopt(
        config: GatewayConfig,
        access: Access,
        log: Arc<Log>,
        inherited: Vec<Inherited>,
    ) -> Result<Self, Error> {
        let sockets = Sockets::bind(&config, inherited)?;
        let shared = Arc::new(Shared::new(access, log, Memory::new(config.memory_bytes)));
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
        let cached = shared.memory.room(config.cached_sessions, SESSION_BYTES) / batches.len().max(1);
        let (stop_streams, stop) = watch::channel(false);
        let (intakes, statsd_intakes, streams, threads) = (Vec::new(), Vec::new(), Arc::default(), Mutex::default());
        let mut running =
            Running { config, shared, intakes, statsd: statsd_intakes, streams, threads, stop_streams, batch };
        for (number, socket) in batches.into_iter().enumerate() {
            // On an error the drop of `running` stops the threads that run already.
            running.start_intake(number, socket, cached).map_err(Error::Thread)?;
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

impl Running {
    /// An ingest and the thread that acknowledges behind it: through this socket, or through the streams themselves.
    fn ingest(&self, socket: Option<&Arc<UdpSocket>>, cached_sessions: usize) -> (Ingest, Acker, WeakSender<Group>) {
        let (groups, waiting) = flume::bounded(WAITING_GROUPS);
        let (used, spare) = flume::bounded(WAITING_GROUPS);
        let weak = groups.downgrade();
        let opener = Opener::new(self.shared.access.clone(), cached_sessions);
        let ingest = Ingest::new(Arc::clone(&self.shared), opener, self.config.clock_ahead, groups, spare);
        (ingest, Acker::new(Arc::clone(&self.shared), socket.cloned(), waiting, used), weak)
    }

    fn start_intake(&mut self, number: usize, socket: Arc<UdpSocket>, cached_sessions: usize) -> io::Result<()> {
        let (ingest, acker, groups) = self.ingest(Some(&socket), cached_sessions);
        let (shared, load) = (Arc::clone(&self.shared), Arc::<Load>::default());
        let cpu = (number == 0).then(|| CpuMeter::new(self.config.cpu_cores, Instant::now()));
        let receiver = Receiver::new(shared, Arc::clone(&socket), Arc::clone(&load), cpu, ingest);
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        threads.push(thread::Builder::new().name(format!("gateway-ack-{number}")).spawn(move || acker.run())?);
        threads.push(thread::Builder::new().name(format!("gateway-in-{number}")).spawn(move || receiver.run())?);
        self.intakes.push(Intake { socket, load, groups });
        Ok(())
    }

    fn start_streams(
        &mut self,
        listener: TcpListener,
        config: StreamConfig,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let memory = &self.shared.memory;
        let max_connections = memory.room(config.max_connections, CONNECTION_BYTES);
        let config = StreamConfig { max_connections, ..config };
        let (ingest, acker, _) = self.ingest(None, memory.room(self.config.cached_sessions, SESSION_BYTES));
        let streams = Arc::new(Streams::new(Arc::clone(&self.shared), config, ingest, stop));
        let acceptor = Acceptor { streams, load: Arc::clone(&self.streams) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            if let Err(error) = runtime.block_on(acceptor.run(listener)) {
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
        let publisher = Publisher::new(Arc::clone(&self.shared), waiting, sockets.len(), clock::now());
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        threads.push(thread::Builder::new().name("statsd-out".into()).spawn(move || publisher.run())?);
        let readers = sockets.len();
        for (number, socket) in sockets.into_iter().enumerate() {
            let (shared, load) = (Arc::clone(&self.shared), Arc::<Load>::default());
            let counters = Arc::clone(&shared.statsd);
            let gatherer = Gatherer::new(config, readers, parts.clone(), counters, clock::now());
            let reader = Reader { shared, socket: Arc::clone(&socket), load: Arc::clone(&load), gatherer };
            threads.push(thread::Builder::new().name(format!("statsd-in-{number}")).spawn(move || reader.run())?);
            self.statsd.push(StatsdIntake { socket, load });
        }
        Ok(())
    }
}
