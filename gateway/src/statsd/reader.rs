//! The thread of one StatsD socket.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use weir_link::{Ring, UdpSocket};
use weir_meters::{Load, LoadMeter, clock};

use super::Gatherer;
use crate::shared::Shared;

/// Receives until told to stop, then takes what the kernel still holds and hands on the open window.
pub(crate) struct Reader {
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) load: Arc<Load>,
    pub(crate) gatherer: Gatherer,
}

/// Datagrams that one call takes at most.
const SLOTS: usize = 64;
/// Time that more datagrams get to join those of the next call: at 500,000 a second a hundred come, which even a receive
/// buffer of the usual 208 KiB holds.
const GATHER: Duration = Duration::from_micros(200);
/// A socket that fails at once, for ever, must not take a whole core and fill the log.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// How long a stop goes on receiving from clients that do not pause.
const LAST_LINES: Duration = Duration::from_secs(1);

impl Reader {
    pub(crate) fn run(mut self) {
        let (mut ring, mut meter) = (Ring::new(SLOTS), LoadMeter::new(Instant::now()));
        while !self.shared.is_stopping() {
            self.receive(&mut ring, &mut meter);
        }
        let until = Instant::now() + LAST_LINES;
        while self.receive(&mut ring, &mut meter) > 0 && Instant::now() < until {}
        self.gatherer.finish(clock::now());
    }

    fn receive(&mut self, ring: &mut Ring, meter: &mut LoadMeter) -> usize {
        let from = Instant::now();
        // Being woken for every datagram costs more than the datagram. No line is in a hurry: its window is seconds long.
        if (1..SLOTS).contains(&ring.len()) {
            std::thread::sleep(GATHER);
        }
        let received = self.socket.receive(ring);
        meter.waited(from, Instant::now(), &self.load);
        match received {
            Ok(0) => self.gatherer.turn(clock::now()),
            Ok(count) => {
                let datagrams = (0..count).map(|at| (ring.peer(at), ring.view(at)));
                self.gatherer.ingest(datagrams, clock::now());
            }
            Err(error) => {
                self.shared.statsd.socket_errors.fetch_add(1, Relaxed);
                tracing::warn!(%error, "cannot receive StatsD");
                std::thread::sleep(ERROR_PAUSE);
            }
        }
        ring.len()
    }
}
