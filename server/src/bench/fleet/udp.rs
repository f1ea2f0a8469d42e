//! Hosts that push sealed datagrams: one thread and one socket carry a share of the fleet.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use weir_link::{Outgoing, Ring, UdpConfig, UdpSocket};
use weir_wire::{Encoder, Route};

use super::host::{Host, Plan, mix};
use super::tally::{AckTimes, Tally};

/// A share of the fleet.
pub(crate) struct Worker<'a> {
    plan: &'a Plan,
    tally: &'a Tally,
    servers: &'a [SocketAddr],
    /// Share of datagrams lost on purpose, each way.
    loss: f64,
    hosts: Vec<Host>,
    /// The number of the first host; the next has the number `stride` further.
    first: u64,
    stride: u64,
    encoder: Encoder,
    socket: UdpSocket,
    /// The source before: answers to it may still come.
    previous: Option<UdpSocket>,
    server: usize,
    moved: Instant,
    outgoing: Outgoing,
    datagram: Vec<u8>,
    /// When to look after which host: at the end of its window, and when it wakes.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    /// When each host wakes next; what else is due of it was meant for before.
    wakes: Vec<Option<Instant>>,
    ack_times: AckTimes,
    chance: u64,
}

/// Sources are not changed more often than this, since a worker's hosts share theirs.
const LEAST_STAY: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_millis(100);

impl<'a> Worker<'a> {
    /// A worker for these hosts, which are every `stride`-th from `first` on.
    pub(crate) fn new(
        plan: &'a Plan,
        tally: &'a Tally,
        servers: &'a [SocketAddr],
        loss: f64,
        hosts: Vec<Host>,
        (first, stride): (u64, u64),
    ) -> Result<Self> {
        let server = first as usize % servers.len();
        Ok(Self {
            plan,
            tally,
            servers,
            loss,
            first,
            stride,
            encoder: Encoder::new(),
            socket: open(servers[server])?,
            previous: None,
            wakes: vec![None; hosts.len()],
            hosts,
            server,
            moved: Instant::now(),
            outgoing: Outgoing::new(),
            datagram: Vec::with_capacity(1_500),
            due: BinaryHeap::new(),
            ack_times: AckTimes::new(),
            chance: mix(plan.run_number ^ first) | 1,
        })
    }

    /// Pushes every window of every host from `start` on; returns when all is acked, or at `deadline`.
    pub(crate) fn run(mut self, start: Instant, deadline: Instant) -> Result<()> {
        for (at, host) in self.hosts.iter().enumerate() {
            self.due.extend(host.next_close(self.plan, start).map(|due| Reverse((due, at))));
        }
        let mut ring = Ring::new(64);
        let mut through = 0;
        while through < self.hosts.len() && Instant::now() < deadline {
            self.send_due(start)?;
            let now = Instant::now();
            let next = self.due.peek().map_or(deadline, |Reverse((due, _))| *due);
            let wait = next.saturating_duration_since(now).clamp(Duration::from_micros(200), LONGEST_WAIT);
            self.socket.set_receive_timeout(Some(wait))?;
            let received = self.socket.receive(&mut ring)?;
            for at in 0..received {
                through += usize::from(self.hear_ack(ring.datagram(at).1));
            }
            let received = self.previous.as_ref().map_or(Ok(0), |previous| previous.receive(&mut ring))?;
            for at in 0..received {
                through += usize::from(self.hear_ack(ring.datagram(at).1));
            }
        }
        let unacked: usize = self.hosts.iter().map(|host| host.sender.outbox().len()).sum();
        let resent: u64 = self.hosts.iter().map(|host| host.sender.outbox().totals().resent_batches).sum();
        self.tally.batches_unacked.fetch_add(unacked as u64, Relaxed);
        self.tally.batches_resent.fetch_add(resent, Relaxed);
        self.tally.merge_acks(&mut self.ack_times);
        Ok(())
    }

    fn send_due(&mut self, start: Instant) -> Result<()> {
        let mut move_on = false;
        while let Some(&Reverse((due, at))) = self.due.peek() {
            let now = Instant::now();
            if due > now {
                break;
            }
            self.due.pop();
            let host = &mut self.hosts[at];
            if host.next_close(self.plan, start).is_some_and(|close| close <= now) {
                self.tally.count_closed(host.close_window(self.plan, &mut self.encoder));
                self.due.extend(host.next_close(self.plan, start).map(|due| Reverse((due, at))));
            } else if self.wakes[at] != Some(due) {
                continue;
            }
            move_on |= self.send_host(at, now)?;
        }
        self.flush();
        if move_on && self.moved.elapsed() > LEAST_STAY {
            self.server = (self.server + 1) % self.servers.len();
            let previous = std::mem::replace(&mut self.socket, open(self.servers[self.server])?);
            previous.set_nonblocking(true)?;
            self.previous = Some(previous);
            self.moved = Instant::now();
        }
        Ok(())
    }

    /// Sends what the host has due; whether it wants another source.
    fn send_host(&mut self, at: usize, now: Instant) -> Result<bool> {
        while let Some(sealed) = self.hosts[at].sender.seal_next(now, &mut self.datagram) {
            self.hosts[at].record_sent(sealed.seq, now);
            if self.is_lost() {
                continue;
            }
            self.outgoing.push(self.servers[self.server], &self.datagram);
            if self.outgoing.is_full() {
                self.flush();
            }
        }
        let host = &mut self.hosts[at];
        self.wakes[at] = host.sender.next_wake(now).map(|wake| wake.max(now + LEAST_PAUSE));
        self.due.extend(self.wakes[at].map(|wake| Reverse((wake, at))));
        Ok(host.sender.leaves_source())
    }

    fn flush(&mut self) {
        // What the system does not take is sent again, as what the network loses.
        let _ = self.socket.send(&mut self.outgoing);
    }

    /// Hears an ack; whether its host is through with the run now.
    fn hear_ack(&mut self, datagram: &mut [u8]) -> bool {
        let now = Instant::now();
        let Some(number) = Plan::number(datagram).filter(|number| *number >= self.first) else { return false };
        let at = ((number - self.first) / self.stride) as usize;
        if self.is_lost() {
            return false;
        }
        let Some(host) = self.hosts.get_mut(at) else { return false };
        let before = host.is_through(self.plan);
        let Ok(delivered) = host.sender.on_datagram(now, datagram, Route::Udp) else { return false };
        // What waited for this answer goes at once.
        if !delivered.is_empty() && self.wakes[at].is_some_and(|wake| wake > now) {
            self.wakes[at] = Some(now);
            self.due.push(Reverse((now, at)));
        }
        for entry in delivered {
            let took = host.record_acked(entry.seq, now);
            self.tally.count_acked(entry.samples, took, &mut self.ack_times);
        }
        !before && host.is_through(self.plan)
    }

    fn is_lost(&mut self) -> bool {
        self.chance = mix(self.chance);
        let lost = self.loss > 0.0 && (self.chance >> 11) as f64 / (1u64 << 53) as f64 <= self.loss;
        self.tally.datagrams_lost.fetch_add(u64::from(lost), Relaxed);
        lost
    }
}

/// A host is not looked after more often than this, whatever its outbox wishes.
const LEAST_PAUSE: Duration = Duration::from_millis(1);

fn open(server: SocketAddr) -> Result<UdpSocket> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(any.parse()?, &UdpConfig::default()).context("opening a UDP socket")
}
