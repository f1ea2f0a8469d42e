//! The StatsD side: datagrams in, a window's points out. A line that is not taken is counted, and now and then shown.

mod events;
mod path;
mod queue;
mod stream;
mod udp;

use std::io::ErrorKind;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::UnixDatagram;
use weir_link::{Inherited, UdpConfig, UdpSocket, inherited};
use weir_sample::{Event, Reading, Series, Timestamp, Value, Window};
use weir_statsd::{Aggregator, AggregatorConfig, Reason, Refused};

use crate::clock::Moment;
use crate::config::Config;
use crate::sampler::Sampler;
use events::Events;
use path::{Access, SocketFile};
use stream::Streams;
use udp::Udp;

pub(crate) use queue::note as queue_note;

/// The StatsD sockets and what was gathered from them.
pub(crate) struct Intake {
    aggregator: Aggregator,
    next_rules: Option<AggregatorConfig>,
    events: Events,
    clock_ahead_ms: i64,
    udp: Option<Udp>,
    datagrams: Option<UnixDatagram>,
    streams: Option<Streams>,
    files: Vec<SocketFile>,
    buffer: Vec<u8>,
    shown: Sampler,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    udp: u64,
    unix_datagram: u64,
    unix_stream: u64,
    truncated: u64,
    failed_receives: u64,
}

impl Counts {
    fn received(&self) -> u64 {
        self.udp + self.unix_datagram + self.unix_stream
    }
}

/// What came in by StatsD since the start, and what of it was not counted as sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    pub lines: u64,
    /// Held now.
    pub series: u64,
    pub refused: u64,
    pub folded: u64,
    pub lost_datagrams: u64,
}

const SHOW_EVERY: Duration = Duration::from_secs(10);
/// Unix datagrams taken before other work gets its turn.
const MAX_PER_TURN: usize = 64;
/// One more byte tells a datagram that was cut.
const BUFFER_BYTES: usize = 65_537;

/// A socket's path for the log.
fn file_of(path: Option<&std::path::Path>) -> std::path::Display<'_> {
    path.unwrap_or(std::path::Path::new("a socket without a name")).display()
}

impl Intake {
    /// Takes the sockets that the service manager has opened; without any, binds what the configuration names.
    pub(crate) fn bind(config: &Config) -> Result<Self> {
        let mut intake = Self {
            aggregator: Aggregator::new(config.aggregator()),
            next_rules: None,
            events: Events::default(),
            clock_ahead_ms: 0,
            udp: None,
            datagrams: None,
            streams: None,
            files: Vec::new(),
            buffer: Vec::new(),
            shown: Sampler::new(SHOW_EVERY),
            counts: Counts::default(),
        };
        let given = inherited(&UdpConfig::default()).context("taking over the service manager's sockets")?;
        match given.is_empty() {
            true => intake.open(config)?,
            false => given.into_iter().try_for_each(|socket| intake.adopt(socket))?,
        }
        Ok(intake)
    }

    fn open(&mut self, config: &Config) -> Result<()> {
        if let Some(address) = config.statsd.address() {
            let socket = UdpSocket::bind(address, &UdpConfig::default()).with_context(|| {
                format!("is another StatsD server at {address}? --statsd takes another address, or \"off\"")
            })?;
            self.adopt(Inherited::Udp(socket))?;
        }
        let access = Access { mode: config.statsd_socket_mode.0, group: config.statsd_socket_group.clone() };
        if let Some(path) = &config.statsd_datagram {
            let (socket, file) = path::bind_datagram(path, &access)?;
            self.files.push(file);
            self.adopt(Inherited::UnixDatagram(socket))?;
        }
        if let Some(path) = &config.statsd_stream {
            let (socket, file) = path::bind_stream(path, &access)?;
            self.files.push(file);
            self.adopt(Inherited::UnixStream(socket))?;
        }
        Ok(())
    }

    fn adopt(&mut self, socket: Inherited) -> Result<()> {
        match socket {
            Inherited::Udp(socket) => {
                tracing::info!(address = %socket.local_addr()?, "listening for statsd");
                self.udp = Some(Udp::new(socket)?);
            }
            Inherited::UnixDatagram(socket) => {
                tracing::info!(path = %file_of(socket.local_addr()?.as_pathname()), "listening for statsd datagrams");
                socket.set_nonblocking(true)?;
                self.datagrams = Some(UnixDatagram::from_std(socket)?);
            }
            Inherited::UnixStream(socket) => {
                tracing::info!(path = %file_of(socket.local_addr()?.as_pathname()), "listening for statsd streams");
                self.streams = Some(Streams::new(socket)?);
            }
            Inherited::Tcp(_) | Inherited::Other => {
                tracing::warn!("the service manager gave a socket that is of no use here")
            }
        }
        Ok(())
    }

    /// Waits for lines and takes them in; may be dropped and called again at any time.
    pub(crate) async fn receive(&mut self) {
        let chunk = tokio::select! {
            () = readable_udp(self.udp.as_ref()) => None,
            () = readable(self.datagrams.as_ref()) => None,
            chunk = next(self.streams.as_mut()) => Some(chunk),
        };
        match chunk {
            Some(chunk) => self.ingest_chunk(&chunk),
            None => self.receive_now(),
        }
    }

    /// Takes in what has arrived already.
    pub(crate) async fn drain(&mut self) {
        for _ in 0..MAX_DRAIN_TURNS {
            let seen = self.counts.received();
            // Lets the event loop hear of what has arrived since it last looked.
            tokio::task::yield_now().await;
            self.receive_now();
            while let Some(chunk) = self.streams.as_mut().and_then(Streams::next_now) {
                self.ingest_chunk(&chunk);
            }
            if self.counts.received() == seen {
                return;
            }
        }
    }

    fn receive_now(&mut self) {
        self.hear();
        let Self { udp, datagrams, aggregator, shown, counts, buffer, .. } = self;
        let outcome = udp.as_mut().map_or(Ok(()), |udp| {
            counts.udp += udp.receive(|lines| aggregator.receive_all(lines, |refused| show(shown, &refused)))? as u64;
            Ok(())
        });
        record_failure(outcome, counts, shown);
        let Some(socket) = datagrams else { return };
        buffer.resize(BUFFER_BYTES, 0);
        for _ in 0..MAX_PER_TURN {
            match socket.try_recv(buffer) {
                Ok(BUFFER_BYTES..) => counts.truncated += 1,
                Ok(size) => {
                    counts.unix_datagram += 1;
                    aggregator.receive(&buffer[..size], |refused| show(shown, &refused));
                }
                Err(error) => return record_failure(Err(error), counts, shown),
            }
        }
    }

    fn ingest_chunk(&mut self, chunk: &[u8]) {
        self.hear();
        self.counts.unix_stream += 1;
        let shown = &mut self.shown;
        self.aggregator.receive(chunk, |refused| show(shown, &refused));
    }

    /// Lines are heard at the time of day plus this, from now on.
    pub(crate) fn set_clock(&mut self, ahead_ms: i64) {
        self.clock_ahead_ms = ahead_ms;
    }

    fn hear(&mut self) {
        self.aggregator.hear_at(Timestamp(Moment::now().wall.0.saturating_add(self.clock_ahead_ms)));
    }

    /// Ends the window: its points, and its events and service checks. The next one may have new rules.
    pub(crate) fn close(&mut self, window: Window) -> (Vec<(Series, Value)>, Vec<Event>) {
        let points = self.aggregator.close(window);
        let events = self.aggregator.drain_events();
        self.events.keep(&events);
        if let Some(rules) = self.next_rules.take() {
            self.aggregator = Aggregator::with_telemetry(rules, self.aggregator.telemetry());
        }
        (points, events)
    }

    /// The latest events and service checks of the windows that are closed, as JSON.
    pub(crate) fn events(&self) -> String {
        self.events.page()
    }

    /// Aggregates by new rules from the next window on. Gauges forget what they were.
    pub(crate) fn reconfigure(&mut self, rules: AggregatorConfig) {
        self.next_rules = Some(rules);
    }

    /// Datagrams that were lost, by reason.
    fn lost(&self) -> [(&'static str, u64); 4] {
        let socket = self.udp.as_ref().map(|udp| &udp.socket);
        let too_long = self.streams.as_ref().map_or(0, |streams| streams.too_long.load(Relaxed));
        [
            ("kernel_drop", socket.map_or(0, UdpSocket::kernel_drops)),
            ("truncated", self.counts.truncated + socket.map_or(0, UdpSocket::truncated)),
            ("stream_too_long", too_long),
            ("receive_error", self.counts.failed_receives),
        ]
    }

    pub(crate) fn tally(&self) -> Tally {
        let statsd = self.aggregator.telemetry();
        Tally {
            lines: statsd.lines(),
            series: statsd.series(),
            refused: Reason::ALL.iter().map(|reason| statsd.refused(*reason)).sum(),
            folded: statsd.folded(),
            lost_datagrams: self.lost().iter().map(|(_, count)| count).sum(),
        }
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let statsd = self.aggregator.readings().into_iter().map(|reading| {
            let name = reading.series.name().replacen("weir_", "weir_agent_", 1);
            Reading { series: reading.series.with_name(&name), ..reading }
        });
        let mut readings: Vec<_> = statsd.collect();
        let Counts { udp, unix_datagram, unix_stream, .. } = self.counts;
        let granted = self.udp.as_ref().map(|udp| udp.socket.granted_buffer_bytes());
        let received = |socket, count| {
            let name = "weir_agent_statsd_datagrams_total";
            Reading::counter(name, &[("socket", socket)], count, "StatsD datagrams, or pieces of streams, received.")
        };
        readings.extend([
            received("udp", udp),
            received("unix_datagram", unix_datagram),
            received("unix_stream", unix_stream),
            Reading::gauge(
                "weir_agent_statsd_receive_buffer_bytes",
                &[],
                granted.unwrap_or_default() as f64,
                "Receive buffer granted by the kernel; if kernel_drop grows, raise it with sysctl net.core.rmem_max.",
            ),
        ]);
        readings.extend(self.lost().map(|(reason, count)| {
            Reading::counter("weir_agent_statsd_lost_datagrams_total", &[("reason", reason)], count, LOST_HELP)
        }));
        readings
    }
}

async fn readable_udp(udp: Option<&Udp>) {
    match udp {
        Some(udp) => udp.readable().await,
        None => std::future::pending().await,
    }
}

async fn readable(socket: Option<&UnixDatagram>) {
    match socket {
        Some(socket) if socket.readable().await.is_ok() => {}
        _ => std::future::pending().await,
    }
}

async fn next(streams: Option<&mut Streams>) -> Vec<u8> {
    match streams {
        Some(streams) => streams.next().await,
        None => std::future::pending().await,
    }
}

fn record_failure(outcome: std::io::Result<()>, counts: &mut Counts, shown: &mut Sampler) {
    let Err(error) = outcome else { return };
    if error.kind() == ErrorKind::WouldBlock {
        return;
    }
    counts.failed_receives += 1;
    if let Some(left_out) = shown.admit(Instant::now()) {
        tracing::warn!(%error, left_out, "receiving statsd failed");
    }
}

fn show(shown: &mut Sampler, refused: &Refused<'_>) {
    if let Some(left_out) = shown.admit(Instant::now()) {
        let line = &refused.line[..refused.line.len().min(MAX_SHOWN_BYTES)];
        let (reason, line) = (refused.reason(), line.escape_ascii());
        tracing::warn!(reason, %line, left_out, "a statsd line is not taken");
    }
}

/// What a stop takes in at most: more than any receive buffer holds.
const MAX_DRAIN_TURNS: usize = 10_000;
const MAX_SHOWN_BYTES: usize = 200;
const LOST_HELP: &str = "StatsD datagrams lost (loss): kernel_drop means that the socket's buffer was full, so raise it \
    with `sysctl -w net.core.rmem_max=16777216` and restart the agent; truncated that a client sends more than 64 KiB \
    at once; stream_too_long that a stream held no line feed for 64 KiB and was closed; receive_error that the system \
    refused to receive, the log says why.";
